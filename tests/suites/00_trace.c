/* 00_trace.c - what all lessons together record: what clients of /wire get, and that they hold nobody up */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broadcast.h"
#include "frame.h"
#include "harness.h"
#include "stream.h"
#include "wire.h"

/* Receives events until one holds `last`, and joins them, each in a line, without their n and t;
 * addresses become "*". Control frames are left out. */
static const char *events_until(int fd, const char *last)
{
    static char all[200000];
    char event[WIRE_JSON_BYTES + 1];
    size_t n = 0;
    unsigned opcode;

    all[0] = '\0';
    while (n < sizeof all - sizeof event && strstr(all, last) == NULL) {
        char *rest, *address;
        if (receive_frame(fd, &opcode, event, sizeof event) < 0)
            return n == 0 ? "(nothing came)" : all;
        rest = strstr(event, "\"conn\"");
        if (opcode != 1 || rest == NULL)
            continue;
        if ((address = strstr(rest, "\"address\":\"127.0.0.1:")) != NULL)
            snprintf(address, 20, "\"address\":\"*\"}");
        n += (size_t)snprintf(all + n, sizeof all - n, "{%s\n", rest);
    }
    return all;
}

/* The end of a connection, as its client sees it. */
static void receive_end(int fd)
{
    static unsigned char got[2000000];

    receive_all(fd, got, sizeof got);
    close(fd);
}

static void a_whole_connection(void)
{
    int view, client;

    server_start("--wire");
    view = open_websocket_at("/wire"); /* connection 1 */
    client = open_websocket_at("/echo?page=5f");
    send_script(client, "=818537fa213d7f9f4d5158 88:03e8");
    receive_end(client);
    EXPECT_TEXT(
        events_until(view, "disconnected"),
        "{\"conn\":2,\"event\":\"connected\",\"address\":\"*\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"GET /echo?page=5f HTTP/1.1\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"Host: localhost\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"Upgrade: websocket\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"Connection: Upgrade\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"Sec-WebSocket-Key: "
        "dGhlIHNhbXBsZSBub25jZQ==\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"Sec-WebSocket-Version: 13\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"in\",\"text\":\"\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"out\",\"text\":\"HTTP/1.1 101 Switching "
        "Protocols\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"out\",\"text\":\"Upgrade: websocket\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"out\",\"text\":\"Connection: Upgrade\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"out\",\"text\":\"Sec-WebSocket-Accept: "
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"}\n"
        "{\"conn\":2,\"event\":\"line\",\"dir\":\"out\",\"text\":\"\"}\n"
        "{\"conn\":2,\"event\":\"frame\",\"dir\":\"in\",\"length\":5,"
        "\"bytes\":\"818537fa213d7f9f4d5158\"}\n"
        "{\"conn\":2,\"event\":\"frame\",\"dir\":\"out\",\"length\":5,\"bytes\":\"810548656c6c6f\"}"
        "\n"
        "{\"conn\":2,\"event\":\"frame\",\"dir\":\"in\",\"length\":2,\"bytes\":"
        "\"888237fa213d3412\"}\n"
        "{\"conn\":2,\"event\":\"frame\",\"dir\":\"out\",\"length\":2,\"bytes\":\"880203e8\"}\n"
        "{\"conn\":2,\"event\":\"disconnected\",\"why\":\"the client closed the connection\"}\n",
        "the events of one connection");
    close(view);
    server_stop();
}

/* Bytes of zero, in hex; 498 are as many as the trace keeps. */
#define ZEROS4 "00000000"
#define ZEROS16 ZEROS4 ZEROS4 ZEROS4 ZEROS4
#define ZEROS64 ZEROS16 ZEROS16 ZEROS16 ZEROS16
#define ZEROS448 ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64 ZEROS64
#define ZEROS498 ZEROS448 ZEROS16 ZEROS16 ZEROS16 "0000"

