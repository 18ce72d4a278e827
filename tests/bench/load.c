/*
 * load.c - puts load on an echo server, checks all that comes back, and says how fast it was
 *
 *     load --port 8080 --connections 50 --bytes 64 --in-flight 16 --seconds 2
 *
 * Every connection keeps so many messages in flight: as soon as one has come back, the next is
 * sent. First each connection is opened, upgraded, and one message of 64 bytes goes there and back;
 * by then the server is idle, and its memory is read. Then the load begins, and after a while in
 * which it settles, the clock. What comes back is compared byte for byte: a server that is fast and
 * wrong ends the run. The result is one line of JSON on standard output.
 *
 * One thread and epoll do it all. The masked frames are made before the clock starts and sent from
 * where they lie, and so the generator does less for a message than the server. Where it is still
 * the slower of the two, the result says so: "limit": "load".
 *
 *     --raw        no frames are spoken: a plain TCP echo must send the same bytes back
 *     --json       the messages are text that looks like JSON
 *     --compress   they are compressed with zlib, before the clock starts, and each echo is inflated and
 *                  compared. No context is kept, and the server's window is at most 2^13 bytes: a server
 *                  that does not agree to that ends the run
 *     --chat       all connections are in one room, /chat, and the first one speaks. Each message must
 *                  come to all of them, with "a: " in front; each arrival counts as a message. A
 *                  message is in flight until the last client has it, so the speaker is never further
 *                  ahead of the slowest client than --in-flight. A message that is dropped ends the run
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* Different payloads, taken in turn: a server that mixes two messages up is found out. */
#define VARIANTS 4

/* Bytes of ready-made frames to aim for. They lie one behind the other, so that many small ones
 * go with one send; large ones there are VARIANTS of. */
#define SCRIPT_BYTES (256 * 1024)

/* Bytes that are received at once: as many as a loopback connection usually has waiting. */
#define RECEIVE_BYTES (256 * 1024)

/* Bytes of the message that each connection begins with. */
#define FIRST_BYTES 64

/* Below this many, a message is too short for the entries that text like JSON is made of. */
#define JSON_LEAST_BYTES 128

/* What --compress asks for: what this server does, so that all do the same. */
#define OFFER \
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; " \
    "server_max_window_bits=13"
#define WINDOW_BITS 13

/* The bit of a frame's first byte that says that a message is compressed. */
#define RSV1 0x40

/* What a sender removes from a compressed message, and a receiver appends (RFC 7692, section 7.2.1). */
#define TAIL "\x00\x00\xff\xff"
#define TAIL_BYTES 4

/* What a chat puts in front of each message of a client that is called a. */
#define CHAT_PREFIX "a: "

/* The part of the given seconds that passes before the clock starts. */
#define SETTLE_PART 0.25

/* Seconds that anything may take that should take next to nothing. */
#define WAIT_S 20

/* Below this part of its core, a process has had time to wait for the other. */
#define BUSY 0.95

/* Latencies are counted in buckets, each 1/16 wider than the one before it. */
#define BUCKETS_PER_DOUBLING 16
#define BUCKETS (48 * BUCKETS_PER_DOUBLING)

static struct {
    int port;
    size_t connections, bytes, in_flight;
    double seconds;
    int raw, text, json, compress, chat; /* 1: it was given */
    int server_pid;                      /* whose memory and processor time to tell; 0: nobody's */
} options = {.connections = 1, .bytes = 64, .in_flight = 1, .seconds = 1};

/* The frames that are sent again and again, one variant after the other, and the message that must come
 * back for each variant. */
static struct {
    unsigned char *bytes;
    size_t size, frame_bytes[VARIANTS];
    unsigned char *answers[VARIANTS];
    size_t answer_bytes;
} script;

struct connection {
    int fd;
    bool wants_room;          /* a send did not go: the socket is full */
    size_t unsent, send_from; /* bytes to be sent, and where they begin in the script */
    uint64_t begun, done;     /* messages */
    int64_t *begun_at;        /* when each message in flight was begun, in ns */

