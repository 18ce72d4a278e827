/* 13_wire.c - the server speaks first: what watchers are told, and that they hold nobody up */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream.h"
#include "wire.h"
#include "harness.h"

/* Receives events until one holds `last`, and joins them, each in a line, without their n and t;
 * addresses become "*". The watcher's pings and such are left out. */
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

static void send_script(int fd, const char *script)
{
    size_t length;
    unsigned char *bytes = frames(script, &length);

    send_bytes(fd, bytes, length);
    free(bytes);
}

/* The end of a connection, as its client sees it; after it all has been told. */
static void receive_end(int fd)
{
    static unsigned char got[2000000];

    receive_all(fd, got, sizeof got);
    close(fd);
}

static void a_whole_connection(void)
{
    int watcher, client;

    server_start("--wire");
    watcher = open_websocket_at("/wire"); /* connection 1 */
    client = open_websocket_at("/echo?page=5f");
    send_script(client, "=818537fa213d7f9f4d5158 88:03e8");
    receive_end(client);
    EXPECT_TEXT(
        events_until(watcher, "disconnected"),
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
        "{\"conn\":2,\"event\":\"disconnected\",\"why\":\"the client has ended\"}\n",
        "what a watcher is told of one connection");
    close(watcher);
    server_stop();
}

/* 64 bytes of zero, in hex. */
#define ZEROS4 "00000000"
#define ZEROS16 ZEROS4 ZEROS4 ZEROS4 ZEROS4
#define ZEROS64 ZEROS16 ZEROS16 ZEROS16 ZEROS16

/* Each input with what must stand in what is told of it. */
static void details(void)
{
    static const struct {
        const char *request, *script, *words;
    } cases[] = {
        {"", "=82c100000000" ZEROS64 "00",
         "\"length\":65,\"bytes\":\"82c100000000" ZEROS64 "\",\"cut\":true}"},
        {"", "=82c000000000" ZEROS64, "\"length\":64,\"bytes\":\"82c000000000" ZEROS64 "\"}"},
        {"", "01:61 89:31 80:62", "\"bytes\":\"898137fa213d06\"}"},
        {"", "01:61 89:31 80:62", "\"dir\":\"out\",\"length\":2,\"bytes\":\"81026162\"}"},
        {"", "=c18000", "\"event\":\"frame\",\"dir\":\"in\",\"length\":0,\"bytes\":\"c180\"}"},
        {"", "=c18000", "\"event\":\"error\",\"why\":\"reserved bits are set\"}"},
        {"", "=81857fffffffc0",
         "\"event\":\"frame\",\"dir\":\"in\",\"length\":5,"
         "\"bytes\":\"81857fffffffc0\"}"}, /* cut off by the end */
        {"", "=8185000000004142ff4344", "\"bytes\":\"8185000000004142ff4344\"}"},
        {"", "=8185000000004142ff4344", "\"bytes\":\"881803ef"}, /* and the close that refuses it */
        {"GET /\x01 HTTP/1.1\r\n", "", "\"text\":\"GET /\"}"},
        {"GET / HTTP/1.1\r\nHost: \"x\\\xe9\t\r\n\r\n", "",
         "\"text\":\"Host: \\\"x\\\\\\u00e9\\u0009\"}"},
        {"GET / HTTP/1.1\r\nHost: \"x\r\n\r\n", "", "\"event\":\"error\",\"why\":\"The Host line holds"},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "", "\"event\":\"disconnected\",\"why\":\"answered\"}"},
    };
    int watcher;

    server_start("--wire");
    watcher = open_websocket_at("/wire");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int client = *cases[i].request ? dial() : open_websocket();
        if (*cases[i].request)
            send_text(client, cases[i].request);
        else
            send_script(client, cases[i].script);
        shutdown(client, SHUT_WR);
        receive_end(client);
        const char *told = events_until(watcher, "disconnected");
        EXPECT(strstr(told, cases[i].words) != NULL, "case %zu: expected\n%s\nin\n%.3000s", i,
               cases[i].words, told);
    }
    close(watcher);
    server_stop();
}