/* Each input, and what must be among its events. */
static void details(void)
{
    static const struct {
        const char *request, *script, *words;
    } cases[] = {
        {"", "=82fe01f300000000" ZEROS498 "00",
         "\"length\":499,\"bytes\":\"82fe01f300000000" ZEROS498 "\",\"cut\":true}"},
        {"", "=82fe01f200000000" ZEROS498, "\"length\":498,\"bytes\":\"82fe01f200000000" ZEROS498 "\"}"},
        {"", "01:61 89:31 80:62", "\"bytes\":\"898137fa213d06\"}"},
        {"", "01:61 89:31 80:62", "\"dir\":\"out\",\"length\":2,\"bytes\":\"81026162\"}"},
        {"", "=c18000", "\"event\":\"frame\",\"dir\":\"in\",\"length\":0,\"bytes\":\"c18000\"}"},
        {"", "=c18000", "\"event\":\"error\",\"why\":\"RSV bits are set\"}"},
        {"", "=81857fffffffc0",
         "\"event\":\"frame\",\"dir\":\"in\",\"length\":5,"
         "\"bytes\":\"81857fffffffc0\"}"}, /* cut off by the end */
        {"", "=8185000000004142ff4344", "\"bytes\":\"8185000000004142ff4344\"}"},
        {"", "=8185000000004142ff4344",
         "\"bytes\":\"881803ef"}, /* and the Close frame that rejects it */
        {"GET /\x01 HTTP/1.1\r\n", "", "\"text\":\"GET /\"}"},
        {"GET / HTTP/1.1\r\nHost: \"x\\\xe9\t\r\n\r\n", "",
         "\"text\":\"Host: \\\"x\\\\\\u00e9\\u0009\"}"},
        {"GET / HTTP/1.1\r\nHost: \"x\r\n\r\n", "",
         "\"event\":\"error\",\"why\":\"The Host field holds"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "",
         "\"event\":\"disconnected\",\"why\":\"the request was answered\"}"},
    };
    int view;

    server_start("--wire");
    view = open_websocket_at("/wire");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int client = *cases[i].request ? dial() : open_websocket();
        if (*cases[i].request)
            send_text(client, cases[i].request);
        else
            send_script(client, cases[i].script);
        shutdown(client, SHUT_WR);
        receive_end(client);
        const char *told = events_until(view, "disconnected");
        EXPECT(strstr(told, cases[i].words) != NULL, "case %zu: expected\n%s\nin\n%.3000s", i,
               cases[i].words, told);
    }
    close(view);
    server_stop();
}

static void long_lines(void)
{
    char request[1500], words[700];
    int view, client;
    const char *told;

    server_start("--wire");
    view = open_websocket_at("/wire");
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\nA: %0509d\r\nB: %0510d\r\n\r\n", 0,
             0);
    client = dial();
    send_text(client, request);
    receive_end(client);
    told = events_until(view, "disconnected");
    snprintf(words, sizeof words, "\"text\":\"A: %0509d\"}", 0);
    EXPECT(strstr(told, words) != NULL, "a line of 512 bytes is recorded whole: %s", told);
    snprintf(words, sizeof words, "\"text\":\"B: %0509d\",\"cut\":true}", 0);
    EXPECT(strstr(told, words) != NULL, "a line of 513 bytes is cut, and says so: %s", told);
    close(view);
    server_stop();
}

/* The values of fields that hold secrets are not shown to whoever watches. */
static void secrets(void)
{
    static const char *const fields[] = {"Cookie", "COOKIE", "Authorization", "proxy-authorization"};
    int view, client;
    const char *told;

    server_start("--wire");
    view = open_websocket_at("/wire");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        char request[200], words[100];
        client = dial();
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\n%s: hunter2=1\r\n\r\n",
                 fields[i]);
        send_text(client, request);
        receive_end(client);
        told = events_until(view, "disconnected");
        snprintf(words, sizeof words, "\"text\":\"%s: (", fields[i]);
        EXPECT(strstr(told, words) != NULL && strstr(told, "bytes, not shown)\"}") != NULL &&
                   strstr(told, "hunter2") == NULL,
               "the name of %s must be recorded, and its value must not: %s", fields[i], told);
    }
    /* Also if the value goes on in the next line, which is rejected: RFC 9112 section 5.2. */
    client = dial();
    send_text(client, "GET / HTTP/1.1\r\nHost: x\r\nCookie: a=1;\r\n hunter2=1\r\n\r\n");
    receive_end(client);
    told = events_until(view, "disconnected");
    EXPECT(strstr(told, "\"text\":\" (10 bytes, not shown)\"") != NULL &&
               strstr(told, "hunter2") == NULL,
           "a line that begins with a space is recorded, and may be the rest of a secret: %s", told);
    client = dial(); /* also if the line breaks off */
    send_text(client, "GET / HTTP/1.1\r\nCookie: hunter2=1");
    shutdown(client, SHUT_WR);
    receive_end(client);
    EXPECT(strstr(events_until(view, "disconnected"), "hunter2") == NULL, "nor half of it");
    close(view);
    server_stop();
}

