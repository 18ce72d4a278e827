/* 14_limits.c - when things go wrong: silence, a full table, no descriptors, stopping */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define GET_PAGE "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

static int before; /* threads */

static bool both_workers_have_ended(void)
{
    return server_threads() < before;
}

/* Sends a message to be echoed, and asserts that it is. */
static void expect_echo(int fd, const char *when)
{
    unsigned char got[3];
    size_t length;
    unsigned char *bytes = frames("81:61", &length);

    EXPECT(send_bytes(fd, bytes, length) && receive_bytes(fd, got, 3) &&
               memcmp(got,
                      "\x81\x01"
                      "a",
                      3) == 0,
           "%s: an echo", when);
    free(bytes);
}

/* Receives all up to the end, and asserts what it means. */
static void expect_all(int fd, const char *wanted, const char *when)
{
    unsigned char got[1000];
    ssize_t n = receive_all(fd, got, sizeof got);

    EXPECT(n >= 0, "%s: an orderly end", when);
    EXPECT_TEXT(describe(got, n < 0 ? 0 : (size_t)n), wanted, "%s", when);
    close(fd);
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void empty_server_ends(void)
{
    server_start(NULL);
    ask(GET_PAGE);
    EXPECT(server_end(SIGTERM) == 0, "a server whose visitors have left must end with status 0");
}

static void slow_requests(void)
{
    static const char drip[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Drip: dripping on and on";
    char answer[1000];
    int silent, half, dripping;
    size_t sent = 0;

    server_start("--timeout", "1");
    silent = dial();
    half = dial();
    dripping = dial();
    send_text(half, "GET / HT");
    /* a byte now and then must not buy more time for the whole */
    while (sent < sizeof drip - 1 && recv(dripping, answer, 1, MSG_DONTWAIT) < 0) {
        send_bytes(dripping, drip + sent++, 1);
        pause_ms(50);
    }
    EXPECT(receive_all(silent, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 408 ", 13) == 0,
           "408 for a silent visitor: %s", answer);
    EXPECT(receive_all(half, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 408 ", 13) == 0,
           "408 for half a request: %s", answer);
    EXPECT(sent < sizeof drip - 1, "a request that drips must be refused before it is through");
    close(silent);
    close(half);
    close(dripping);
    server_stop();
}

/* Two seconds here, not one: on a busy machine, this test itself may be late by a second. */
static void silence(void)
{
    unsigned char ping[2];
    size_t length;
    unsigned char *pong = frames("8a:", &length);
    int fd;

    server_start("--timeout", "2");
    fd = open_websocket();
    for (int i = 0; i < 2; i++) {
        EXPECT(receive_bytes(fd, ping, 2) && memcmp(ping, "\x89\x00", 2) == 0, "a ping after silence");
        send_bytes(fd, pong, length);
    }
    expect_echo(fd, "a client that answers pings stays");
    EXPECT(receive_bytes(fd, ping, 2) && memcmp(ping, "\x89\x00", 2) == 0, "a ping after the echo");
    EXPECT(recv(fd, ping, 1, MSG_PEEK) == 1 && ping[0] == 0x88,
           "a ping without an answer must be followed by a close, and not by a ping");
    expect_all(fd, "close:1008", "a client that does not is told and left");
    free(pong);
    server_stop();
}

/* Any byte is a sign of life, be it one of a frame that takes long. */
static void dripping_frame(void)
{
    unsigned char got[10];
    size_t length;
    unsigned char *hello = frames("81:48656c6c6f", &length);
    int fd;

    server_start("--timeout", "2");
    fd = open_websocket();
    for (size_t i = 0; i < length; i++) {
        send_bytes(fd, hello + i, 1);
        pause_ms(500);
    }
    EXPECT(receive_bytes(fd, got, 7) && memcmp(got, "\x81\x05Hello", 7) == 0,
           "a frame that drips must be echoed in the end, without a ping before");
    free(hello);
    close(fd);
    server_stop();
}

/* A ping goes out in the middle of a frame, and the frame is whole all the same. */
static void ping_inside_a_frame(void)
{
    unsigned char got[10];
    size_t length;
    unsigned char *hello = frames("81:48656c6c6f", &length);

    server_start("--timeout", "2");
    for (size_t cut = 1; cut < length; cut += 4) {
        int fd = open_websocket();
        send_bytes(fd, hello, cut);
        EXPECT(receive_bytes(fd, got, 2) && memcmp(got, "\x89\x00", 2) == 0, "a ping, cut at %zu", cut);
        send_bytes(fd, hello + cut, length - cut);
        EXPECT(receive_bytes(fd, got, 7) && memcmp(got, "\x81\x05Hello", 7) == 0,
               "nothing may be lost by the timeout, cut at %zu", cut);
        close(fd);
    }
    free(hello);
    server_stop();
}

static void no_timeouts(void)
{
    int silent, idle;

    server_start("--timeout", "0");
    silent = dial();
    idle = open_websocket();
    pause_ms(1500);
    expect_echo(idle, "--timeout 0 waits for ever");
    EXPECT(recv(idle, &silent, 1, MSG_DONTWAIT) < 0, "and sends no ping");
    send_text(silent, upgrade_request("/echo", ""));
    close(silent);
    close(idle);
    server_stop();
}

/* Stopped and continued, as by a debugger: every wait with a timeout is interrupted by that. */
static void interrupted_waits(void)
{
    int fd, half;
    char answer[10000];

    server_start("--timeout", "5");
    fd = open_websocket();
    half = dial();
    send_text(half, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 20; i++) {
        kill(server_pid, SIGSTOP);
        pause_ms(5);
        kill(server_pid, SIGCONT);
        pause_ms(5);
    }
    expect_echo(fd, "an interrupted wait must go on");
    send_text(half, "Host: localhost\r\n\r\n");
    EXPECT(receive_all(half, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 200 ", 13) == 0,
           "and so must an interrupted request: %.100s", answer);
    close(fd);
    close(half);
    server_stop();
}

/* Clients that have had the server's last word, and keep their own end open. */
static int lingering[4];

static bool lingering_are_left(void)
{
    for (int i = 0; i < 2; i++) /* the other two are silent */
        send_bytes(lingering[i], "x", 1);
    pause_ms(50);
    return server_threads() <= before;
}

/* The server waits for their end, but not for long: the timeout of 30 seconds is not meant here. */
static void lingering_clients(void)
{
    char answer[1000];
    size_t length;
    unsigned char *close_frame = frames("88:03e8", &length);
    int stays;

    server_start(NULL);
    stays = open_websocket(); /* with the first thread, a sanitizer starts one of its own */
    before = server_threads();
    for (int i = 0; i < 4; i++) {
        lingering[i] = i % 2 ? dial() : open_websocket();
        if (i % 2)
            send_text(lingering[i], GET_PAGE);
        else
            send_bytes(lingering[i], close_frame, length);
        EXPECT(recv(lingering[i], answer, 1, MSG_PEEK) == 1, "the server's last word");
    }
    EXPECT(
        eventually(lingering_are_left),
        "who has had the server's last word, and keeps his own end open, must be left in a few seconds");
    expect_echo(stays, "meanwhile");
    for (int i = 0; i < 4; i++)
        close(lingering[i]);
    close(stays);
    free(close_frame);
    server_stop();
}

/* A client that sends and sends and never reads: its worker's send is stuck, and then given up. */
static void never_reads(void)
{
    size_t length, sent = 0;
    unsigned char *message = frames("82*60000", &length);
    int fd, first;

    server_start("--timeout", "1");
    first = open_websocket(); /* with the first thread, a sanitizer starts one of its own */
    before = server_threads();
    fd = open_websocket();
    while (sent < 2000 && send_bytes(fd, message, length))
        sent++;
    EXPECT(sent < 2000, "the server must stop taking when nobody takes its answers");
    EXPECT(eventually(both_workers_have_ended), "its worker must end, and that of the silent one");
    free(message);
    close(first);
    close(fd);
    server_stop();
}

static bool page_is_served(void)
{
    return strncmp(ask(GET_PAGE), "HTTP/1.1 200 ", 13) == 0;
}

static void full(void)
{
    enum { CLIENTS = 3, REFUSED = 64 + 16 }; /* 64, and some until those above are surely gone */
    int clients[CLIENTS], refused[REFUSED], fd;
    char answer[1000];

    server_start("--max-connections", "3");
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = open_websocket();
    EXPECT_STATUS(GET_PAGE, 503, "The server is full");
    fd = dial(); /* told at once, without a request */
    EXPECT(receive_all(fd, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 503 ", 13) == 0,
           "a visitor to a full server is told before he asks");
    close(fd);
    for (int i = 0; i < REFUSED; i++)
        refused[i] = dial();
    fd = dial(); /* now even those who say so are busy */
    EXPECT(receive_all(fd, answer, sizeof answer) <= 0, "one more is closed without a word: %s", answer);
    close(fd);
    for (int i = 0; i < REFUSED; i++)
        close(refused[i]);
    for (int i = 0; i < CLIENTS; i++)
        expect_echo(clients[i], "those who are in notice nothing");
    close(clients[0]);
    EXPECT(eventually(page_is_served), "when one leaves, there is room again");
    close(clients[1]);
    close(clients[2]);
    server_stop();
}

static bool accept_failure_is_told(void)
{
    return strstr(server_said(), "cannot accept for now") != NULL;
}

static void out_of_descriptors(void)
{
    enum { CLIENTS = 40 };
    int clients[CLIENTS], inside;
    double used;
    char *said;

    server_descriptor_limit = 24;
    server_start(NULL);
    server_descriptor_limit = 0;
    inside = open_websocket();
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = dial(); /* those that are not accepted wait in the kernel */
    EXPECT(eventually(accept_failure_is_told), "the want of descriptors must be told");
    used = server_cpu_s();
    pause_ms(1000);
    used = server_cpu_s() - used;
    EXPECT(sanitized || used < 0.1,
           "a server that cannot accept burns the processor: %.2f s of a second", used);
    expect_echo(inside, "who is in stays in while there are no descriptors");
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    EXPECT(eventually(page_is_served), "when descriptors come back, visitors are served again");
    close(inside);
    server_stop();
    EXPECT(strstr(program_err, "24 are allowed") != NULL,
           "too low a limit must be told at the start: %s", program_err);
    said = strstr(program_err, "cannot accept for now");
    EXPECT(said != NULL && strstr(said + 1, "cannot accept") == NULL, "once: %s", program_err);
}

static long memory_limit;

static bool memory_is_back(void)
{
    return server_memory() < memory_limit;
}

/* Many small frames at once: enough to fill the server's buffers. */
static const char *many_small(void)
{
    static char script[200 * sizeof "82*64 "] = "";

    for (int i = 0; i < 200; i++)
        memcpy(script + (size_t)i * 6, "82*64 ", 6);
    return script;
}

/* A large message there and back, and a burst of small ones. */
static void be_busy(int client)
{
    static unsigned char got[270000];
    size_t length, burst_length;
    unsigned char *large = frames("82*262144", &length), *burst = frames(many_small(), &burst_length);

    send_bytes(client, large, length); /* the server takes it whole before it answers */
    EXPECT(receive_bytes(client, got, 262144 + 10), "the large echo");
    send_bytes(client, burst, burst_length);
    EXPECT(receive_bytes(client, got, 200 * 66), "the echo of a burst");
    free(large);
    free(burst);
}

/* What they needed is given back when the clients fall silent, although newcomers have their memory
 * behind it. Twice: the C library learns from what is freed, and would keep it the second time. */
static void memory_comes_back(void)
{
    enum { CLIENTS = 20 };
    int clients[CLIENTS], newcomers[2 * CLIENTS], newcomer_count = 0;
    int count = sanitized ? 2 : CLIENTS, rounds = sanitized ? 1 : 2; /* there, it can only be tried */
    unsigned char got[2];
    long at_first, empty;

    setenv("MALLOC_ARENA_MAX", "1", 1); /* glibc keeps some 100 KiB of each arena for the next to come */
    server_start("--timeout", "2");
    unsetenv("MALLOC_ARENA_MAX");
    empty = server_memory();
    for (int i = 0; i < count; i++)
        clients[i] = open_websocket();
    at_first = server_memory();
    /* KiB; a message is 256, full buffers are 32; two newcomers for each may cost what the first did */
    memory_limit = at_first + count * 16 + 2 * (at_first - empty);
    for (int round = 1; round <= rounds; round++) {
        for (int i = 0; i < count; i++) {
            be_busy(clients[i]);
            newcomers[newcomer_count++] = open_websocket();
        }
        for (int i = 0; i < count; i++) /* the ping shows that the server has noticed the silence */
            EXPECT(receive_bytes(clients[i], got, 2), "a ping");
        EXPECT(sanitized || memory_is_back(),
               "round %d: %d clients with a message of 256 KiB and a burst have cost %ld KiB, and "
               "still do; %ld would be right",
               round, count, server_memory() - at_first, memory_limit - at_first);
    }
    for (int i = 0; i < count; i++)
        close(clients[i]);
    while (newcomer_count > 0)
        close(newcomers[--newcomer_count]);
    server_stop();
}

/* A client that sends and never reads, until a send to it is stuck. */
static int stuck_client(void)
{
    struct timeval short_wait = {.tv_usec = 300000};
    size_t length, sent = 0;
    unsigned char *message = frames("82*60000", &length);
    int fd = open_websocket();

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &short_wait, sizeof short_wait);
    while (sent < 2000 && send_bytes(fd, message, length))
        sent++;
    free(message);
    return fd;
}

static void stop_tells_clients(void)
{
    enum { CLIENTS = 10 };
    int clients[CLIENTS], half, idle, fragment, stuck;
    char answer[1000];
    size_t length;
    unsigned char *close_frame = frames("88:03e9", &length), *started = frames("=0181", &length);

    server_start(NULL);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = open_websocket();
    half = dial();
    send_text(half, "GET / HTTP/1.1\r\n");
    idle = dial();
    fragment = open_websocket();
    send_bytes(fragment, started, length);
    for (int i = 0; i < CLIENTS; i++)
        expect_echo(clients[i], "before the stop"); /* so all are known to be in */
    stuck = stuck_client();                         /* the last to come */
    server_signal(SIGTERM);
    EXPECT(recv(clients[0], answer, 1, MSG_PEEK) == 1,
           "close 1001 must come at once, also where another client takes nothing");
    close(stuck);
    EXPECT(receive_all(half, answer, sizeof answer) > 0 && strstr(answer, "The server is stopping"),
           "503 for half a request, but: %s", answer);
    for (int i = 0; i < CLIENTS; i++) {
        unsigned char got[200];
        EXPECT(receive_bytes(clients[i], got, 4) && got[0] == 0x88 && got[2] == 0x03 && got[3] == 0xE9,
               "close 1001 for client %d", i);
        send_bytes(clients[i], close_frame, 8);
        EXPECT(receive_all(clients[i], got, sizeof got) >= 0, "and an orderly end for client %d", i);
        close(clients[i]);
    }
    EXPECT(receive_bytes(fragment, answer, 4) && memcmp(answer, "\x88\x18\x03\xe9", 4) == 0,
           "close 1001 for a client in the middle of a frame");
    close(fragment);
    close(half);
    close(idle);
    EXPECT(child_status(server_pid) == 0, "and the server ends with 0");
    free(close_frame);
    free(started);
}

/* Behind its close frame the server sends nothing, whatever comes, and ends when the answer is
 * there. */
static void nothing_behind_the_close(void)
{
    unsigned opcode = 0;
    char reason[200];
    size_t length;
    unsigned char *late = frames("81:61 02:62 89:63 80:64 88:03e9 82:65", &length);
    int fd;

    server_start(NULL);
    fd = open_websocket();
    expect_echo(fd, "before the stop");
    server_signal(SIGTERM);
    EXPECT(receive_frame(fd, &opcode, reason, sizeof reason) > 2 && opcode == 8, "a close frame");
    pause_ms(200);
    EXPECT(recv(fd, reason, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
           "the server must wait for the answer to its close frame, but has ended");
    send_bytes(fd, late, 7); /* the first frame, which nobody echoes any more */
    pause_ms(200);
    EXPECT(recv(fd, reason, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
           "the server must wait for the answer to its close frame, also where a message comes first");
    send_bytes(fd, late + 7, length - 7);
    expect_all(fd, "", "behind the server's close frame");
    EXPECT(child_status(server_pid) == 0, "and the server ends with 0");
    free(late);
}

/* A client that answers nothing, and one that reads nothing while a send to it is stuck: both are
 * cut when STOP_S are over, also without any timeout. */
static void stop_cuts_the_rest(void)
{
    int mute, stuck;

    server_start("--timeout", "0");
    mute = open_websocket();
    stuck = stuck_client();
    server_stop();
    expect_all(mute, "close:1001", "a client that does not answer");
    close(stuck);
}

/* Whoever read the server's errors has gone: to complain must not end it (SIGPIPE). It complains at
 * its start here, of too few descriptors. */
static void nobody_listens(void)
{
    int ends[2];

    EXPECT(pipe(ends) == 0, "a pipe");
    close(ends[0]);
    server_descriptor_limit = 24;
    server_errors_to = ends[1];
    server_start(NULL);
    server_errors_to = -1;
    server_descriptor_limit = 0;
    close(ends[1]);
    EXPECT_STATUS(GET_PAGE, 200, "<html");
    server_stop();
}

static void second_signal(void)
{
    unsigned char got[4];
    int mute;

    server_start(NULL);
    mute = open_websocket();
    server_signal(SIGINT);
    EXPECT(receive_bytes(mute, got, 4), "the first signal sends 1001");
    EXPECT(server_end(SIGTERM) == 128 + SIGTERM, "the second signal ends the server at once");
    close(mute);
}

int main(void)
{
    static const struct test tests[] = {
        {"a server without clients ends when it is asked to", empty_server_ends, 14, "man 2 sigaction",
         "SIGINT or SIGTERM ends the accept loop: accept_failed says so with -1, and accept_loop "
         "(lesson 1) returns. main waits for an empty table: end_client (lesson 2) calls leave_table."},
        {"a want of descriptors passes", out_of_descriptors, 14, "man 2 accept, EMFILE",
         "Where accept4 fails, accept_loop (lesson 1) asks accept_failed. That says so once, and "
         "sleeps a little before the next accept: descriptors come back."},
        {"a full server says so, and has room again later", full, 14, "RFC 9110, section 15.6.4",
         "start_client (lesson 2) calls enter_table, which counts a client as admitted or as "
         "turned_away; end_client (2) calls leave_table, which takes it from the same number. next and "
         "previous must be right on both sides."},
        {"stopping tells every client, and waits for it", stop_tells_clients, 14,
         "RFC 6455, section 7.4.1",
         "Tell each client without waiting for any: main knows them from enter_table (called by "
         "start_client, lesson 2) and note_progress (by switch_protocols, lesson 8). Who is still "
         "asking gets a 503 when its reading is ended, and nothing when it is cut."},
        {"nothing follows the server's own close frame", nothing_behind_the_close, 14,
         "RFC 6455, section 5.5.1",
         "Behind the close frame nothing more goes out; the server waits for the client's answer. A "
         "message that comes before that is dropped: frame_write (lesson 10) answers 0 for "
         "STREAM_OVER."},
        {"a second signal ends it at once", second_signal, 14, "man 2 sigaction",
         "The first signal puts the default back, so that the second one does what signals do. Where "
         "the first sends no 1001: switch_protocols (lesson 8) calls note_progress."},
        {"a request that is not whole in time gets 408", slow_requests, 14, "RFC 9110, section 15.5.9",
         "The deadline is set once, before the request: receive (lesson 3) calls await with it before "
         "each recv, which then waits for what is left, with poll."},
        {"a client that lingers is left", lingering_clients, 14, "RFC 9112, section 9.6",
         "stream_finish (lesson 5) sets a deadline of LINGER_S before it reads what still comes, and "
         "receive (lesson 3) keeps it with await."},
        {"after silence a ping, without an answer the end", silence, 14, "RFC 6455, section 5.5.2",
         "A recv that times out means silence: read_header_bytes (lesson 9) calls peer_silent. "
         "stream_await waits for s->patience_ms, so stream_set_patience must set that, too. "
         "switch_protocols (8) ends the request's deadline, with 0."},
        {"stopping does not wait for ever", stop_cuts_the_rest, 14, "man 2 shutdown",
         "After STOP_S, cut the connections that are left: that wakes every thread that waits for one. "
         "end_client (lesson 2) calls leave_table, which wakes main."},
        {"a frame that drips is a sign of life", dripping_frame, 14, "RFC 6455, section 5.5.2",
         "Silence is that no byte came: each byte begins the time anew. No deadline is left from the "
         "request: switch_protocols (lesson 8) calls stream_set_deadline(socket, 0)."},
        {"a ping inside a frame loses nothing", ping_inside_a_frame, 14, "RFC 6455, section 5.4",
         "After the ping go on with the same read: what had come stays in the buffer. "
         "read_header_bytes (lesson 9) and read_piece (10) call peer_silent, each in a loop."},
        {"--timeout 0 waits for ever", no_timeouts, 14, "the option --timeout",
         "Zero means no limit everywhere: no deadline, no patience, no ping."},
        {"an interrupted wait goes on", interrupted_waits, 14, "man 7 signal",
         "EINTR means that the wait was disturbed: receive (lesson 3) and send_all_locked (5) then "
         "wait again, in await, for the time that is left."},
        {"a client that never reads is given up", never_reads, 14, "man 2 poll",
         "Where a patience is set, send_all_locked (lesson 5) sends with MSG_DONTWAIT. Where that can "
         "take nothing, it waits in await, with poll, as long as the patience lasts."},
        {"memory comes back after a large message", memory_comes_back, 14, "RFC 6455, section 10.4",
         "When a client is silent, peer_silent gives back what its last large message needed. "
         "read_header_bytes (lesson 9) calls it."},
        {"nobody has to listen to its complaints", nobody_listens, 14, "man 7 signal, SIGPIPE",
         "To write where nobody reads must be an error and no end: SIGPIPE is ignored."},
        {0},
    };

    return run_suite("14 when things go wrong", tests);
}