static void long_lines(void)
{
    char request[1500], words[700];
    int watcher, client;
    const char *told;

    server_start("--wire");
    watcher = open_websocket_at("/wire");
    snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\nA: %0509d\r\nB: %0510d\r\n\r\n", 0,
             0);
    client = dial();
    send_text(client, request);
    receive_end(client);
    told = events_until(watcher, "disconnected");
    snprintf(words, sizeof words, "\"text\":\"A: %0509d\"}", 0);
    EXPECT(strstr(told, words) != NULL, "a line of 512 bytes is told whole: %s", told);
    snprintf(words, sizeof words, "\"text\":\"B: %0509d\",\"cut\":true}", 0);
    EXPECT(strstr(told, words) != NULL, "a line of 513 bytes is cut, and says so: %s", told);
    close(watcher);
    server_stop();
}

static void watchers_are_not_watched(void)
{
    int first, second, client;
    const char *told;

    server_start("--wire");
    first = open_websocket_at("/wire");
    second = open_websocket_at("/wire?x");
    send_script(second, "81:61 89:62");
    send_script(second, "88:03e8");
    receive_end(second);
    client = open_websocket();
    send_script(client, "88:");
    receive_end(client);
    told = events_until(first, "disconnected");
    EXPECT(strstr(told, "\"conn\":2") == NULL, "nothing of the second watcher may be told: %s", told);
    EXPECT(strstr(told, "\"conn\":3") != NULL, "but all of the client after it: %s", told);
    /* This request line is not seen to be a watcher's before it is taken apart: it is told, and
     * ended. */
    second = open_websocket_at("http://localhost/wire");
    told = events_until(first, "disconnected");
    EXPECT(strstr(told, "from now on it watches") != NULL, "a watcher leaves the view: %s", told);
    close(second);
    close(first);
    server_stop();
}

/* A request for /wire is not a watcher's where it is refused: then it is told like any other. */
static void refused_watchers_are_told(void)
{
    static const char *const requests[] = {"GET /wire HTTP/1.1\r\nHost: x\r\n\r\n",
                                           "GET /wire?x HTTP/1.1\r\n\r\n"};
    int watcher;

    server_start("--wire");
    watcher = open_websocket_at("/wire");
    for (size_t i = 0; i < 2; i++) {
        ask(requests[i]);
        EXPECT(strstr(events_until(watcher, "disconnected"), "\"error\"") != NULL, "%s", requests[i]);
    }
    close(watcher);
    server_stop();
}

/* The close frame of a server that stops is told too, before the client's answer to it. */
static void farewells_are_told(void)
{
    static char printed[20000];
    const char *farewell;
    unsigned opcode;
    char reason[200];
    int client;

    server_start("--verbose");
    client = open_websocket();
    server_signal(SIGTERM);
    EXPECT(receive_frame(client, &opcode, reason, sizeof reason) > 2 && opcode == 8, "a close frame");
    send_script(client, "88:03e9");
    receive_end(client);
    EXPECT(child_status(server_pid) == 0, "an orderly end");
    server_printed(printed, sizeof printed);
    farewell = strstr(printed, "out  frame: close, 24 bytes, code 1001 \"the server is stopping\"\n");
    EXPECT(farewell != NULL && strstr(farewell, "in   frame: close, 2 bytes, code 1001") != NULL,
           "the farewell and its answer must be told: %s", printed);
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
    int watcher, client;
    unsigned opcode = 0;
    char event[WIRE_JSON_BYTES + 1] = "";
    size_t length;
    unsigned char *pong = frames("8a:", &length);

    server_start("--wire", "--timeout", "2");
    watcher = open_websocket_at("/wire");
    client = open_websocket();
    while (strstr(event, "disconnected") == NULL &&
           receive_frame(watcher, &opcode, event, sizeof event) >= 0) {
        if (opcode == 9)
            send_bytes(watcher, pong, length); /* the watcher stays, for it answers */
        if (strstr(event, "ping-timeout") != NULL)
            opcode = 100;
        if (opcode == 100)
            break;
    }
    EXPECT(opcode == 100, "a ping that is not answered must be told, but the last event is %s", event);
    free(pong);
    close(client);
    close(watcher);
    server_stop();
}