/* A subscriber's own connection is recorded up to its 101; what it gets then would be an event again. */
static void subscribers_are_hidden(void)
{
    int first, second, client;
    const char *told;

    server_start("--wire");
    first = open_websocket_at("/wire");
    second = open_websocket_at("/wire?x");
    told = events_until(first, "disconnected");
    EXPECT(strstr(told, "\"text\":\"GET /wire?x HTTP/1.1\"") && strstr(told, "101 Switching") &&
               strstr(told, "\"why\":\"its frames are not recorded: it asked for the trace\""),
           "the request of a second subscriber, its 101, and that it is one: %s", told);
    send_script(second, "81:61 89:62");
    send_script(second, "88:03e8");
    receive_end(second);
    client = open_websocket();
    send_script(client, "88:");
    receive_end(client);
    told = events_until(first, "disconnected");
    EXPECT(strstr(told, "\"conn\":2") == NULL, "nothing more of the second subscriber: %s", told);
    EXPECT(strstr(told, "\"conn\":3") != NULL, "but everything of the client after it: %s", told);
    close(first);
    server_stop();
}

/* If a request for /wire is rejected, it is recorded to its end, like any other. */
static void rejected_subscribers_are_recorded(void)
{
    static const char *const requests[] = {"GET /wire HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "GET /wire?x HTTP/1.1\r\n\r\n"};
    int view;

    server_start("--wire");
    view = open_websocket_at("/wire");
    for (size_t i = 0; i < 2; i++) {
        ask(requests[i]);
        EXPECT(strstr(events_until(view, "disconnected"), "\"error\"") != NULL, "%s", requests[i]);
    }
    close(view);
    server_stop();
}

/* The Close frame of a server that stops is recorded too, before the client's reply to it. */
static void stop_is_recorded(void)
{
    static char printed[20000];
    const char *close_frame;
    unsigned opcode;
    char reason[200];
    int client;

    server_start("--verbose");
    client = open_websocket();
    server_signal(SIGTERM);
    EXPECT(receive_frame(client, &opcode, reason, sizeof reason) > 2 && opcode == 8, "a Close frame");
    send_script(client, "88:03e9");
    receive_end(client);
    EXPECT(child_status(server_pid) == 0, "an orderly end");
    server_printed(printed, sizeof printed);
    close_frame = strstr(printed, "out  frame: close, 24 bytes, code 1001 \"the server is stopping\"\n");
    EXPECT(close_frame != NULL && strstr(close_frame, "in   frame: close, 2 bytes, code 1001") != NULL,
           "the server's Close frame and the reply to it must be recorded: %s", printed);
}

static void only_when_offered(void)
{
    server_start(NULL);
    EXPECT_STATUS(upgrade_request("/wire", ""), 404, "nothing at this address");
    server_stop();
    server_start("--wire");
    EXPECT_STATUS("GET /wire HTTP/1.1\r\nHost: x\r\n\r\n", 426, "WebSocket");
    server_stop();
}

static void ping_timeout(void)
{
    int view, client;
    unsigned opcode = 0;
    char event[WIRE_JSON_BYTES + 1] = "";
    size_t length;
    unsigned char *pong = frames("8a:", &length);

    server_start("--wire", "--timeout", "2");
    view = open_websocket_at("/wire");
    client = open_websocket();
    while (strstr(event, "disconnected") == NULL &&
           receive_frame(view, &opcode, event, sizeof event) >= 0) {
        if (opcode == 9)
            send_bytes(view, pong, length); /* the subscriber stays, because it replies */
        if (strstr(event, "ping-timeout") != NULL)
            opcode = 100;
        if (opcode == 100)
            break;
    }
    EXPECT(opcode == 100, "a ping without a reply must be recorded, but the last event is %s", event);
    free(pong);
    close(client);
    close(view);
    server_stop();
}

/* Numbers of an event: n, or count. */
static unsigned long number(const char *event, const char *field)
{
    const char *at = strstr(event, field);

    return at == NULL ? 0 : strtoul(at + strlen(field), NULL, 10);
}

/* Echoes messages on a connection of its own, in batches, and asserts that each comes back. */
static bool echo_many(size_t batches)
{
    static unsigned char got[300];
    char script[1000] = "82:01";
    size_t length, n = 5;
    int fd = open_websocket();
    bool well = true;

    for (int i = 1; i < 100; i++)
        n += (size_t)sprintf(script + n, " 82:01");
    unsigned char *bytes = frames(script, &length);
    for (size_t i = 0; well && i < batches; i++)
        well = send_bytes(fd, bytes, length) && receive_bytes(fd, got, 300);
    free(bytes);
    close(fd);
    return well;
}

/* Receives events until a connection has ended, and asserts that those received and those dropped are all
 * there were, in order. Returns how many were dropped. */
static unsigned long follow(int view)
{
    char event[WIRE_JSON_BYTES + 1] = "";
    unsigned long next = 0, dropped = 0, gaps = 0, time = 0;
    unsigned opcode;

    while (strstr(event, "disconnected") == NULL &&
           receive_frame(view, &opcode, event, sizeof event) >= 0) {
        unsigned long n = number(event, "\"n\":"), count = number(event, "\"count\":"),
                      t = number(event, "\"t\":");
        bool is_dropped = strstr(event, "\"event\":\"dropped\"") != NULL;
        dropped += is_dropped ? count : 0;
        gaps += next != 0 && n != next + (is_dropped ? count : 1) - 1 ? 1 : 0;
        gaps += is_dropped && strstr(event, "\"conn\":0,") == NULL ? 1 : 0;
        EXPECT(t >= time, "time goes on: %lu, then %s", time, event);
        time = t;
        next = n + 1;
    }
    EXPECT(strstr(event, "disconnected") != NULL, "the end must come, but the last event is %s", event);
    EXPECT(gaps == 0, "received and dropped events together must be all: %lu gaps", gaps);
    return dropped;
}

/* A subscriber that does not read while 100 000 messages are echoed: the others notice nothing, and it gets
 * to know how many events were dropped, without a gap in the numbers. */
static void slow_subscriber(void)
{
    int view;

    server_start("--wire", "--timeout", "0");
    view = open_websocket_at("/wire");
    EXPECT(echo_many(sanitized ? 200 : 1000), "echoes beside a subscriber that does not read");
    EXPECT(follow(view) > 0, "for a subscriber that does not read, events must be dropped, and it must "
                             "learn that");
    close(view);
    server_stop();
}

static void many_subscribers(void)
{
    enum { VIEWS = 50 };
    int views[VIEWS];

    server_start("--wire");
    for (int i = 0; i < VIEWS; i++)
        views[i] = open_websocket_at("/wire");
    for (int i = 0; i < VIEWS; i++) /* each has seen those who came after it come */
        for (int later = i + 1; later < VIEWS; later++)
            events_until(views[i], "disconnected");
    for (int i = 0; i < VIEWS; i += 5) /* some leave in the middle of a frame */
        send_bytes(views[i], "\x81", 1), close(views[i]);
    EXPECT(echo_many(20), "echoes beside 50 subscribers that do not read");
    for (int i = 0; i < VIEWS; i++) {
        if (i % 5 == 0)
            continue;
        follow(views[i]);
        close(views[i]);
    }
    server_stop();
}

/* A subscriber that never reads is given up like any other client that does not. */
static int threads_with_view;

static bool view_is_gone(void)
{
    return server_threads() < threads_with_view;
}

static void stuck_subscriber(void)
{
    struct timeval wait = {.tv_sec = WAIT_S};
    int view, small = 1000, client;
    bool gone = false;

    server_start("--wire", "--timeout", "1");
    client = open_websocket();
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    view = open_websocket_at("/wire");
    setsockopt(view, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    threads_with_view = server_threads();
    /* the events of 300 batches of 100 are some 6 MB: more than the kernel keeps for it */
    for (int i = 0; i < 100 && !gone; i++) {
        EXPECT(echo_many(10), "echoes beside a subscriber that is stuck");
        gone = view_is_gone();
    }
    EXPECT(eventually(view_is_gone), "a subscriber that reads nothing must be given up");
    close(view);
    close(client);
    server_stop();
}

/* ---- a message to everybody, while the trace is on ---- */

enum { ECHOES = 500 };
static struct stream room_stream;
static struct websocket room_ws;

static void *write_to_room(void *ignored)
{
    (void)ignored;
    for (int i = 0; i < ECHOES; i++)
        frame_write(&room_ws, OPCODE_TEXT, "other", 5, i % 7 == 0 ? 0 : STREAM_MORE);
    stream_flush(&room_stream);
    return NULL;
}

static void *echo_to_room(void *ignored)
{
    (void)ignored;
    while (frame_read_message(&room_ws) == 0)
        frame_write(&room_ws, OPCODE_TEXT, "own", 3, 0);
    return NULL;
}

/* Another client's worker writes to this websocket, as in a chat, while its own worker reads and writes. The
 * thread sanitizer looks on; without it, each frame must be recorded once. AT_ONCE messages are few enough that
 * none of the three threads waits for room that another must make. */
static void frames_of_other_threads(void)
{
    struct trace_source source = {.connection = 7};
    enum { AT_ONCE = 50 };
    static unsigned char got[AT_ONCE * (7 + 5)];
    struct trace_event event;
    struct subscriber subscriber;
    int ends[2], in = 0, out = 0;
    pthread_t owner, other;
    size_t length;
    unsigned char *message = frames("81:61", &length), *last = frames("88:", &length);

    needs_own("functions");
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    stream_open(&room_stream, ends[0]);
    frame_begin(&room_ws, &room_stream, &source, 1000, 1000);
    trace_subscribe(&subscriber);
    EXPECT(pthread_create(&owner, NULL, echo_to_room, NULL) == 0 &&
               pthread_create(&other, NULL, write_to_room, NULL) == 0,
           "two threads");
    for (int i = 0; i < ECHOES / AT_ONCE; i++) {
        for (int k = 0; k < AT_ONCE; k++)
            send_bytes(ends[1], message, 7);
        EXPECT(receive_bytes(ends[1], got, sizeof got), "what both threads write");
    }
    pthread_join(other, NULL);
    send_bytes(ends[1], last, 6);
    pthread_join(owner, NULL);
    while (trace_next(&subscriber, &event, false) == 0)
        *(event.direction == TRACE_IN ? &in : &out) +=
            event.kind == TRACE_FRAME && event.size > 1 ? 1 : 0;
    EXPECT(in == ECHOES + 1 && out == 2 * ECHOES + 1,
           "each frame must be recorded once, whoever writes it: %d in, %d out", in, out);
    trace_unsubscribe();
    frame_end(&room_ws);
    stream_close(&room_stream);
    close(ends[1]);
    free(message);
    free(last);
}

/* A client may answer a frame before the thread that has sent it goes on: the trace would show the reply first.
 * So a frame is recorded before: here while nobody makes room for it. */
enum { LARGE = 8 << 20 };

static void *write_large(void *result)
{
    static unsigned char large[LARGE];

    *(int *)result = frame_write(&room_ws, OPCODE_BINARY, large, LARGE, 0);
    return NULL;
}

static struct trace_event next_event;
static struct subscriber onlooker;

static bool is_recorded(void)
{
    return trace_next(&onlooker, &next_event, false) == 0;
}

static void recorded_before_sent(void)
{
    struct trace_source source = {.connection = 7};
    static unsigned char got[10 + LARGE];
    static int result; /* the thread may outlive this function, if it fails */
    pthread_t writer;
    int ends[2];

    needs_own("functions");
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    stream_open(&room_stream, ends[0]);
    frame_begin(&room_ws, &room_stream, &source, 1000, 1000);
    trace_subscribe(&onlooker);
    result = -1;
    EXPECT(pthread_create(&writer, NULL, write_large, &result) == 0, "a thread");
    EXPECT(eventually(is_recorded) && next_event.length == LARGE,
           "a frame must be recorded before it is sent, not after");
    EXPECT(receive_bytes(ends[1], got, sizeof got), "the frame");
    pthread_join(writer, NULL);
    EXPECT(result == 0, "frame_write returns 0");
    frame_close(&room_ws, 1000, NULL, 0);
    EXPECT(is_recorded() && next_event.size == 4, "the Close frame is recorded");
    frame_write(&room_ws, OPCODE_TEXT, "late", 4, 0);
    EXPECT(!is_recorded(), "what follows it is not sent, so it must not be recorded");
    trace_unsubscribe();
    frame_end(&room_ws);
    stream_close(&room_stream);
    close(ends[1]);
}

enum { SUBSCRIPTIONS = 300000 }; /* by each thread: enough for them to meet */

static void *subscribe_often(void *sum)
{
    struct subscriber subscriber;

    for (int i = 0; i < SUBSCRIPTIONS; i++)
        *(unsigned long long *)sum += trace_subscribe(&subscriber);
    return NULL;
}

/* Of two subscribers that ask for the last place at the same moment, one gets it. */
static void counted_one_by_one(void)
{
    enum { THREADS = 4, ALL = THREADS * SUBSCRIPTIONS };
    pthread_t threads[THREADS];
    unsigned long long sums[THREADS] = {0}, sum = 0;

    needs_own("functions");
    for (int i = 0; i < THREADS; i++)
        EXPECT(pthread_create(&threads[i], NULL, subscribe_often, &sums[i]) == 0, "a thread");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        sum += sums[i];
    }
    for (int i = 0; i < ALL; i++)
        trace_unsubscribe();
    EXPECT(sum == ALL * (ALL + 1ull) / 2,
           "%d subscribers must get the numbers 1 to %d: their sum is %llu", ALL, ALL, sum);
}

static void stopping(void)
{
    char event[WIRE_JSON_BYTES + 1] = "";
    unsigned opcode = 0;
    ssize_t length = 0;
    int view, client;

    server_start("--wire");
    view = open_websocket_at("/wire");
    client = open_websocket();
    server_signal(SIGTERM);
    while (opcode != 8 && length >= 0)
        length = receive_frame(view, &opcode, event, sizeof event);
    EXPECT(opcode == 8 && event[0] == 0x03 && (event[1] & 0xFF) == 0xE9, "a subscriber gets 1001 too");
    send_script(view, "88:03e9");
    receive_end(view);
    close(client);
    EXPECT(child_status(server_pid) == 0, "and the server ends with 0");
}

static void verbose(void)
{
    static char printed[20000];
    static const char *const wanted[] = {
        "client 1    connected: 127.0.0.1:",
        "client 1    in   line: GET /echo HTTP/1.1\n",
        "client 1    out  line: HTTP/1.1 101 Switching Protocols\n",
        "client 1    in   frame: text, 5 bytes \"Hello\"\n",
        "client 1    out  frame: text, 5 bytes \"Hello\"\n",
        "client 1    in   frame: text, 10 bytes \"\u0645\u0631\u062d\u0628\u0627\"\n",
        "client 1    in   frame: text, 5 bytes \"a\\u{202e}b\"\n",
        "client 1    in   frame: text, 6 bytes \"\\u{1b}\\u{7}\\u{9b}\\u{0}\\u{7f}\"\n",
        "client 1    in   frame: binary (to be continued), 2 bytes 1b 07\n",
        "client 1    in   frame: continuation, 96 bytes 1b 5b 32 4a 1b 5d 30 3b 1b 5b 32 4a 1b ...\n",
        "client 1    in   frame: close, 6 bytes, code 4000 \"done\"\n",
        "client 1    disconnected: the client closed the connection\n",
        "client 2    error: There is nothing at this address.\n",
        "client 2    in   line: X: \\xff\\x9b?\n",
        "client 3    in   frame: text, 3 bytes \"a\\xff?\"\n",
    };
    int client;

    server_start("--verbose");
    client = open_websocket();
    send_script(client,
                "81:48656c6c6f 81:d985d8b1d8add8a8d8a7 81:61e280ae62 81:1b07c29b007f 02:1b07 "
                "80:1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a"
                "1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a"
                "1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b 88:0fa0646f6e65");
    receive_end(client);
    EXPECT_STATUS("GET /nowhere HTTP/1.1\r\nHost: x\r\nX: \xff\x9b?\r\n\r\n", 404, "nothing");
    client = open_websocket();
    send_script(client, "81:61ff3f");
    receive_end(client);
    server_stop();
    server_printed(printed, sizeof printed);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        EXPECT(strstr(printed, wanted[i]) != NULL, "expected:\n%s\nin:\n%s", wanted[i], printed);
    for (const char *p = printed; *p != '\0'; p++)
        EXPECT(*p == '\n' || ((unsigned char)*p >= ' ' && *p != 0x7f),
               "no byte of a client may control the terminal");
}

/* Nobody reads what --verbose prints: no client may wait for that, and the end may not either. */
static void paused_terminal(void)
{
    server_start("--verbose");
    EXPECT(echo_many(100), "clients must get their replies while nobody reads what is printed: 20000 "
                           "events, far more than a pipe holds");
    if (sanitized) /* the thread sanitizer's own exit would wait for the terminal */
        EXPECT(server_end(SIGKILL) == 128 + SIGKILL, "killed");
    else
        server_stop();
}

static bool printer_runs(void)
{
    return server_thread("printer") != 0;
}

static bool printer_has_ended(void)
{
    return !printer_runs();
}

/* A signal would interrupt the printer's write, and stdio would drop what it was to write: up to 4 KiB, in the
 * middle of a line. */
static void no_signal_while_printing(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};

    server_start("--verbose");
    EXPECT(eventually(printer_runs), "a thread that is called printer");
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        EXPECT(server_signal_is("SigBlk", signals[i], server_thread("printer")),
               "the thread that prints must block %s", strsignal(signals[i]));
    server_stop();
}

