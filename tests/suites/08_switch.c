/* 08_switch.c - the 101, and what came after the request */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static const char response[] = "HTTP/1.1 101 Switching Protocols\r\n"
                               "Upgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/* What must come after the 101, for a text and a Close: at least as much as is written. */
static const char *wanted_behind(const char *told)
{
    static const char *const wanted[] = {"close:1011", "text:48656c6c6f close:1011",
                                         "text:48656c6c6f close:1000"};
    size_t least = written_lesson() < 10 ? 0 : written_lesson() < 11 ? 1 : 2;

    for (size_t i = least; i < 3; i++)
        if (strcmp(told, wanted[i]) == 0)
            return wanted[i];
    return wanted[least];
}

static void expect_behind(const char *told, size_t cut, size_t length)
{
    EXPECT_TEXT(told, wanted_behind(told),
                "the frames after the request must get their replies (sent in two pieces, cut at byte "
                "%zu of %zu)",
                cut, length);
}

/* The reason of the Close frame after a 101, if it says that this lesson is not written. */
static const char *unwritten_reason(const unsigned char *got, size_t length)
{
    const unsigned char *reason = memmem(got, length, "lesson ", 7);

    return reason != NULL && unwritten_lesson((const char *)reason) == 8 ? (const char *)reason : NULL;
}

/* Sends a request and frames as one row of bytes, with a pause after `cut` of them. */
static void handshake_and_frames(const char *further, size_t cut)
{
    static unsigned char bytes[2000], got[2000];
    size_t length, n;
    unsigned char *behind = frames("81:48656c6c6f 88:03e8", &length);
    const char *request = upgrade_request("/echo", further);
    int fd = dial();
    ssize_t received;

    n = strlen(request);
    memcpy(bytes, request, n);
    memcpy(bytes + n, behind, length);
    n += length;
    send_bytes(fd, bytes, cut < n ? cut : n);
    if (cut < n)
        send_bytes(fd, bytes + cut, n - cut);
    received = receive_all(fd, got, sizeof got);
    if (EXPECT_BEGINNING(got, received_so_far, response,
                         cut < n ? "the 101, the request cut at byte %zu of %zu" : "the 101", cut, n) &&
        EXPECT(unwritten_reason(got, received_so_far) == NULL, "after the 101 comes a Close frame: %s",
               unwritten_reason(got, received_so_far)))
        expect_behind(describe(got + strlen(response), received_so_far - strlen(response)),
                      cut < n ? cut : n, n);
    EXPECT(received >= 0, "cut at byte %zu: %s", cut, end_words());
    free(behind);
    close(fd);
}

static void in_one_segment(void)
{
    handshake_and_frames("", FEED_WHOLE);
}

static void cut_anywhere(void)
{
    size_t length = strlen(upgrade_request("/echo", "")) + 19;

    for (size_t cut = 1; cut < length; cut++)
        handshake_and_frames("", cut);
}

/* However much comes with the request, it stays in the stream: nothing here has room for it. */
static void a_long_frame(void)
{
    static unsigned char got[12000];
    int fd = dial_with_frames("82*10000");

    shutdown(fd, SHUT_WR);
    receive_all(fd, got, sizeof got);
    EXPECT_BEGINNING(got, received_so_far, response,
                     "the 101, if a frame of 10,000 bytes comes with the request");
    close(fd);
}

/* What was offered is declined by saying nothing: the 101 stays the same to the byte. */
static void offers_are_declined(void)
{
    needs(getenv("COMPRESS") == NULL, "server without --compress"); /* make check-compress sets it */
    handshake_and_frames("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                         "Sec-WebSocket-Protocol: chat, superchat\r\n",
                         FEED_WHOLE);
}