    /* The answer that is being received. */
    unsigned char header[10];
    size_t header_got;
    uint64_t frame_left;    /* payload bytes of this frame that are still to come */
    uint64_t message_bytes; /* payload bytes of this message that have come */
    uint64_t wire_bytes;    /* the same with the headers of its frames */
    bool is_compressed;     /* this message is */
    unsigned char *packed;  /* --compress: its payload, to be inflated when it is whole */
    size_t raw_at;          /* --raw: the place in the script that the next byte must equal */
};

static uint64_t latencies[BUCKETS];
static bool counting; /* the clock runs */
static uint64_t counted, counted_bytes;

/* --chat: who speaks, and at how many clients each message in flight has arrived. */
static struct connection *speaker;
static size_t *arrived;

/* ---- small things ---- */

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;

    fputs("load: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

static void *reserve(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        fail("out of memory");
    return memory;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The nth number of the server's stat file in /proc, counted behind its name in brackets. */
static long process_number(int n)
{
    char path[64], text[1024] = "", *at;
    FILE *from;

    snprintf(path, sizeof path, "/proc/%d/stat", options.server_pid);
    from = fopen(path, "r");
    if (from == NULL || fgets(text, sizeof text, from) == NULL)
        fail("the server (process %d) is gone", options.server_pid);
    fclose(from);
    at = strrchr(text, ')');
    at = at == NULL ? text : at + 2;
    while (--n > 0 && at != NULL)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : atol(at);
}

/* KiB of memory that the server has in use, counted page by page: statm and status may leave some out
 * for each thread (proc(5)). */
static double server_memory(void)
{
    char path[64], line[200];
    double kib = 0;
    FILE *from;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", options.server_pid);
    from = fopen(path, "r");
    if (from == NULL)
        fail("the server (process %d) is gone", options.server_pid);
    while (fgets(line, sizeof line, from) != NULL)
        if (strncmp(line, "Rss:", 4) == 0)
            kib = atof(line + 4);
    fclose(from);
    return kib;
}

/* Seconds of processor time that the server has used: proc(5) numbers these 14 and 15, two of which
 * stand before the closing bracket. */
static double server_cpu(void)
{
    long ticks = process_number(12) + process_number(13);

    return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* ---- frames ---- */

/* Writes a masked client frame, and returns its length. RSV1 may be set in the opcode. */
static size_t make_frame(unsigned char *to, unsigned opcode, const unsigned char *payload, size_t length)
{
    size_t more = length < 126 ? 0 : length < 65536 ? 2 : 8, at = 2;
    unsigned char key[4];

    to[0] = (unsigned char)(0x80 | opcode);
    to[1] = (unsigned char)(0x80 | (more == 0 ? length : more == 2 ? 126 : 127));
    for (size_t i = more; i > 0; i--)
        to[at++] = (unsigned char)((uint64_t)length >> 8 * (i - 1));
    for (size_t i = 0; i < sizeof key; i++)
        to[at++] = key[i] = (unsigned char)rand();
    for (size_t i = 0; i < length; i++)
        to[at++] = payload[i] ^ key[i % 4];
    return at;
}

/* Fills a payload with entries, and with spaces where no further one fits. */
static void make_json(unsigned char *to, size_t length)
{
    static const char *const names[] = {"ada", "grace", "linus", "ken", "dennis", "barbara"};
    char entry[JSON_LEAST_BYTES] = "";
    size_t at = 0, size = 0;

    memset(to, ' ', length);
    while (at + size <= length) {
        memcpy(to + at, entry, size);
        at += size;
        size = (size_t)snprintf(
            entry, sizeof entry, "{\"id\":%d,\"name\":\"%s\",\"at\":\"2026-11-29T%02d:%02d\",\"x\":%d},",
            rand() % 100000, names[rand() % 6], rand() % 24, rand() % 60, rand() % 1000);
    }
}

static void make_payload(unsigned char *to, size_t length)
{
    for (size_t i = 0; i < length; i++)
        to[i] = (unsigned char)(options.text ? ' ' + rand() % 95 : rand());
    if (options.json)
        make_json(to, length);
}

/* Compresses a payload, without its tail, to `to`, which has room for `length` bytes. */
static size_t compress_payload(unsigned char *to, const unsigned char *payload, size_t length)
{
    z_stream zlib = {.next_in = (z_const Bytef *)payload,
                     .avail_in = (uInt)length,
                     .next_out = to,
                     .avail_out = (uInt)length};

    if (deflateInit2(&zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_BITS, 8, Z_DEFAULT_STRATEGY) !=
            Z_OK ||
        deflate(&zlib, Z_SYNC_FLUSH) != Z_OK || zlib.avail_out == 0)
        fail("a message of %zu bytes does not become shorter", length);
    deflateEnd(&zlib);
    return length - zlib.avail_out - TAIL_BYTES;
}

/* Makes what is sent for a variant, and what must come back. Returns the size of what is sent. */
static size_t make_variant(size_t variant, unsigned char *sent)
{
    size_t prefix = options.chat ? strlen(CHAT_PREFIX) : 0;
    unsigned char *answer = reserve(1, prefix + options.bytes + 1);

    memcpy(answer, CHAT_PREFIX, prefix);
    make_payload(answer + prefix, options.bytes);
    script.answers[variant] = answer;
    script.answer_bytes = prefix + options.bytes;
    if (options.compress)
        return compress_payload(sent, answer, options.bytes);
    memcpy(sent, answer + prefix, options.bytes);
    return options.bytes;
}

static unsigned opcode(void)
{
    return options.text ? 1 : 2;
}

static void make_script(void)
{
    size_t largest = options.bytes + 14, frames = SCRIPT_BYTES / largest / VARIANTS * VARIANTS;
    unsigned char *sent[VARIANTS];
    size_t length[VARIANTS];

    for (size_t v = 0; v < VARIANTS; v++) {
        sent[v] = reserve(1, options.bytes + 1);
        length[v] = make_variant(v, sent[v]);
    }
    if (frames < VARIANTS)
        frames = VARIANTS;
    script.bytes = reserve(frames, largest);
    for (size_t i = 0; i < frames; i++) {
        size_t v = i % VARIANTS;
        script.frame_bytes[v] = make_frame(script.bytes + script.size,
                                           opcode() | (options.compress ? RSV1 : 0), sent[v], length[v]);
        script.size += script.frame_bytes[v];
    }
    for (size_t v = 0; v < VARIANTS; v++)
        free(sent[v]);
}

/* ---- sending ---- */

static void watch(int epoll, struct connection *c, int operation)
{
    struct epoll_event wanted = {.events = EPOLLIN | (c->wants_room ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(epoll, operation, c->fd, &wanted) != 0)
        fail("epoll_ctl: %s", strerror(errno));
}

/* Sends what is unsent, as far as it goes. */
static void push(int epoll, struct connection *c)
{
    bool wanted_room = c->wants_room;

    c->wants_room = false;
    while (c->unsent > 0 && !c->wants_room) {
        size_t length = c->unsent < script.size - c->send_from ? c->unsent : script.size - c->send_from;
        ssize_t n = send(c->fd, script.bytes + c->send_from, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            fail("send: %s", strerror(errno));
        c->wants_room = n < (ssize_t)length;
        c->unsent -= n > 0 ? (size_t)n : 0;
        c->send_from = (c->send_from + (n > 0 ? (size_t)n : 0)) % script.size;
    }
    if (c->wants_room != wanted_room)
        watch(epoll, c, EPOLL_CTL_MOD);
}

static void begin_message(struct connection *c, int64_t now)
{
    c->unsent += script.frame_bytes[c->begun % VARIANTS];
    c->begun_at[c->begun++ % options.in_flight] = now;
}

/* ---- receiving, and checking what came ---- */

static void count_latency(int64_t ns)
{
    double v = ns < 1 ? 1 : (double)ns;
    int doublings = 0;

    while (v >= 2) {
        v /= 2;
        doublings++;
    }
    latencies[doublings * BUCKETS_PER_DOUBLING + (int)((v - 1) * BUCKETS_PER_DOUBLING)]++;
}

/* Counts a message that has come, and begins another one for it: an echo at once, a message of a chat
 * when it has come to all. */
static void message_done(struct connection *c, int64_t now)
{
    struct connection *from = options.chat ? speaker : c;
    size_t place = c->done % options.in_flight;

    if (counting) {
        count_latency(now - from->begun_at[place]);
        counted++;
        counted_bytes += c->wire_bytes;
    }
    c->wire_bytes = 0;
    c->done++;
    if (options.chat && ++arrived[place] < options.connections)
        return;
    if (options.chat)
        arrived[place] = 0;
    begin_message(from, now);
}

static void compare(const struct connection *c, const unsigned char *got, const unsigned char *wanted,
                    size_t length)
{
    if (memcmp(got, wanted, length) == 0)
        return;
    if (options.chat && got[0] == '*')
        fail("the server has dropped messages of the chat: \"%.*s\"", (int)length, (const char *)got);
    for (size_t i = 0; i < length; i++)
        if (got[i] != wanted[i])
            fail("message %" PRIu64 " of a connection came back changed: 0x%02x instead of 0x%02x",
                 c->done + 1, got[i], wanted[i]);
}

/* --raw: the same bytes must come back. */
static void take_raw(struct connection *c, const unsigned char *bytes, size_t n, int64_t now)
{
    while (n > 0) {
        size_t length = n < script.size - c->raw_at ? n : script.size - c->raw_at;
        compare(c, bytes, script.bytes + c->raw_at, length);
        c->raw_at = (c->raw_at + length) % script.size;
        c->message_bytes += length;
        bytes += length;
        n -= length;
        while (c->message_bytes >= script.frame_bytes[c->done % VARIANTS]) {
            c->wire_bytes = script.frame_bytes[c->done % VARIANTS];
            c->message_bytes -= c->wire_bytes;
            message_done(c, now);
        }
    }
}

static size_t header_size(const struct connection *c)
{
    if (c->header_got < 2)
        return 2;
    return c->header[1] == 126 ? 4 : c->header[1] == 127 ? 10 : 2;
}

/* Checks a header that is whole, and reads the length from it. */
static void read_header(struct connection *c)
{
    bool is_first = c->message_bytes == 0;
    unsigned rsv1 = options.compress && is_first ? c->header[0] & RSV1 : 0;

    if (c->header[1] > 127 || (c->header[0] & 0x7F) != ((is_first ? opcode() : 0) | rsv1))
        fail("a frame with the first bytes 0x%02x 0x%02x came back", c->header[0], c->header[1]);
    if (is_first)
        c->is_compressed = rsv1 != 0;
    c->frame_left = header_size(c) == 2 ? c->header[1] : 0;
    for (size_t i = 2; i < header_size(c); i++)
        c->frame_left = c->frame_left << 8 | c->header[i];
    if (c->message_bytes + c->frame_left > script.answer_bytes)
        fail("a longer message came back than was sent");
    c->wire_bytes += header_size(c) + c->frame_left;
}

static const unsigned char *answer(const struct connection *c)
{
    return script.answers[c->done % VARIANTS];
}

/* Compares a piece of a payload; if it is compressed, keeps it. */
static void take_payload(struct connection *c, const unsigned char *bytes, size_t length)
{
    if (c->is_compressed)
        memcpy(c->packed + c->message_bytes, bytes, length);
    else
        compare(c, bytes, answer(c) + c->message_bytes, length);
    c->message_bytes += length;
    c->frame_left -= length;
}

/* Inflates a message that is whole, and compares it. */
static void inflate_message(struct connection *c)
{
    static z_stream zlib;
    static unsigned char *to;

    if (to == NULL) {
        to = reserve(1, script.answer_bytes + 1);
        inflateInit2(&zlib, -WINDOW_BITS);
    }
    memcpy(c->packed + c->message_bytes, TAIL, TAIL_BYTES);
    inflateReset(&zlib);
    zlib.next_in = c->packed;
    zlib.avail_in = (uInt)(c->message_bytes + TAIL_BYTES);
    zlib.next_out = to;
    zlib.avail_out = (uInt)script.answer_bytes + 1; /* one more, to notice a longer message */
    if (inflate(&zlib, Z_SYNC_FLUSH) != Z_OK || zlib.avail_in > 0)
        fail("message %" PRIu64 " of a connection cannot be inflated", c->done + 1);
    c->message_bytes = script.answer_bytes + 1 - zlib.avail_out;
    compare(c, to, answer(c),
            c->message_bytes < script.answer_bytes ? c->message_bytes : script.answer_bytes);
}

static void frame_done(struct connection *c, int64_t now)
{
    c->header_got = 0;
    if ((c->header[0] & 0x80) == 0)
        return; /* a server may send a message back in fragments */
    if (c->is_compressed)
        inflate_message(c);
    if (c->message_bytes != script.answer_bytes)
        fail("a message of %" PRIu64 " bytes came back, not of %zu", c->message_bytes,
             script.answer_bytes);
    c->message_bytes = 0;
    message_done(c, now);
}

static void take_frames(struct connection *c, const unsigned char *bytes, size_t n, int64_t now)
{
    while (n > 0) {
        size_t taken = 1;
        if (c->header_got < header_size(c)) {
            c->header[c->header_got++] = bytes[0];
            if (c->header_got == header_size(c))
                read_header(c);
        } else {
            taken = n < c->frame_left ? n : (size_t)c->frame_left;
            take_payload(c, bytes, taken);
        }
        if (c->header_got == header_size(c) && c->frame_left == 0)
            frame_done(c, now);
        bytes += taken;
        n -= taken;
    }
}

/* Receives what is there, and sends what that has begun. */
static void pull(int epoll, struct connection *c)
{
    static unsigned char bytes[RECEIVE_BYTES];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("the server has ended a connection: %s", n == 0 ? "end of stream" : strerror(errno));
    (options.raw ? take_raw : take_frames)(c, bytes, (size_t)n, now_ns(CLOCK_MONOTONIC));
    if (options.chat)
        c = speaker;
    if (c->unsent > 0 && !c->wants_room)
        push(epoll, c);
}

/* ---- the beginning of a connection ---- */

static void send_now(int fd, const void *bytes, size_t length)
{
    if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
        fail("send: %s", strerror(errno));
}

static void receive_now(int fd, unsigned char *bytes, size_t length)
{
    ssize_t n = recv(fd, bytes, length, MSG_WAITALL);

    if (n != (ssize_t)length)
        fail("no answer from the server: %s", n < 0 ? strerror(errno) : "end of stream");
}

/* All must compress in the same way. */
static void check_agreement(const char *head)
{
    static const char *const wanted[] = {"permessage-deflate", "server_no_context_takeover",
                                         "client_no_context_takeover", "server_max_window_bits=13"};

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (options.compress && strstr(head, wanted[i]) == NULL)
            fail("the server does not agree to %s", wanted[i]);
}

static void upgrade(int fd)
{
    char head[2048] = "", request[500];
    size_t length = 0;
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n%s"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        options.chat ? "/chat?name=a" : "/",
                        options.compress ? "Sec-WebSocket-Extensions: " OFFER "\r\n" : "");

    send_now(fd, request, (size_t)size);
    while (strstr(head, "\r\n\r\n") == NULL) { /* byte by byte, so as to take nothing behind it */
        if (length == sizeof head - 1)
            fail("the response to the upgrade is too long");
        receive_now(fd, (unsigned char *)head + length++, 1);
    }
    if (strstr(head, " 101 ") == NULL || strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL)
        fail("the server does not upgrade: %.40s", head);
    check_agreement(head);
}

/* Receives a frame of at most 125 bytes. Returns its first byte. */
static unsigned receive_small(int fd, unsigned char payload[125], size_t *length)
{
    unsigned char header[2];

    receive_now(fd, header, sizeof header);
    *length = header[1];
    if (*length > 125)
        fail("a frame with the first bytes 0x%02x 0x%02x came back", header[0], header[1]);
    if (*length > 0) /* recv waits even for nothing */
        receive_now(fd, payload, *length);
    return header[0];
}

static const unsigned char first_payload[FIRST_BYTES + 1] =
    "The first message. It has 64 bytes, and is the same for everyone";

/* Sends the first message. Returns the size of its frame. */
static size_t send_first(int fd, unsigned char frame[FIRST_BYTES + 14])
{
    size_t size = make_frame(frame, 2, first_payload, FIRST_BYTES);

    send_now(fd, frame, size);
    return size;
}

/* One message there and back. It may come back compressed: then what it says is left aside. */
static void first_message(int fd)
{
    unsigned char sent[FIRST_BYTES + 14], came[125];
    size_t size = send_first(fd, sent), length;

    if (options.raw)
        receive_now(fd, came, length = size);
    else
        receive_small(fd, came, &length);
    if (!options.compress &&
        (length < FIRST_BYTES || memcmp(came, options.raw ? sent : first_payload, FIRST_BYTES) != 0))
        fail("the first message came back changed");
}

/* --chat: a client is in the room when it has got a pong. Until then it may hear of others who come. */
static void enter_room(int fd)
{
    unsigned char ping[14] = {0}, payload[125];
    size_t length;

    send_now(fd, ping, make_frame(ping, 9, NULL, 0));
    while (receive_small(fd, payload, &length) != 0x8A)
        ;
}

/* --chat: the first message, to all. What they are sent before it says who has come. */
static void first_chat_message(const struct connection *connections)
{
    unsigned char frame[FIRST_BYTES + 14], payload[125];
    size_t prefix = strlen(CHAT_PREFIX), length;

    send_first(connections[0].fd, frame);
    for (size_t i = 0; i < options.connections; i++)
        do
            receive_small(connections[i].fd, payload, &length);
        while (length != prefix + FIRST_BYTES ||
               memcmp(payload + prefix, first_payload, FIRST_BYTES) != 0);
}

static void open_connection(struct connection *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    struct timeval patience = {.tv_sec = WAIT_S};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        fail("cannot connect: %s", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (!options.raw)
        upgrade(c->fd);
    (options.chat ? enter_room : first_message)(c->fd);
    c->begun_at = reserve(options.in_flight, sizeof *c->begun_at);
    c->packed = options.compress ? reserve(1, script.answer_bytes + TAIL_BYTES) : NULL;
}

/* ---- the run ---- */

static void run_until(int epoll, int64_t end)
{
    struct epoll_event events[256];
    int64_t heard = now_ns(CLOCK_MONOTONIC), now = heard;

    for (; now < end; now = now_ns(CLOCK_MONOTONIC)) {
        int n = epoll_wait(epoll, events, sizeof events / sizeof events[0], 100);
        if (n > 0)
            heard = now;
        else if (now - heard > (int64_t)WAIT_S * 1000000000)
            fail("the server has sent nothing for %d s", WAIT_S);
        for (int i = 0; i < n; i++) {
            if ((events[i].events & EPOLLOUT) != 0)
                push(epoll, events[i].data.ptr);
            if ((events[i].events & ~(unsigned)EPOLLOUT) != 0)
                pull(epoll, events[i].data.ptr);
        }
    }
}

/* The latency that `part` of all messages did not exceed, in microseconds. */
static double percentile(double part)
{
    uint64_t below = 0;
    size_t i = 0;

    while (i < BUCKETS - 1 && (double)(below + latencies[i]) < part * (double)counted)
        below += latencies[i++];
    return (double)(1ULL << i / BUCKETS_PER_DOUBLING) *
           (1 + (double)(i % BUCKETS_PER_DOUBLING + 1) / BUCKETS_PER_DOUBLING) / 1000;
}

/* Whose processor time was used up: that is what a faster run would need. */
static const char *limit(double load_busy, double server_busy)
{
    if (options.server_pid != 0 && server_busy >= BUSY)
        return "server";
    return load_busy >= BUSY ? "load" : "waiting";
}

static void measure(int epoll)
{
    int64_t settled = now_ns(CLOCK_MONOTONIC) + (int64_t)(options.seconds * SETTLE_PART * 1e9);
    int64_t start, own_cpu;
    double seconds, load_busy, cpu = 0;

    run_until(epoll, settled);
    counting = true;
    cpu = options.server_pid != 0 ? server_cpu() : 0;
    start = now_ns(CLOCK_MONOTONIC);
    own_cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    run_until(epoll, start + (int64_t)(options.seconds * 1e9));
    seconds = (double)(now_ns(CLOCK_MONOTONIC) - start) / 1e9;
    load_busy = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - own_cpu) / 1e9 / seconds;
    cpu = options.server_pid != 0 ? server_cpu() - cpu : 0;
    printf("\"messages\": %" PRIu64 ", \"seconds\": %.3f, \"per_second\": %.1f, ", counted, seconds,
           (double)counted / seconds);
    printf("\"wire_bytes\": %.1f, ", (double)counted_bytes / (double)counted);
    printf("\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, ", percentile(.5), percentile(.9),
           percentile(.99));
    printf("\"load_busy\": %.2f, \"server_busy\": %.2f, \"limit\": \"%s\"}\n", load_busy, cpu / seconds,
           limit(load_busy, cpu / seconds));
}

static double number(const char *name, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= least && value <= most))
        fail("--%s must be a number from %g to %g, not '%s'", name, least, most, text);
    return value;
}

static void parse_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},    {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'},   {"in-flight", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 's'}, {"server-pid", required_argument, NULL, 'i'},
        {"raw", no_argument, &options.raw, 1},     {"text", no_argument, &options.text, 1},
        {"json", no_argument, &options.json, 1},   {"compress", no_argument, &options.compress, 1},
        {"chat", no_argument, &options.chat, 1},   {0},
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (letter) {
        case 'p':
            options.port = (int)number("port", optarg, 1, 65535);
            break;
        case 'c':
            options.connections = (size_t)number("connections", optarg, 1, 60000);
            break;
        case 'b':
            options.bytes = (size_t)number("bytes", optarg, 1, 1 << 26);
            break;
        case 'f':
            options.in_flight = (size_t)number("in-flight", optarg, 1, 10000);
            break;
        case 's':
            options.seconds = number("seconds", optarg, .01, 3600);
            break;
        case 'i':
            options.server_pid = (int)number("server-pid", optarg, 1, 1 << 30);
            break;
        case 0: /* one without an argument */
            break;
        default:
            exit(2);
        }
    }
    if (options.port == 0 || optind < argc)
        fail("usage: load --port N [--connections N] [--bytes N] [--in-flight N] [--seconds S]\n"
             "            [--raw | --text | --json [--compress] | --chat] [--server-pid PID]");
    if (options.json && options.bytes < JSON_LEAST_BYTES)
        fail("--json needs messages of %d bytes or more", JSON_LEAST_BYTES);
    options.text |= options.json | options.chat;
}

int main(int argc, char **argv)
{
    struct rlimit descriptors;
    struct connection *connections;
    double memory = 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    parse_options(argc, argv);
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
        descriptors.rlim_cur = descriptors.rlim_max;
        setrlimit(RLIMIT_NOFILE, &descriptors);
    }
    make_script();
    memory = options.server_pid != 0 ? server_memory() : 0;
    connections = reserve(options.connections, sizeof *connections);
    speaker = connections;
    arrived = reserve(options.in_flight, sizeof *arrived);
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&connections[i]);
        watch(epoll, &connections[i], EPOLL_CTL_ADD);
    }
    memory = options.server_pid != 0 ? server_memory() - memory : 0;
    printf("{\"connections\": %zu, \"idle_kib\": %.2f, ", options.connections,
           memory / (double)options.connections);
    if (options.chat)
        first_chat_message(connections);
    for (size_t i = 0; i < (options.chat ? 1 : options.connections); i++) {
        for (size_t n = 0; n < options.in_flight; n++)
            begin_message(&connections[i], now_ns(CLOCK_MONOTONIC));
        push(epoll, &connections[i]);
    }
    measure(epoll);
    free(arrived);
    free(connections);
    return EXIT_SUCCESS;
}