/* Numbers of an event: n, and how many are missed with it. */
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

/* Receives events until a connection has ended, and asserts that the told ones and the missed ones
 * together are all. Answers how many were missed. */
static unsigned long follow(int watcher)
{
    char event[WIRE_JSON_BYTES + 1] = "";
    unsigned long next = 0, missed = 0, gaps = 0;
    unsigned opcode;

    while (strstr(event, "disconnected") == NULL &&
           receive_frame(watcher, &opcode, event, sizeof event) >= 0) {
        unsigned long n = number(event, "\"n\":"), count = number(event, "\"count\":");
        bool told = strstr(event, "\"missed\"") == NULL;
        missed += told ? 0 : count;
        gaps += next != 0 && n != next + (told ? 1 : count) - 1 ? 1 : 0;
        next = n + 1;
    }
    EXPECT(strstr(event, "disconnected") != NULL, "the end must be told, but the last event is %s",
           event);
    EXPECT(gaps == 0, "told and missed events together must be all: %lu gaps", gaps);
    return missed;
}

/* A watcher that does not read while 100 000 messages are echoed: the others notice nothing, and
 * the watcher is told how many events it has missed, without a gap in the numbers. */
static void slow_watcher(void)
{
    int watcher;

    server_start("--wire", "--timeout", "0");
    watcher = open_websocket_at("/wire");
    EXPECT(echo_many(sanitized ? 200 : 1000), "echoes beside a watcher that does not read");
    EXPECT(follow(watcher) > 0, "a watcher that does not read must miss events, and be told");
    close(watcher);
    server_stop();
}

static void many_watchers(void)
{
    enum { WATCHERS = 50 };
    int watchers[WATCHERS];

    server_start("--wire");
    for (int i = 0; i < WATCHERS; i++)
        watchers[i] = open_websocket_at("/wire");
    for (int i = 0; i < WATCHERS; i += 5) /* some leave in the middle of a frame */
        send_bytes(watchers[i], "\x81", 1), close(watchers[i]);
    EXPECT(echo_many(20), "echoes beside 50 watchers that do not read");
    for (int i = 0; i < WATCHERS; i++) {
        if (i % 5 == 0)
            continue;
        follow(watchers[i]);
        close(watchers[i]);
    }
    server_stop();
}

/* A watcher that never reads is given up like any other client that does not. */
static int threads_with_watcher;

static bool watcher_is_gone(void)
{
    return server_threads() < threads_with_watcher;
}