/* What was agreed on makes the head longer: by a parameter, too, when lesson 15 is written. */
static void an_extension(void)
{
    bool with_parameter = written_lesson() >= 15;
    char wanted[400], further[200], got[1000];
    const char *window = with_parameter ? "; server_max_window_bits=13" : "";
    int fd;

    needs_own("option --compress");
    snprintf(further, sizeof further, "Sec-WebSocket-Extensions: permessage-deflate%s\r\n", window);
    snprintf(wanted, sizeof wanted,
             "%.*sSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
             "client_no_context_takeover%s\r\n\r\n",
             (int)strlen(response) - 2, response, window);
    server_stop();
    server_start("--compress");
    fd = dial();
    send_text(fd, upgrade_request("/echo", further));
    shutdown(fd, SHUT_WR);
    receive_all(fd, got, sizeof got);
    EXPECT_BEGINNING(got, received_so_far, wanted, "the 101, with an extension");
    close(fd);
    server_stop();
    server_start(NULL);
}

#define WITH_KEY(key) \
    "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
    "Sec-WebSocket-Key: " key "\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* Many clients at once, with two keys: each gets the accept key that belongs to its own. */
static void one_crowd(void)
{
    enum { CLIENTS = 40, KEYS = 2 };
    static const char *const requests[KEYS] = {WITH_KEY("dGhlIHNhbXBsZSBub25jZQ=="),
                                               WITH_KEY("x3JJHMbDL1EzLkh9GBhXDw==")};
    static const char *const accepts[KEYS] = {"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                                              "HSmrc0sMlYUkAGmm5OPpG2HaGWk="};
    char got[sizeof response] = "";
    int fds[CLIENTS];

    dial_crowd(fds, CLIENTS, requests, KEYS);
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT(receive_bytes(fds[i], got, sizeof response - 1), "client %d of a crowd must get its 101",
               i);
        EXPECT(strstr(got, accepts[i % KEYS]) != NULL,
               "client %d of a crowd needs the accept key %s: %s", i, accepts[i % KEYS], got);
        close(fds[i]);
    }
}

/* Several, because a race need not show each time. */
static void crowds(void)
{
    for (int i = 0; i < 5; i++)
        one_crowd();
}

/* Until lesson 13 is written, a Close frame follows, which says what is missing. */
static void expect_first_words(const char *behind)
{
    static unsigned char got[100000];
    int fd = dial();
    char text[1000];

    snprintf(text, sizeof text, "%s%s", upgrade_request("/wire", ""), behind);
    send_text(fd, text);
    shutdown(fd, SHUT_WR);
    receive_all(fd, got, sizeof got);
    if (EXPECT_BEGINNING(got, received_so_far, response, "the 101 at /wire") &&
        EXPECT(unwritten_reason(got, received_so_far) == NULL, "after the 101 comes a Close frame: %s",
               unwritten_reason(got, received_so_far)))
        EXPECT(written_lesson() >= 13 || memmem(got, received_so_far, "lesson 13", 9) != NULL,
               "on_upgrade must call route->handler, and the handler of /wire needs lesson 13, but the "
               "Close frame says: %.*s",
               (int)(received_so_far - strlen(response) - 4), got + strlen(response) + 4);
    close(fd);
}

/* Also with an early frame, an empty ping. */
static void speaks_first(void)
{
    needs_own("option --wire");
    server_stop();
    server_start("--wire");
    expect_first_words("");
    expect_first_words("\x89\x80mask");
    server_stop();
    server_start(NULL);
}

/* The 101 is one piece, which is what the client's first recv gets. */
static void one_piece(void)
{
    char got[sizeof response] = "";
    unsigned most = written_lesson() < 10 ? 2 : 1; /* until then, a Close frame follows */
    int fd;

    needs_own("sends");
    fd = dial();
    send_text(fd, upgrade_request("/echo", ""));
    EXPECT(receive_bytes(fd, got, sizeof response - 1), "the 101");
    EXPECT(segments_received(fd) <= most,
           "the 101 must be written with one call of write_head, but it came in %u pieces",
           segments_received(fd));
    close(fd);
}

