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
 * the slower of the two, the result says so: "limit": "load". (--raw: no frames are spoken; a plain
 * TCP echo must send the same bytes back.)
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

/* Different payloads, taken in turn: a server that mixes two messages up is found out. */
#define VARIANTS 4

/* Bytes of ready-made frames to aim for. They lie one behind the other, so that many small ones
 * go with one send; large ones there are VARIANTS of. */
#define SCRIPT_BYTES (256 * 1024)

/* Bytes that are received at once: as many as a loopback connection usually has waiting. */
#define RECEIVE_BYTES (256 * 1024)

/* Bytes of the message that each connection begins with. */
#define FIRST_BYTES 64

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
    bool raw, text;
    int server_pid; /* whose memory and processor time to tell; 0: nobody's */
} options = {.connections = 1, .bytes = 64, .in_flight = 1, .seconds = 1};

/* The frames that are sent again and again, and how one of them and its answer are laid out. */
static struct {
    unsigned char *bytes;
    size_t size, frame_bytes;
    unsigned char *payloads[VARIANTS];
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
    size_t raw_at;          /* --raw: the place in the script that the next byte must equal */
};

static uint64_t latencies[BUCKETS];
static bool counting; /* the clock runs */
static uint64_t counted;

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

/* Writes a masked client frame, and answers its length. */
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

static void make_script(void)
{
    size_t largest = options.bytes + 14, frames = SCRIPT_BYTES / largest / VARIANTS * VARIANTS;

    if (frames < VARIANTS)
        frames = VARIANTS;
    for (size_t v = 0; v < VARIANTS; v++) {
        script.payloads[v] = reserve(1, options.bytes + 1);
        for (size_t i = 0; i < options.bytes; i++)
            script.payloads[v][i] = (unsigned char)(options.text ? ' ' + rand() % 95 : rand());
    }
    script.bytes = reserve(frames, largest);
    for (size_t i = 0; i < frames; i++) {
        script.frame_bytes = make_frame(script.bytes + script.size, options.text ? 1 : 2,
                                        script.payloads[i % VARIANTS], options.bytes);
        script.size += script.frame_bytes;
    }
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

static void begin_messages(struct connection *c, uint64_t count, int64_t now)
{
    c->unsent += count * script.frame_bytes;
    while (count-- > 0)
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

static void message_done(struct connection *c, int64_t now)
{
    if (counting) {
        count_latency(now - c->begun_at[c->done % options.in_flight]);
        counted++;
    }
    c->done++;
}

static void compare(const struct connection *c, const unsigned char *got, const unsigned char *wanted,
                    size_t length)
{
    if (memcmp(got, wanted, length) == 0)
        return;
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
        for (; c->message_bytes >= script.frame_bytes; c->message_bytes -= script.frame_bytes)
            message_done(c, now);
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
    unsigned opcode = c->message_bytes > 0 ? 0 : options.text ? 1 : 2;

    if (c->header[1] > 127 || (c->header[0] & 0x7F) != opcode)
        fail("a frame with the first bytes 0x%02x 0x%02x came back", c->header[0], c->header[1]);
    c->frame_left = header_size(c) == 2 ? c->header[1] : 0;
    for (size_t i = 2; i < header_size(c); i++)
        c->frame_left = c->frame_left << 8 | c->header[i];
    if (c->message_bytes + c->frame_left > options.bytes)
        fail("a longer message came back than was sent");
}

static void frame_done(struct connection *c, int64_t now)
{
    c->header_got = 0;
    if ((c->header[0] & 0x80) == 0)
        return; /* a server may send a message back in fragments */
    if (c->message_bytes != options.bytes)
        fail("a shorter message came back than was sent");
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
            compare(c, bytes, script.payloads[c->done % VARIANTS] + c->message_bytes, taken);
            c->message_bytes += taken;
            c->frame_left -= taken;
        }
        if (c->header_got == header_size(c) && c->frame_left == 0)
            frame_done(c, now);
        bytes += taken;
        n -= taken;
    }
}

/* Receives what is there, and begins a new message for each that has come back. */
static void pull(int epoll, struct connection *c)
{
    static unsigned char bytes[RECEIVE_BYTES];
    uint64_t done = c->done;
    int64_t now;
    ssize_t n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("the server has ended a connection: %s", n == 0 ? "end of stream" : strerror(errno));
    now = now_ns(CLOCK_MONOTONIC);
    (options.raw ? take_raw : take_frames)(c, bytes, (size_t)n, now);
    if (c->done > done) {
        begin_messages(c, c->done - done, now);
        push(epoll, c);
    }
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

static void upgrade(int fd)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    char head[2048] = "";
    size_t length = 0;

    send_now(fd, request, sizeof request - 1);
    while (strstr(head, "\r\n\r\n") == NULL) { /* byte by byte, so as to take nothing behind it */
        if (length == sizeof head - 1)
            fail("the response to the upgrade is too long");
        receive_now(fd, (unsigned char *)head + length++, 1);
    }
    if (strstr(head, " 101 ") == NULL || strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL)
        fail("the server does not upgrade: %.40s", head);
}

/* One message there and back. */
static void first_message(int fd)
{
    unsigned char payload[FIRST_BYTES], sent[FIRST_BYTES + 14], came[FIRST_BYTES + 14];
    size_t length, skipped = options.raw ? 0 : 2;

    memset(payload, 'x', sizeof payload);
    length = make_frame(sent, 2, payload, sizeof payload);
    send_now(fd, sent, length);
    receive_now(fd, came, options.raw ? length : 2 + sizeof payload);
    if (memcmp(came + skipped, options.raw ? sent : payload, options.raw ? length : sizeof payload) != 0)
        fail("the first message came back changed");
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
    first_message(c->fd);
    c->begun_at = reserve(options.in_flight, sizeof *c->begun_at);
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
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"bytes", required_argument, NULL, 'b'},
        {"in-flight", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 's'},
        {"raw", no_argument, NULL, 'r'},
        {"text", no_argument, NULL, 't'},
        {"server-pid", required_argument, NULL, 'i'},
        {0},
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
        case 'r':
            options.raw = true;
            break;
        case 't':
            options.text = true;
            break;
        case 'i':
            options.server_pid = (int)number("server-pid", optarg, 1, 1 << 30);
            break;
        default:
            exit(2);
        }
    }
    if (options.port == 0 || optind < argc)
        fail("usage: load --port N [--connections N] [--bytes N] [--in-flight N] [--seconds S]\n"
             "            [--raw] [--text] [--server-pid PID]");
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
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&connections[i]);
        watch(epoll, &connections[i], EPOLL_CTL_ADD);
    }
    memory = options.server_pid != 0 ? server_memory() - memory : 0;
    printf("{\"connections\": %zu, \"idle_kib\": %.2f, ", options.connections,
           memory / (double)options.connections);
    for (size_t i = 0; i < options.connections; i++) {
        begin_messages(&connections[i], options.in_flight, now_ns(CLOCK_MONOTONIC));
        push(epoll, &connections[i]);
    }
    measure(epoll);
    free(connections);
    return EXIT_SUCCESS;
}