static void stuck_watcher(void)
{
    struct timeval wait = {.tv_sec = WAIT_S};
    int watcher, small = 1000, client;
    bool gone = false;

    server_start("--wire", "--timeout", "1");
    client = open_websocket();
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    watcher = open_websocket_at("/wire");
    setsockopt(watcher, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    threads_with_watcher = server_threads();
    /* the events of 300 batches of 100 are some 6 MB: more than the kernel keeps for it */
    for (int i = 0; i < 100 && !gone; i++) {
        EXPECT(echo_many(10), "echoes beside a watcher that is stuck");
        gone = watcher_is_gone();
    }
    EXPECT(eventually(watcher_is_gone), "a watcher that takes nothing must be given up");
    close(watcher);
    close(client);
    server_stop();
}

/* ---- two threads that write to one stream ---- */

enum { RECORD = 100, RECORDS = 10000, TOGETHER = 50 };
static struct stream shared;
/* Passed every few records, so that neither is through before the other. */
static pthread_barrier_t both;

static void *write_records(void *letter)
{
    char record[RECORD];

    memset(record, *(char *)letter, sizeof record);
    for (int i = 0; i < RECORDS; i++) {
        if (i % TOGETHER == 0)
            pthread_barrier_wait(&both);
        stream_write(&shared, record, 10, record + 10, RECORD - 10, true);
    }
    return NULL;
}

/* In a process of its own, for without a lock it may crash. */
static void write_from_two_threads(int fd)
{
    char letters[] = "ab";
    pthread_t other;

    stream_open(&shared, fd, NULL);
    pthread_barrier_init(&both, NULL, 2);
    if (pthread_create(&other, NULL, write_records, &letters[1]) != 0)
        _exit(1);
    write_records(&letters[0]);
    pthread_join(other, NULL);
    _exit(stream_flush(&shared));
}

/* How many whole pieces of one letter there are. */
static int whole_records(const char *bytes, char letter)
{
    int whole = 0;

    for (int i = 0; i < 2 * RECORDS; i++, bytes += RECORD)
        whole += *bytes == letter && memcmp(bytes, bytes + 1, RECORD - 1) == 0 ? 1 : 0;
    return whole;
}

/* A watcher has two threads: events must not be torn by pongs. */
static void two_writers(void)
{
    static char got[2 * RECORDS * RECORD + RECORD];
    struct timeval wait = {.tv_sec = wait_s()};
    int ends[2], status, small = 2000;
    ssize_t length;
    pid_t writer;

    needs_own("functions");
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small); /* so that sends must wait */
    writer = fork();
    if (writer == 0)
        write_from_two_threads(ends[1]);
    close(ends[1]);
    length = receive_all(ends[0], got, sizeof got);
    close(ends[0]);
    if (length < 0)
        kill(writer, SIGKILL); /* it hangs */
    status = child_status(writer);
    EXPECT(status == 0 && length == 2 * RECORDS * RECORD && whole_records(got, 'a') == RECORDS &&
               whole_records(got, 'b') == RECORDS,
           "what two threads write must stay whole, and come once: %d pieces each, but there are %d and "
           "%d, "
           "in %zu bytes (%s, status %d)",
           RECORDS, whole_records(got, 'a'), whole_records(got, 'b'), received_so_far,
           length < 0 ? end_words() : "the end", status);
}

static void stopping(void)
{
    char event[WIRE_JSON_BYTES + 1] = "";
    unsigned opcode = 0;
    ssize_t length = 0;
    int watcher, client;

    server_start("--wire");
    watcher = open_websocket_at("/wire");
    client = open_websocket();
    server_signal(SIGTERM);
    while (opcode != 8 && length >= 0)
        length = receive_frame(watcher, &opcode, event, sizeof event);
    EXPECT(opcode == 8 && event[0] == 0x03 && (event[1] & 0xFF) == 0xE9, "a watcher gets 1001 too");
    send_script(watcher, "88:03e9");
    receive_end(watcher);
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
        "client 1    in   frame: binary (to be continued), 2 bytes \"\\u001b\\u0007\"\n",
        "client 1    in   frame: continuation, 96 bytes \"",
        "client 1    in   frame: close, 6 bytes, code 4000 \"done\"\n",
        "client 1    disconnected: the client has ended\n",
        "client 2    error: There is nothing at this address.\n",
    };
    int client;

    server_start("--verbose");
    client = open_websocket();
    send_script(client,
                "81:48656c6c6f 02:1b07 80:1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a"
                "1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a"
                "1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b1b5b324a1b5d303b 88:0fa0646f6e65");
    receive_end(client);
    EXPECT_STATUS("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", 404, "nothing");
    server_stop();
    server_printed(printed, sizeof printed);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        EXPECT(strstr(printed, wanted[i]) != NULL, "expected:\n%s\nin:\n%s", wanted[i], printed);
    for (const char *p = printed; *p != '\0'; p++)
        EXPECT(*p == '\n' || (*p >= ' ' && *p < 0x7f), "no byte of a client reaches the terminal raw");
}

/* Nobody reads what --verbose prints: no client may wait for that, and neither may the end. */
static void paused_terminal(void)
{
    server_start("--verbose");
    EXPECT(echo_many(100), "20000 events, far more than a pipe holds");
    if (sanitized) /* the thread sanitizer's own exit would wait for the terminal */
        EXPECT(server_end(SIGKILL) == 128 + SIGKILL, "killed");
    else
        server_stop();
}