/* A client that leaves without a word: its handler ends without a close code. Until lesson 10 is written, the
 * query asks for that; a Close frame follows then, which says what is missing. */
static void left_without_a_word(void)
{
    unsigned char got[1000];
    size_t n;
    int fd;

    needs_own("handlers");
    fd = dial();
    send_text(fd, upgrade_request("/echo?left", ""));
    shutdown(fd, SHUT_WR);
    receive_all(fd, got, sizeof got);
    n = received_so_far;
    if (EXPECT_BEGINNING(got, n, response, "the 101") &&
        EXPECT(unwritten_reason(got, n) == NULL, "after the 101 comes a Close frame: %s",
               unwritten_reason(got, n)))
        EXPECT(written_lesson() < 11 || n == strlen(response),
               "on_upgrade must send nothing if the handler leaves no close_code, but %zu bytes follow "
               "the 101",
               n - strlen(response));
    close(fd);
}

static void a_large_head(void)
{
    static unsigned char got[200000];
    size_t length;
    unsigned char *behind = frames("82*70000 82*1000 88:03e8", &length);
    int fd = dial();
    ssize_t n;

    send_text(fd, upgrade_request("/echo", ""));
    send_bytes(fd, behind, length);
    n = receive_all(fd, got, sizeof got);
    EXPECT(n > (ssize_t)strlen(response), "a response");
    if (n > (ssize_t)strlen(response))
        EXPECT_TEXT(describe(got + strlen(response), (size_t)n - strlen(response)),
                    "binary*70000 binary*1000 close:1000", "much after the request");
    free(behind);
    close(fd);
}

int main(void)
{
    static const struct test tests[] = {
        {"the 101, and a frame in the same segment", in_one_segment, 8, "RFC 6455, section 4.2.2",
         "handshake_switch writes the status line, Upgrade, Connection, Sec-WebSocket-Accept and an "
         "empty line, each with CR LF; then switch_protocols hands over to on_upgrade."},
        {"extensions and subprotocols are declined", offers_are_declined, 8, "RFC 6455, section 4.2.2",
         "In handshake_switch, write no field for subprotocols, and none for extensions but what "
         "deflate_response says: what is not accepted is declined."},
        {"an extension that was agreed on is named", an_extension, 8, "RFC 7692, section 7",
         "In handshake_switch, the field that deflate_response returns comes before the empty line, and "
         "the array must have room for it: SWITCH_HEAD_BYTES."},
        {"the same, cut at every byte", cut_anywhere, 8, "RFC 6455, section 4.2.2",
         "The first frame may come with the request, or in any pieces: it is in the stream, which gives "
         "it out."},
        {"many clients at once get their own accept keys", crowds, 8, "a thread per client",
         "Each client has a thread, so a static variable is shared by all: use local ones."},
        {"the 101 is written in one piece", one_piece, 8, "one send for all lines",
         "handshake_switch makes the whole head in one array, and calls write_head once."},
        {"a long frame in the same segment", a_long_frame, 8, "RFC 6455, section 4.2.2",
         "In switch_protocols, the head is the address of what waits in the stream, and its length: "
         "nothing is copied."},
        {"a path at which the server speaks first", speaks_first, 8,
         "one send for the 101 and what follows",
         "switch_protocols gives handshake_switch the flags of the route, and adds STREAM_MORE if there "
         "is a head. It calls trace_hide if the route is not traced."},
        {"a client leaves, and is told nothing", left_without_a_word, 8, "RFC 6455, section 7.1.5",
         "on_upgrade: a close_code of 0 says that nobody is there to be told. frame_end gives back the "
         "memory, with a close_code or without."},
        {"more after the request than a buffer holds", a_large_head, 11, "RFC 6455, section 4.2.2",
         "What is in the stream's buffer already is only the beginning: read on from the stream."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("08 switching protocols", tests);
    return server_finish(status);
}
