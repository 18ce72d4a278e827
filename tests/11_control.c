/* 11_control.c - ping, pong, and the closing handshake */
#include "stream.h"

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
    free(bytes);
    close(fd);
}

static void nothing_behind_a_close(void)
{
    have_talk_once(&(struct talk){"data behind a close", "88:03e8 81:61", "close:1000"});
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
        {"a pong nobody asked for", "8a:78 81:61", "text:61"},
        {"a pong with zero bytes", "8a:0000", ""},
        {"two pings and a text", "89:31 89:32 81:61", "pong:31 pong:32 text:61"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
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
        {"a ping behind a close", "88:03e8 89:", "close:1000"},
        {"a wrong code before a wrong reason", "88:03edff", "close:1002"},
        {"a wrong code with a reason", "88:03e7646f6e65", "close:1002"},
        {"the code 0", "88:0000", "close:1002"},
        {"a close in fragments", "08:03e8", "close:1002"},
        {"a close over 125 bytes", "88*126", "close:1002"},
        {"a ping over 125 bytes", "89*126", "close:1002"},
        {"a ping in fragments", "09:61 80:62", "close:1002"},
        {"a reserved control opcode", "8b:", "close:1002"},
        {"an unmasked close", "=880203e8", "close:1002"},
        {"reserved bits in a ping", "c9:", "close:1002"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

static void reasons_are_text(void)
{
    static const struct talk all[] = {
        {"a reason that is not UTF-8", "88:03e8ff", "close:1007"},
        {"a reason cut inside a character", "88:03e8e282", "close:1007"},
        {"a reason with an overlong form", "88:03e861c0af", "close:1007"},
        {"a reason with a surrogate", "88:03e8eda080", "close:1007"},
        {"a reason beyond U+10FFFF", "88:03e8f4908080", "close:1007"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* Codes around every border up to 5000, and some beyond: those a peer may send come back, others
 * are answered with 1002. */
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
               "code and reason of %s must come back", hex[i]);
        free(close_frame);
        close(fd);
    }
}

/* A reason says what was wrong, so that whoever looks at the wire knows. */
static void reasons_of_ours(void)
{
    unsigned char got[200];
    int fd = open_websocket();

    needs_own("sentences");
    send_bytes(fd, "\x81\x05Hello", 7);
    EXPECT(receive_all(fd, got, sizeof got) > 4, "a close frame");
    EXPECT(strstr((char *)got + 4, "without a mask") != NULL, "the reason is: %s", got + 4);
    close(fd);
}

/* For tests by call: a stream on one of two sockets, ends[0]; what it sends comes out of ends[1]. */
static void open_on_pair(struct stream *s, int ends[2])
{
    needs_own("functions");
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        abort(); /* without two sockets there is nothing to test */
    stream_open(s, ends[0], NULL);
}

/* By call, for on the wire it shows only where two threads write to one client. */
static void last_word_is_the_last(void)
{
    static struct stream s;
    static const struct last_word word = {.length = 2, .bytes = {0x88, 0x00}};
    int ends[2];
    char got[8];

    open_on_pair(&s, ends);
    EXPECT(stream_say_last_word(&s, &word) == 0, "the first last word must be answered with 0");
    EXPECT(stream_say_last_word(&s, &word) == STREAM_OVER, "a second one with STREAM_OVER");
    EXPECT(stream_write(&s, "late", 4, NULL, 0, false) == STREAM_OVER, "what is written behind it, too");
    stream_flush(&s);
    EXPECT(recv(ends[1], got, sizeof got, MSG_DONTWAIT) == 2 && memcmp(got, "\x88", 2) == 0,
           "a flush sends it, once and nothing else");
    stream_close(&s);
    close(ends[1]);
}

/* By call: another thread finds the write lock taken, and leaves its word to whoever has the lock. That
 * one comes too late here, for another word is the last; but who lets go must have taken it up. */
static void farewell_is_taken_up(void)
{
    static struct stream s;
    static const struct last_word word = {.length = 2, .bytes = {0x88, 0x00}};
    static const struct last_word farewell = {.length = 4, .bytes = {0x88, 0x02, 0x03, 0xE9}};
    int ends[2];
    char got[8];

    open_on_pair(&s, ends);
    pthread_mutex_lock(&s.write_lock);
    stream_farewell(&s, &farewell);
    pthread_mutex_unlock(&s.write_lock);
    EXPECT(stream_say_last_word(&s, &word) == 0, "the last word must be answered with 0");
    EXPECT(
        recv(ends[1], got, sizeof got, MSG_DONTWAIT) == 2 && memcmp(got, "\x88", 2) == 0,
        "a farewell was left while the write lock was held: letting go of the lock must take it up, and "
        "send what waits");
    stream_flush(&s);
    EXPECT(recv(ends[1], got, sizeof got, MSG_DONTWAIT) < 0, "behind the last word nothing may be sent");
    stream_close(&s);
    close(ends[1]);
}

/* The end must be orderly even where the client has sent much that nobody will read: a reset
 * would eat the close frame. receive_all asserts that in every talk; here with more. */
static void no_reset(void)
{
    static unsigned char junk[300000], got[1000];
    size_t length;
    unsigned char *bad = frames("83:", &length);

    for (int i = 0; i < 10; i++) {
        int fd = open_websocket();
        send_bytes(fd, bad, length);
        EXPECT(send_bytes(fd, junk, sizeof junk),
               "the server must take what it will not read, but has reset the connection");
        ssize_t n = receive_all(fd, got, sizeof got);
        EXPECT(n > 4 && got[0] == 0x88 && got[2] == 0x03 && got[3] == 0xEA,
               "close 1002 must arrive, and then the end, but %zu bytes came: %s", received_so_far,
               n < 0 ? end_words() : describe(got, (size_t)n));
        close(fd);
    }
    free(bad);
}

/* A client that leaves without a word harms nobody. */
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

/* They leave while the server is held. It sends them two echoes: the first one is answered by a reset,
 * and the second raises SIGPIPE, unless it is sent with care. */
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
        {"a close is answered", close_is_answered, 11, "RFC 6455, section 5.5.1",
         "A close is answered by a close with the same code; its first two bytes are the code."},
        {"nothing goes behind a close", nothing_behind_a_close, 11, "RFC 6455, section 5.5.1",
         "After the close frame read no further, and write nothing more: answer_close returns "
         "STREAM_END, at which echo (lesson 10) ends."},
        {"a ping is answered", ping_is_answered, 11, "RFC 6455, section 5.5.3",
         "A ping gets a pong with the same payload, which has a mask of its own to be taken off."},
        {"every close code at the borders", close_codes, 11, "RFC 6455, section 7.4",
         "Some codes may never be sent: they are answered with 1002. See frame_is_close_code."},
        {"closes, and what is wrong with some", closes, 11, "RFC 6455, section 5.5.1",
         "A close has no payload, or a code of two bytes and a reason; one byte alone is 1002. If "
         "only a close in two pieces is wrong: read_control must read on until the payload is whole."},
        {"the last word is the last", last_word_is_the_last, 11, "RFC 6455, section 5.5.1",
         "stream_say_last_word notes under the lock that it was said: behind it, all is STREAM_OVER."},
        {"a farewell that was left meanwhile is taken up", farewell_is_taken_up, 11,
         "man 3 pthread_mutex_trylock",
         "stream_say_last_word lets go of the lock with unlock_writing, not with pthread_mutex_unlock."},
        {"pings are answered, pongs pass", pings, 11, "RFC 6455, section 5.5.2",
         "A pong needs no answer; several pings are answered in their order, like all that comes."},
        {"the longest ping", longest_ping, 11, "RFC 6455, section 5.5",
         "A control frame has up to 125 bytes, which all come back in the pong."},
        {"the peer's reason comes back", reasons, 11, "RFC 6455, section 7.1.6",
         "The answer has the code and the reason as they came, to the last byte."},
        {"our reason says what was wrong", reasons_of_ours, 11, "RFC 6455, section 7.1.6",
         "The words of ws->problem go into the close frame, behind the code. on_upgrade (lesson 8) has "
         "frame_send_close send it."},
        {"the end is no reset", no_reset, 11, "RFC 6455, section 7.1.1",
         "After the last word stream_finish (lesson 5) ends our own direction only, and reads on until "
         "the client's end."},
        {"clients that vanish", vanishing_clients, 11, "RFC 6455, section 7.1.5",
         "A connection may end anywhere: pass on what the stream answers, and let the worker end."},
        {"clients that have gone before their echo", gone_before_the_echo, 11,
         "man 2 send, MSG_NOSIGNAL",
         "A send to a client that has gone must be an error and no signal: send_all_locked (lesson 5) "
         "sends with MSG_NOSIGNAL."},
        {"a close's reason must be UTF-8", reasons_are_text, 12, "RFC 6455, section 5.5.1",
         "The reason is text, and answer_close (lesson 11) checks it like one, with frame_check_utf8: "
         "where it is none, the answer is 1007."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("11 control frames", tests);
    return server_finish(status);
}