int main(void)
{
    static const struct test tests[] = {
        {"all that crosses the wire is told, in order", a_whole_connection, 13,
         "man 3 pthread_cond_wait",
         "publish wakes the watchers, each of which takes the next event. A missing line is told by "
         "read_line (lesson 4), the 101 by write_head, which handshake_switch (8) calls, a frame that "
         "goes out by frame_write (10). For a missing payload, read_piece (10) calls keep_beginning."},
        {"two threads may write to one client", two_writers, 13, "man 3 pthread_mutex_lock",
         "A watcher's two threads write to one stream: each frame must go whole, under the write lock."},
        {"long payloads, refused frames, odd bytes", details, 13, "RFC 8259, section 7",
         "read_piece (lesson 10) calls keep_beginning with the bytes as they came, before it takes "
         "their mask off. Half a line is told too, by read_line (4); an error by handshake_refuse (5) "
         "or, of a frame, by on_upgrade (8)."},
        {"long lines are cut", long_lines, 13, "the size of an event",
         "An event has room for so many bytes, and says where there was more. read_line (lesson 4) "
         "gives wire_line the line's whole length."},
        {"watchers are not watched", watchers_are_not_watched, 13,
         "a view that shows itself would never end",
         "Hide a watcher's own connection before it begins to watch. And one that is woken where there "
         "is nothing waits again: while, not if."},
        {"who is refused /wire is told of", refused_watchers_are_told, 13,
         "a view that shows itself would never end",
         "Only a connection that does watch stays hidden. handshake_refuse (lesson 5) shows one that "
         "is refused, with wire_show, and then tells its error, with wire_note."},
        {"/wire is there only with --wire", only_when_offered, 13, "the option --wire",
         "The view shows what others send: it must be asked for. answer (lesson 5) has no resource for "
         "it where options.wire is not set."},
        {"fifty watchers, some of which leave in the middle", many_watchers, 13,
         "man 3 pthread_cond_broadcast",
         "Wake all watchers, not one; and who leaves must end its second thread before its memory "
         "goes."},
        {"a slow watcher misses events, and holds up nobody", slow_watcher, 13, "a ring of fixed size",
         "The ring goes on over its oldest event; a watcher that has fallen behind is told how many it "
         "has missed."},
        {"a paused terminal stops no client, and not the end", paused_terminal, 13,
         "the option --verbose",
         "What is printed goes through the ring as well: a terminal that is paused must hold up its own "
         "thread alone."},
        {"--verbose prints one line an event, escaped", verbose, 14, "the option --verbose",
         "The printer is a watcher like the others. What is missing was not told: a request's line by "
         "read_line (lesson 4), the 101 by write_head, which handshake_switch (8) calls, an error by "
         "handshake_refuse (5), a frame that goes out by frame_write (10)."},
        {"the server's farewell is told", farewells_are_told, 14, "RFC 6455, section 7.4.1",
         "main tells only those of whom it knows that frames may come: switch_protocols (lesson 8) "
         "calls note_progress. The client's own thread tells of the close frame, before the answer to "
         "it."},
        {"a ping that is not answered is told", ping_timeout, 14, "RFC 6455, section 5.5.2",
         "peer_silent tells of the silence before the connection is closed for it. read_header_bytes "
         "(lesson 9) calls it where a read has timed out."},
        {"a watcher that takes nothing is given up", stuck_watcher, 14, "man 2 poll",
         "A send to a watcher that takes nothing ends when the patience does: send_all_locked (lesson "
         "5) sends with MSG_DONTWAIT, and waits in await. send_view then cuts the connection, which "
         "ends both threads."},
        {"stopping", stopping, 14, "RFC 6455, section 7.4.1",
         "A watcher is told 1001 like any other client: switch_protocols (lesson 8) notes that it is "
         "UPGRADED. Its second thread must not hold up the end."},
        {0},
    };

    return run_suite("13 the server speaks first", tests);
}