/* Whoever reads what --verbose prints has gone: the server says so, and serves on. */
static void nobody_reads(void)
{
    int client;

    server_start("--verbose");
    EXPECT(eventually(printer_runs), "a thread that is called printer");
    server_close_output();
    client = open_websocket();
    EXPECT(eventually(printer_has_ended), "the printer must end if its output has no reader");
    send_script(client, "81:61 88:03e8");
    receive_end(client);
    EXPECT(
        strstr(server_said(), "server: cannot write to standard output: Broken pipe; --verbose ends\n"),
        "it must say so: %s", server_said());
    server_stop();
}

static const struct test tests[] = {
    {"everything that crosses the wire is recorded, in order", a_whole_connection, 13,
     "man 3 pthread_cond_wait",
     "broadcast_publish wakes the subscribers, each of which takes the next event. A missing line: "
     "request_read (lesson 4) reads each line with read_line, provided, which records it. A missing "
     "frame: read_frame and frame_write, provided, record it."},
    {"two threads may write while the trace is on", frames_of_other_threads, 13,
     "man 3 pthread_mutex_lock",
     "broadcast_publish must copy the event under the ring's lock: any thread may record."},
    {"a frame is recorded before it is sent", recorded_before_sent, 13, "man 2 send",
     "write_frame, provided, records the frame, and then sends it, unless a Close frame was sent "
     "before."},
    {"subscribers are counted one by one", counted_one_by_one, 13, "the option --max-watchers",
     "Of two pages that ask for the last place at the same moment, neither would get it."},
    {"long payloads, rejected frames, odd bytes", details, 13, "RFC 8259, section 7",
     "read_piece (lesson 10) counts in frame->offset what it has read: that much is recorded. Half a "
     "line is recorded too: stream_read_line (3) stores its length. An error is recorded by "
     "handshake_reject (5) or, of a frame, by on_upgrade (8)."},
    {"long lines are cut", long_lines, 13, "the size of an event",
     "An event has room for so many bytes, and says if there was more. The line's length is what "
     "stream_read_line (lesson 3) has stored."},
    {"cookies and passwords are not shown", secrets, 13, "RFC 6265, section 8.2",
     "read_line, provided, records whole lines, and trace_line leaves the values of such fields out."},
    {"subscribers do not see each other's frames", subscribers_are_hidden, 13,
     "a trace of the trace would never end",
     "switch_protocols (lesson 8) calls trace_hide before on_upgrade if route->traced is false. And if "
     "broadcast_next is woken and there is nothing, it waits again: while, not if."},
    {"a rejected request for /wire is recorded to its end", rejected_subscribers_are_recorded, 13,
     "a trace of the trace would never end",
     "Only a client that gets its 101 is hidden, by switch_protocols (lesson 8). handshake_reject (5) "
     "records the error."},
    {"/wire is there only with --wire", only_when_offered, 13, "the option --wire",
     "The trace shows what others send: it must be asked for. respond (lesson 5) asks find_route, "
     "provided, which knows no /wire unless options.wire is set."},
    {"fifty subscribers, some of which leave in the middle", many_subscribers, 13,
     "man 3 pthread_cond_broadcast",
     "broadcast_publish wakes all subscribers, not one; broadcast_end must wake the second thread of a "
     "client that leaves, before its memory goes."},
    {"for a slow subscriber events are dropped, and it holds up nobody", slow_subscriber, 13,
     "a ring of fixed size",
     "broadcast_publish writes over the oldest message without asking; take_locked then counts what a "
     "subscriber that has fallen behind has lost."},
    {"a paused terminal stops no client, and not the end", paused_terminal, 13, "the option --verbose",
     "What is printed goes through the ring as well, so a terminal that is paused holds up its own "
     "thread alone: broadcast_publish must not wait for anybody."},
    {"no signal interrupts what --verbose prints", no_signal_while_printing, 13, "man 3 pthread_sigmask",
     "wire_start_printing, provided, blocks main's signals in the thread that prints."},
    {"nobody reads what --verbose prints", nobody_reads, 13, "the option --verbose",
     "print_events, provided, ends when standard output takes nothing for good."},
    {"--verbose prints one line for each event, escaped", verbose, 14, "the option --verbose",
     "The printer is a subscriber like the others. What is missing was not recorded: a request's line "
     "by read_line, provided, which request_read (lesson 4) calls; an error by handshake_reject (5)."},
    {"the server's own Close frame is recorded", stop_is_recorded, 14, "RFC 6455, section 7.4.1",
     "The client's own worker sends the Close frame, when wake_locked has got it out of recv: it "
     "records the frame before the client's reply to it."},
    {"a ping without a reply is recorded", ping_timeout, 14, "RFC 6455, section 5.5.2",
     "keepalive fails with CLOSE_POLICY_VIOLATION; on_upgrade (lesson 8) records that before it closes "
     "the connection."},
    {"a subscriber that reads nothing is given up", stuck_subscriber, 14, "man 7 tcp, TCP_INFO",
     "check_progress_locked aborts the connection of a client that acknowledges nothing; both threads "
     "end by that."},
    {"stopping", stopping, 14, "RFC 6455, section 7.4.1",
     "A subscriber gets 1001 like any other client: clients_stop wakes its worker. Its second thread "
     "must not hold up the end."},
    {0},
};

int main(void)
{
    return run_suite("00 the trace", tests);
}
