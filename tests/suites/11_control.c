/* 11_control.c - ping, pong, and the closing handshake */
#include "frame.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static void close_is_answered(void)
{
    unsigned char got[200];
    unsigned opcode = 0;
    size_t length;
    unsigned char *bytes = frames("88:03e8", &length);
    int fd = open_websocket();

    send_bytes(fd, bytes, length);
    EXPECT(receive_frame(fd, &opcode, got, sizeof got) == 2 && opcode == 8 && got[0] == 0x03 &&
               got[1] == 0xE8,
           "a close must be answered by a close, with the same code (1000)");
    receive_all(fd, got, sizeof got); /* a server that crashes now does so in this test */
    free(bytes);
    close(fd);
}

static void nothing_after_a_close(void)
{
    have_talk_once(&(struct talk){"data after a close", "88:03e8 81:61", "close:1000"});
}

/* Sends a ping, and asserts that its pong comes, with its payload. */
static void expect_pong(int fd, const char *script, const char *payload, const char *about)
{
    char got[200] = "";
    unsigned opcode = 0;
    size_t length;
    unsigned char *bytes = frames(script, &length);
    ssize_t n;

    send_bytes(fd, bytes, length);
    n = receive_frame(fd, &opcode, got, sizeof got);
    EXPECT(n == (ssize_t)strlen(payload) && opcode == 10 && strcmp(got, payload) == 0,
           "%s, sent: %s, but got: opcode %u, %zd bytes \"%s\"", about, script, opcode, n, got);
    free(bytes);
}

static void ping_is_answered(void)
{
    int fd = open_websocket();

    expect_pong(fd, "89:", "", "an empty ping gets a pong");
    expect_pong(fd, "89:70696e67", "ping", "a pong brings the ping's payload back");
    close(fd);
}

static void pings(void)
{
    static const struct talk all[] = {
        {"an empty ping", "89:", "pong"},
        {"a ping", "89:70696e67", "pong:70696e67"},
        {"a ping with null bytes", "89:00ff0061", "pong:00ff0061"},
        {"a pong nobody asked for", "8a:78 81:61", "text:61"},
        {"a pong with null bytes", "8a:0000", ""},
        {"two pings and a text", "89:31 89:32 81:61", "pong:31 pong:32 text:61"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* A control frame whose payload is cut off by the end of the connection gets no reply. */
static void cut_off(void)
{
    static const char *const scripts[] = {"=89", "=8984", "=898437fa213d", "=898437fa213d479395",
                                          "=88", "=8882", "=888237fa213d", "=888237fa213d34"};

    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        expect_no_reply("a control frame that is cut off", scripts[i]);
}

/* Ten thousand of the longest pings: a control frame needs no memory but ws->control. */
static void pings_cost_no_memory(void)
{
    enum { ROUND = 100 };
    static unsigned char pings[ROUND * 131], got[ROUND * 127];
    size_t length;
    unsigned char *ping = frames("89*125", &length);
    long before = 0;
    int fd;

    needs_own("memory");
    needs_proc();
    fd = open_websocket();
    for (size_t i = 0; i < ROUND; i++)
        memcpy(pings + i * length, ping, length);
    for (int i = 0; i < 110; i++) {
        if (i == 10)
            before = server_memory();
        send_bytes(fd, pings, sizeof pings);
        if (!EXPECT(receive_bytes(fd, got, sizeof got), "a hundred pongs"))
            break;
    }
    EXPECT(sanitized || server_memory() - before < 800,
           "10000 pings have cost %ld KiB that did not come back", server_memory() - before);
    free(ping);
    close(fd);
}

/* Pings that come at once get their pongs with one send. */
static void pongs_with_one_send(void)
{
    unsigned char got[100];
    size_t length;
    unsigned char *pings = frames("89:31 89:32 89:33 89:34 89:35 89:36 89:37 89:38 89:39", &length);
    int fd = open_websocket();
    unsigned before = segments_received(fd), sends;

    needs_own("gathering of what it sends");
    send_bytes(fd, pings, length);
    EXPECT(receive_bytes(fd, got, 27), "nine pongs");
    sends = segments_received(fd) - before;
    EXPECT(sends == 1, "nine pongs must come with one send, but came with %u", sends);
    free(pings);
    close(fd);
}

static void longest_ping(void)
{
    unsigned char got[300];
    size_t length;
    unsigned char *ping = frames("89*125", &length);
    int fd = open_websocket();

    send_bytes(fd, ping, length);
    EXPECT(receive_bytes(fd, got, 127) && got[0] == 0x8A && got[1] == 125, "a pong of 125 bytes");
    for (int i = 0; i < 125; i++)
        EXPECT(got[2 + i] == i, "byte %d of the pong", i);
    free(ping);
    close(fd);
}

static void closes(void)
{
    static const struct talk all[] = {
        {"close 1000", "88:03e8", "close:1000"},
        {"an empty close", "88:", "close"},
        {"a close of one byte", "88:03", "close:1002"},
        {"a second close", "88:03e8 88:03e9", "close:1000"},
        {"a ping after a close", "88:03e8 89:", "close:1000"},
        {"a wrong code before a wrong reason", "88:03edff", "close:1002"},
        {"a reason that is not UTF-8", "88:03e8ff", "close:1007"},
        {"a reason that ends inside a character", "88:03e8c3", "close:1007"},
        {"a wrong code with a reason", "88:03e7646f6e65", "close:1002"},
        {"the code 0", "88:0000", "close:1002"},
        {"a close in fragments", "08:03e8", "close:1002"},
        {"a close over 125 bytes", "88*126", "close:1002"},
        {"a ping over 125 bytes", "89*126", "close:1002"},
        {"a ping in fragments", "09:61 80:62", "close:1002"},
        {"an unknown control opcode", "8b:", "close:1002"},
        {"an unmasked close", "=880203e8", "close:1002"},
        {"RSV bits in a ping", "c9:", "close:1002"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

static void reasons_are_text(void)
{
    static const struct talk all[] = {
        {"a reason cut inside a character", "88:03e8e282", "close:1007"},
        {"a reason with an overlong form", "88:03e861c0af", "close:1007"},
        {"a reason with a surrogate", "88:03e8eda080", "close:1007"},
        {"a reason beyond U+10FFFF", "88:03e8f4908080", "close:1007"},
        {"a good reason, while a text is inside a character", "01:6ec3 88:03e8627965", "close:1000"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* Codes around every limit up to 5000, and some beyond: those that a peer may send come back, the reply to
 * others is 1002. */
static void close_codes(void)
{
    for (unsigned code = 0; code <= 65535; code++) {
        bool legal = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                     (code >= 3000 && code <= 4999);
        bool border = code > 5000 ? code % 8191 == 0 || code == 65535
                                  : code < 3 || code % 1000 < 20 || code % 1000 > 997;
        char script[20], answer[20], name[60];
        struct talk talk = {.name = name, .script = script, .answers = answer};
        snprintf(name, sizeof name, "close code %u, which %s be sent", code, legal ? "may" : "must not");
        snprintf(script, sizeof script, "88:%04x", code);
        snprintf(answer, sizeof answer, "close:%u", legal ? code : 1002);
        if (border)
            have_talk_once(&talk);
    }
}

/* The reason comes back to the byte, up to the longest. */
static void reasons(void)
{
    char longest[260]; /* 123 bytes, 41 characters */
    const char *const hex[] = {"88:0fa0646f6e65", "88:03e8c3bc20e282ac20f09f9880", "88:03e8610062",
                               "88:138778", longest};
    unsigned char got[200], wanted[200];

    for (size_t n = (size_t)sprintf(longest, "88:03e8"), i = 0; i < 41; i++)
        n += (size_t)sprintf(longest + n, "e282ac");
    for (size_t i = 0; i < sizeof hex / sizeof hex[0]; i++) {
        size_t length;
        unsigned char *close_frame = frames(hex[i], &length);
        int fd = open_websocket();
        send_bytes(fd, close_frame, length);
        ssize_t n = receive_all(fd, got, sizeof got);
        wanted[0] = 0x88;
        wanted[1] = (unsigned char)(length - 6);
        for (size_t k = 0; k < length - 6; k++)
            wanted[2 + k] = close_frame[6 + k] ^ close_frame[2 + k % 4];
        EXPECT(n == (ssize_t)length - 4 && memcmp(got, wanted, length - 4) == 0,
               "code and reason of %.24s%s must come back", hex[i], strlen(hex[i]) > 24 ? "..." : "");
        free(close_frame);
        close(fd);
    }
}

/* Our reason says which rule was broken, so that whoever looks at the wire knows. */
static void reasons_of_ours(void)
{
    unsigned char got[200];
    int fd = open_websocket();

    needs_own("sentences");
    send_bytes(fd, "\x81\x05Hello", 7);
    EXPECT(receive_all(fd, got, sizeof got) > 4, "a Close frame");
    EXPECT(strstr((char *)got + 4, "without a mask") != NULL, "the reason is: %s", got + 4);
    EXPECT(strlen((char *)got + 4) == received_so_far - 4,
           "the reason has %zu characters, but the Close frame has %zu bytes for it: no null terminator "
           "belongs there",
           strlen((char *)got + 4), received_so_far - 4);
    close(fd);
}

/* For tests by call: a websocket on one of two sockets, ends[0]; what it sends comes out of ends[1]. */
static struct stream stream;
static struct websocket ws;

static void open_on_pair(int ends[2])
{
    static const struct trace_source source = {.connection = 1};

    needs_own("functions");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort(); /* without two sockets there is nothing to test */
    stream_open(&stream, ends[0]);
    frame_begin(&ws, &stream, &source, 1000, 1000);
}

static void close_pair(int ends[2])
{
    frame_end(&ws);
    stream_close(&stream);
    close(ends[1]);
}

/* What has been sent to ends[1] so far, and not received. */
static const char *sent_so_far(int ends[2])
{
    unsigned char got[500];
    ssize_t n = recv(ends[1], got, sizeof got, MSG_DONTWAIT);

    return describe(got, n > 0 ? (size_t)n : 0);
}

/* By call, because on the wire it shows only if two threads write to one client. */
static void close_frame_is_the_last(void)
{
    int ends[2];

    open_on_pair(ends);
    EXPECT(frame_write(&ws, OPCODE_TEXT, "a", 1, STREAM_MORE) == 0, "a text that may wait");
    frame_close(&ws, 1001, "bye", 3);
    EXPECT_TEXT(sent_so_far(ends), "text:61 close:1001", "frame_close sends what waits, and its frame");
    EXPECT(frame_write(&ws, OPCODE_TEXT, "late", 4, 0) == 0, "a message after that is dropped: 0");
    frame_close(&ws, 1002, "again", 5);
    stream_flush(&stream);
    EXPECT_TEXT(sent_so_far(ends), "", "after the Close frame nothing may be sent");
    close_pair(ends);
    open_on_pair(ends);
    frame_close(&ws, CLOSE_NO_STATUS, NULL, 0);
    EXPECT_TEXT(sent_so_far(ends), "close", "CLOSE_NO_STATUS: neither code nor reason");
    close_pair(ends);
}

/* Whether bytes can still go both ways. */
static bool is_open(int ends[2])
{
    char byte;

    return send_bytes(ends[1], "x", 1) && recv(ends[1], &byte, 1, MSG_DONTWAIT) == -1;
}

/* By call, because the end that comes too early harms only clients that are slow to read. */
static void close_frame_ends_nothing(void)
{
    int ends[2];

    open_on_pair(ends);
    frame_close(&ws, 1000, NULL, 0);
    EXPECT_TEXT(sent_so_far(ends), "close:1000", "frame_close sends its frame");
    EXPECT(
        is_open(ends) && atomic_load(&stream.aborted) == 0,
        "frame_close has ended the connection; it must only write the Close frame, or a client that is "
        "slow to read loses it");
    close_pair(ends);
}

static void read_and_closed(void)
{
    static const char *const scripts[] = {"88:03e8", "88:"};
    int ends[2];

    for (size_t i = 0; i < 2; i++) {
        size_t length;
        unsigned char *bytes = frames(scripts[i], &length);
        open_on_pair(ends);
        send_bytes(ends[1], bytes, length);
        EXPECT(frame_read_message(&ws) == -1 && ws.close_code == 0 && stream.cause == STREAM_EOF,
               "a Close frame ends the reading, as the client's end, and with no code of ours: %u, %s",
               ws.close_code, stream_reason(&stream));
        EXPECT_TEXT(sent_so_far(ends), i == 0 ? "close:1000" : "close", "the reply to %s", scripts[i]);
        free(bytes);
        close_pair(ends);
    }
}

static void *write_texts(void *ignored)
{
    (void)ignored;
    for (int i = 0; i < 100000 && !stream_is_closed(&stream); i++)
        if (frame_write(&ws, OPCODE_TEXT, "abc", 3, i % 10 == 0 ? 0 : STREAM_MORE) != 0)
            break;
    return NULL;
}

static void *close_and_end(void *writer)
{
    frame_close(&ws, 1001, NULL, 0);
    pthread_join(*(pthread_t *)writer, NULL);
    stream_flush(&stream);
    shutdown(stream.fd, SHUT_WR);
    return NULL;
}

/* Another thread closes, while one writes without a pause. */
static void close_among_writers(void)
{
    static unsigned char got[1 << 20];
    int ends[2];

    for (int i = 0; i < 20; i++) {
        pthread_t writer, closer;
        ssize_t n;
        open_on_pair(ends);
        EXPECT(pthread_create(&writer, NULL, write_texts, NULL) == 0, "a thread that writes");
        EXPECT(recv(ends[1], got, 1, MSG_PEEK) == 1, "it has begun");
        EXPECT(pthread_create(&closer, NULL, close_and_end, &writer) == 0, "a thread that closes");
        n = receive_all(ends[1], got, sizeof got);
        pthread_join(closer, NULL);
        EXPECT(n % 5 == 4 && memmem(got, (size_t)n, "\x88", 1) == got + n - 4 &&
                   memcmp(got + n - 4, "\x88\x02\x03\xe9", 4) == 0,
               "among messages of another thread, the Close frame must be sent once, and be the last");
        close_pair(ends);
    }
}

static void crowd(void)
{
    static const struct talk talks[] = {
        {"a Close frame", "88:03e8646f6e65", "close:1000"},
        {"a Close frame with another code", "88:0bb8", "close:3000"},
        {"a Close frame with a code that must not be sent", "88:03ed", "close:1002"},
        {"a ping", "89:70696e67", "pong:70696e67"},
        {"a ping with another payload", "89:0102", "pong:0102"},
    };

    have_talks_at_once(talks, sizeof talks / sizeof talks[0]);
}

/* The end must be orderly even if the client has sent much that nobody will read: after a reset it could
 * lose the Close frame. receive_all asserts that in every talk; here with more. */
static void no_reset(void)
{
    static unsigned char junk[300000], got[1000];
    size_t length;
    unsigned char *bad = frames("83:", &length);

    for (int i = 0; i < 40; i++) {
        int fd = open_websocket();
        send_bytes(fd, bad, length);
        EXPECT(send_bytes(fd, junk, sizeof junk),
               "the server must go on receiving, but has reset the connection");
        ssize_t n = receive_all(fd, got, sizeof got);
        EXPECT(n > 4 && got[0] == 0x88 && got[2] == 0x03 && got[3] == 0xEA,
               "close 1002 must arrive, and then the end, but %zu bytes came: %s", received_so_far,
               n < 0 ? end_words() : describe(got, (size_t)n));
        close(fd);
    }
    free(bad);
}

/* A client that leaves without a Close frame harms nobody. */
static void vanishing_clients(void)
{
    for (int i = 0; i < 20; i++) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0};
        size_t length;
        unsigned char *message = frames("82*5000 82*50000 82*50000", &length);
        int fd = open_websocket();
        send_bytes(fd, message, i % 2 ? length : length / 2);
        if (i % 3 == 0) /* a reset */
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
        free(message);
    }
    have_talk_once(&(struct talk){"after them", "81:61", "text:61"});
}

/* They leave while the server is held. It sends them two echoes: the reply to the first one is a reset, and
 * the second raises SIGPIPE, unless it is sent with MSG_NOSIGNAL. */
static void gone_before_the_echo(void)
{
    size_t length;
    unsigned char *messages = frames("82*20000 82*20000", &length);

    for (int i = 0; i < 5; i++) {
        int fd = open_websocket();
        kill(server_pid, SIGSTOP);
        send_bytes(fd, messages, length);
        close(fd);
        kill(server_pid, SIGCONT);
        have_talk_once(&(struct talk){"after a client that has gone", "81:61", "text:61"});
    }
    free(messages);
}

int main(void)
{
    static const struct test tests[] = {
        {"the reply to a Close frame is a Close frame", close_is_answered, 11, "RFC 6455, section 5.5.1",
         "handle_close replies with frame_close, and the client's own code: the first two bytes of the "
         "payload. It leaves close_code 0: else on_upgrade (lesson 8) sends another Close frame, with "
         "ws->reason."},
        {"nothing goes out after a Close frame", nothing_after_a_close, 11, "RFC 6455, section 5.5.1",
         "After its reply, handle_close returns -1, at which frame_read_message and echo (lesson 10) "
         "end. handle_control returns what handle_close returns. close_code stays 0: else on_upgrade "
         "(8) sends another Close frame, with ws->reason."},
        {"the reply to a ping is a pong", ping_is_answered, 11, "RFC 6455, section 5.5.3",
         "handle_control writes a pong with the ping's payload, which read_control has read and "
         "unmasked. An empty payload is there at once: for that, read_control must not call read_piece. "
         "If an empty frame comes after it: frame_read_message (lesson 10) goes on after a control "
         "frame."},
        {"every close code at the limits", close_codes, 11, "RFC 6455, section 7.4",
         "Some codes may never be sent: if frame_is_close_code returns false, handle_close fails with "
         "1002."},
        {"Close frames, and rules that some of them break", closes, 11, "RFC 6455, section 5.5.1",
         "handle_close: a Close frame is empty, and gets an empty reply (CLOSE_NO_STATUS), or it has a "
         "code of two bytes and a reason; one byte alone is 1002. The code is checked first, then the "
         "reason, with utf8_check, and that nothing is `missing` at its end. If only a frame in two "
         "pieces goes wrong: read_control must read on until the payload is whole, and store each "
         "piece after the last."},
        {"the Close frame is the last one, and the only one", close_frame_is_the_last, 11,
         "RFC 6455, section 5.5.1",
         "frame_close writes its frame with STREAM_LAST: stream_write (lesson 5) then drops what "
         "follows."},
        {"a Close frame ends the reading", read_and_closed, 11, "RFC 6455, section 7.1.5",
         "handle_close sets the stream's cause to STREAM_EOF, and returns -1; there is no close_code, "
         "because the reply has been sent already."},
        {"also if two threads write", close_among_writers, 11, "RFC 6455, section 5.5.1",
         "frame_close writes its frame with STREAM_LAST: stream_write (lesson 5) looks at that under "
         "the write lock, so that no other write can follow."},
        {"after the Close frame, the connection is still there", close_frame_ends_nothing, 11,
         "RFC 6455, section 7.1.1",
         "frame_close only writes. The server ends its own direction later, in stream_linger (lesson "
         "5), and waits there for the client's end. stream_abort would destroy what the client has not "
         "read yet."},
        {"pings get pongs, pongs get nothing", pings, 11, "RFC 6455, section 5.5.2",
         "handle_control ignores a pong; it replies to several pings in their order, as to everything "
         "else. A payload is no string: its length is frame->length. If only a frame in two pieces "
         "goes wrong: read_control stores each piece after the last."},
        {"a control frame that is cut off gets no reply", cut_off, 11, "RFC 6455, section 7.1.7",
         "If read_piece returns -1, read_control must do so at once: there is no payload, and no more "
         "will come."},
        {"pings that come at once get their pongs with one send", pongs_with_one_send, 11,
         "man 7 tcp, TCP_NODELAY",
         "handle_control gives frame_write the flags that stream_more makes, as echo does (lesson 10)."},
        {"pings cost no memory", pings_cost_no_memory, 11, "RFC 6455, section 5.5",
         "read_control and handle_control need no memory of their own: the payload is in ws->control."},
        {"the longest ping", longest_ping, 11, "RFC 6455, section 5.5",
         "A control frame has up to 125 bytes: read_control reads them all, and all come back in the "
         "pong."},
        {"the peer's reason comes back", reasons, 11, "RFC 6455, section 7.1.6",
         "handle_close sends the code and the reason back as they came, and frame_close writes them to "
         "the last byte: a reason may have 123. It is no string, and may hold a null byte: memcpy."},
        {"our reason says which rule was broken", reasons_of_ours, 11, "RFC 6455, section 7.1.6",
         "on_upgrade (lesson 8) gives ws->close_code and ws->reason to frame_close, which writes the "
         "reason after the code."},
        {"the end is no reset", no_reset, 11, "RFC 6455, section 7.1.1",
         "After the Close frame stream_linger (lesson 5) ends our own direction only, and receives "
         "until the client's end."},
        {"twenty clients at the same moment", crowd, 11, "lesson 2: a thread per client",
         "What handle_close, frame_is_close_code, frame_close, read_control and handle_control need is "
         "in their arguments and local variables: a static variable is shared by all clients. A table "
         "is static const, with its values in the code."},
        {"clients that vanish", vanishing_clients, 11, "RFC 6455, section 7.1.5",
         "A connection may end anywhere: every caller returns -1 if what it has called does, and the "
         "worker ends."},
        {"clients that have gone before their echo", gone_before_the_echo, 11,
         "man 2 send, MSG_NOSIGNAL",
         "A send to a client that has gone must be an error and no signal: send_all_locked (lesson 5) "
         "sends with MSG_NOSIGNAL."},
        {"a Close frame's reason must be UTF-8", reasons_are_text, 12, "RFC 6455, section 5.5.1",
         "The reason is text, and handle_close (lesson 11) checks it with utf8_check: if it is not "
         "UTF-8, or ends inside a character (`missing`), it fails with 1007. It needs a struct utf8 of "
         "its own: that of the websocket belongs to the message."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("11 control frames", tests);
    return server_finish(status);
}
