/* 14_limits.c - when things go wrong: idle clients, slow ones, a full table, no descriptors, stopping */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "clients.h"
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

/* Receives everything up to the end, and asserts what it means. */
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
    double begun, took;

    server_start(NULL);
    ask(GET_PAGE);
    begun = clock_s();
    EXPECT(server_end(SIGTERM) == 0, "a server whose clients have left must end with status 0");
    took = clock_s() - begun;
    EXPECT(took < 3,
           "a server whose clients have left has nobody to wait for, but ends %.1f s after the signal",
           took);
}

static void slow_requests(void)
{
    static const char drip[] = "GET / HTTP/1.1\r\nHost: localhost\r\nX-Drip: dripping on and on";
    char answer[1000];
    int mute, half, dripping;
    size_t sent = 0;

    server_start("--timeout", "1");
    mute = dial();
    half = dial();
    dripping = dial();
    send_text(half, "GET / HT");
    /* a byte now and then must not buy more time for the whole */
    while (sent < sizeof drip - 1 && recv(dripping, answer, 1, MSG_DONTWAIT) < 0) {
        send_bytes(dripping, drip + sent++, 1);
        pause_ms(50);
    }
    EXPECT(receive_all(mute, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 408 ", 13) == 0,
           "408 for a client that sends nothing: %s", answer);
    EXPECT(receive_all(half, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 408 ", 13) == 0,
           "408 for half a request: %s", answer);
    EXPECT(sent < sizeof drip - 1, "a request that drips must be rejected before it is complete");
    close(mute);
    close(half);
    close(dripping);
    server_stop();
}

static void expect_ping(int fd, const char *when)
{
    unsigned char ping[2];

    EXPECT(receive_bytes(fd, ping, 2) && memcmp(ping, "\x89\x00", 2) == 0, "a ping %s", when);
}

static void reply_to_ping(int fd, const char *when)
{
    expect_ping(fd, when);
    send_bytes(fd, "\x8A\x80\0\0\0", 6);
}

/* Two at once, because each waits. Two seconds here, not one: on a busy machine, this test itself may be
 * late by a second. */
static void idle_client(void)
{
    unsigned char next;
    static char printed[20000];
    int replies, leaves;

    server_start("--timeout", "2", "--verbose");
    replies = open_websocket();
    leaves = open_websocket();
    reply_to_ping(replies, "after the timeout");
    reply_to_ping(leaves, "after the timeout");
    expect_echo(leaves, "a client that replies to a ping stays");
    reply_to_ping(replies, "after the reply to one");
    expect_echo(replies, "a client that replies to each ping stays");
    close(replies);
    expect_ping(leaves, "after the echo");
    EXPECT(recv(leaves, &next, 1, MSG_PEEK) == 1 && next == 0x88,
           "a ping without a reply must be followed by a Close frame, and not by a ping");
    expect_all(leaves, "close:1008", "a client that does not is told so, and given up");
    server_stop();
    server_printed(printed, sizeof printed);
    EXPECT(strstr(printed, "ping-timeout: no reply to a ping") != NULL,
           "keepalive must call fail, which says in the trace why the client is given up: "
           "\"ping-timeout: no reply to a ping\" is not there");
}

/* The reply to a ping comes late, but before the next one is due: main looks at the client in between. */
static void late_pong(void)
{
    int fd;

    server_start("--timeout", "4");
    fd = open_websocket();
    pause_ms(3600);
    EXPECT(recv(fd, &(char){0}, 1, MSG_DONTWAIT) < 0, "a ping must not come before the timeout is over");
    expect_ping(fd, "after the timeout");
    pause_ms(1700);
    EXPECT(recv(fd, &(char){0}, 1, MSG_DONTWAIT) < 0,
           "after a ping, the client has the whole timeout for its reply: nothing may come until then");
    send_bytes(fd, "\x8A\x80\0\0\0", 6);
    expect_echo(fd, "after a pong that came late, but in time");
    close(fd);
    server_stop();
}

/* Main looks once a second, and wakes only whose time is up. */
static void idle_clients_sleep(void)
{
    enum { CLIENTS = 20, SECONDS = 3 };
    int clients[CLIENTS];
    long sleeps;

    needs(!sanitized, "build without sanitizers");
    server_start(NULL);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = open_websocket();
    pause_ms(300);
    sleeps = server_sleeps();
    pause_ms(SECONDS * 1000);
    sleeps = server_sleeps() - sleeps;
    EXPECT(sleeps < CLIENTS,
           "%d clients are idle, and their time is not up: their threads must sleep, but have been "
           "woken %ld times in %d seconds",
           CLIENTS, sleeps, SECONDS);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
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
    enum { CUTS = 3 }; /* in the header, in the key, in the payload */
    unsigned char got[10];
    size_t length;
    unsigned char *hello = frames("81:48656c6c6f", &length);
    int fds[CUTS];

    server_start("--timeout", "2");
    for (size_t i = 0; i < CUTS; i++) {
        fds[i] = open_websocket();
        send_bytes(fds[i], hello, 1 + 4 * i);
    }
    for (size_t i = 0; i < CUTS; i++) {
        EXPECT(receive_bytes(fds[i], got, 2) && memcmp(got, "\x89\x00", 2) == 0, "a ping, cut at %zu",
               1 + 4 * i);
        send_bytes(fds[i], hello + 1 + 4 * i, length - 1 - 4 * i);
        EXPECT(receive_bytes(fds[i], got, 7) && memcmp(got, "\x81\x05Hello", 7) == 0,
               "nothing may be lost by the timeout, cut at %zu", 1 + 4 * i);
        close(fds[i]);
    }
    free(hello);
    server_stop();
}

static int stuck_client(void);

static void no_timeouts(void)
{
    int mute, idle, stuck, threads;

    server_start("--timeout", "0");
    mute = dial();
    idle = open_websocket();
    stuck = stuck_client();
    threads = server_threads();
    pause_ms(1500);
    expect_echo(idle, "--timeout 0 waits for ever");
    EXPECT(recv(idle, &mute, 1, MSG_DONTWAIT) < 0, "and sends no ping");
    EXPECT(server_threads() == threads, "and gives nobody up, also not who reads nothing");
    EXPECT(send_text(mute, upgrade_request("/echo", "")), "the request may come late");
    close(mute);
    close(idle);
    close(stuck);
    server_stop();
}

/* Stopped and continued, as by a debugger: that interrupts some calls that wait. */
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

/* Clients that have had everything from the server, and keep their own end open. */
static int lingering[4];

static bool lingering_are_left(void)
{
    for (int i = 0; i < 2; i++) /* the other two send nothing */
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
        EXPECT(recv(lingering[i], answer, 1, MSG_PEEK) == 1, "a response, or a Close frame");
    }
    EXPECT(
        eventually(lingering_are_left),
        "clients that have had everything, and keep their own end open, must be left in a few seconds");
    expect_echo(stays, "meanwhile");
    for (int i = 0; i < 4; i++)
        close(lingering[i]);
    close(stays);
    free(close_frame);
    server_stop();
}

/* A client that sends and sends and never reads: its worker's send is stuck until it is given up. */
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
    EXPECT(sent < 2000, "the server must stop receiving when nobody receives its echoes");
    EXPECT(eventually(both_workers_have_ended),
           "a client that reads nothing must be given up, and its worker must end");
    free(message);
    close(first);
    close(fd);
    server_stop();
}

/* ---- slow is not dead ---- */

/* A client in a thread of its own. Each reads at its own speed. */
struct slow {
    void *(*run)(void *slow);
    const char *path;
    int buffer; /* bytes that its kernel keeps, as dial_buffer */
    int fd;
    pthread_t thread;
    const char *wrong; /* what has gone wrong, or NULL */
};

enum { SLOW_BUFFER = 4096, TICK_MS = 50 };

/* Receives exactly so many bytes, no more than `per_tick` in each TICK_MS. */
static bool receive_slowly(int fd, void *bytes, size_t length, size_t per_tick)
{
    char *p = bytes;

    while (length > 0) {
        size_t piece = length < per_tick ? length : per_tick;
        if (!receive_bytes(fd, p, piece))
            return false;
        p += piece;
        length -= piece;
        pause_ms(TICK_MS);
    }
    return true;
}

/* Receives a frame, and replies to pings that come before it. */
static bool receive_after_pings(int fd, unsigned wanted, unsigned char *payload, size_t size)
{
    static const unsigned char pong[] = {0x8A, 0x80, 0, 0, 0, 0};
    unsigned opcode;

    while (receive_frame(fd, &opcode, payload, size) >= 0) {
        if (opcode == wanted)
            return true;
        if (opcode != 9 || !send_bytes(fd, pong, sizeof pong))
            return false;
    }
    return false;
}

/* A large echo, with a pong after it, at 200 KiB a second; and then the client is idle. */
static void *one_large_echo(void *argument)
{
    struct slow *slow = argument;
    static unsigned char got[(1 << 20) + 10];
    static const unsigned char close_1008[] = {0x03, 0xF0};
    unsigned char reply[100] = "";
    size_t length, small_length;
    unsigned char *large = frames("82*1048576 89:70", &length), *small = frames("81:61", &small_length);
    const char *wrong = NULL;

    if (!send_bytes(slow->fd, large, length))
        wrong = "the server must receive a large message";
    else if (!receive_slowly(slow->fd, got, sizeof got, 200 * 1024 / 1000 * TICK_MS))
        wrong = "a large echo must arrive, however slowly its client reads";
    else if (got[0] != 0x82 || memcmp(got + 10, "\0\1\2\3", 4) != 0)
        wrong = "a large echo came, but something else before it";
    else if (!receive_after_pings(slow->fd, 10, reply, sizeof reply) || reply[0] != 'p')
        wrong = "after a large echo, the pong must come that waited meanwhile";
    else if (!receive_after_pings(slow->fd, 9, reply, sizeof reply))
        wrong = "now the client is idle, and must get a ping";
    else if (!send_bytes(slow->fd, "\x8A\x80\0\0\0", 6) || !send_bytes(slow->fd, small, small_length) ||
             !receive_after_pings(slow->fd, 1, reply, sizeof reply))
        wrong =
            memcmp(reply, close_1008, sizeof close_1008) == 0
                ? "a client that was slow got close 1008: keepalive must ask stream_is_idle first, and "
                  "send no ping while bytes are under way"
                : "a client that was slow must be served like any other";
    free(large);
    free(small);
    slow->wrong = wrong;
    return NULL;
}

/* More than all buffers on the way hold: the server's sends wait, and so do those of the client. */
static void *many_echoes(void *argument)
{
    enum { MESSAGES = 40, EACH = 65000 };
    struct slow *slow = argument;
    static unsigned char got[EACH + 4];
    size_t length;
    unsigned char *message = frames("82*65000", &length);
    const char *wrong = NULL;
    pid_t sender = fork();

    if (sender == 0) {
        int sent = 0;
        while (sent < MESSAGES && send_bytes(slow->fd, message, length))
            sent++;
        _exit(sent == MESSAGES ? 0 : 1);
    }
    for (int i = 0; i < MESSAGES && wrong == NULL; i++)
        if (!receive_slowly(slow->fd, got, sizeof got, 400 * 1024 / 1000 * TICK_MS) || got[0] != 0x82)
            wrong = "echoes must arrive, however slowly their client reads";
    if (child_status(sender) != 0 && wrong == NULL)
        wrong = "the server must receive everything";
    free(message);
    slow->wrong = wrong;
    return NULL;
}

/* Bytes that no buffers on the way hold: the server's send waits for the client. */
#define HUGE_BYTES 8000000
#define HUGE_TEXT "8000000"

static void pause_until(double when_s)
{
    while (clock_s() < when_s)
        pause_ms(5);
}

/* Whether something comes at the look 5 seconds after another one; the time may be up at 6. At the end of the
 * echo a ping is due anyway: whoever is too late to tell the two apart looks for nothing. */
static bool comes_too_early(int fd, double look_s)
{
    unsigned char got[100];

    if (clock_s() > look_s + 4.6)
        return false;
    pause_until(look_s + 4.9);
    while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
        ;
    pause_until(look_s + 5.3);
    return recv(fd, got, 1, MSG_DONTWAIT | MSG_PEEK) > 0 && clock_s() < look_s + 5.5;
}

/* A huge echo, which it begins to read when its time was up at one look, and the cause not taken at the
 * next. The first ping says when main looks: once a second from then on. */
static void *late_reader(void *argument)
{
    struct slow *slow = argument;
    static unsigned char got[HUGE_BYTES + 10];
    size_t length;
    unsigned char *huge;
    double look_s;

    if (!receive_after_pings(slow->fd, 9, got, sizeof got)) {
        slow->wrong = "an idle client must get a ping";
        return NULL;
    }
    look_s = clock_s();
    huge = frames("8a: 82*" HUGE_TEXT, &length);
    send_bytes(slow->fd, huge, length);
    pause_until(look_s + 4.3);
    if (!receive_bytes(slow->fd, got, sizeof got)) {
        if (clock_s() < look_s + 7) /* after 8 seconds without room, it may be given up */
            slow->wrong = "a huge echo must arrive, although its client begins to read late";
    } else if (comes_too_early(slow->fd, look_s))
        slow->wrong =
            "a client to which the server was still sending a second ago is not idle: a cause in "
            "wake that its worker has not taken must restart the clock, in check_time_locked";
    free(huge);
    return NULL;
}

static atomic_bool has_ping, has_spoken; /* the late listener, the speaker */

/* Waits for what another thread does. Returns whether it has. */
static bool comes_true(const atomic_bool *fact)
{
    double until = clock_s() + 2 * WAIT_S;

    while (!*fact && clock_s() < until)
        pause_ms(5);
    return *fact;
}

/* Says 20,000 bytes to the late listener, as soon as that has got its ping. */
static void *speaker(void *argument)
{
    struct slow *slow = argument;
    char script[410] = "82:", *end = script + 3;
    size_t length;
    unsigned char *message;

    for (int i = 0; i < 200; i++)
        end += sprintf(end, "78");
    message = frames(script, &length);
    for (int i = 0; comes_true(&has_ping) && i < 100; i++)
        if (!send_bytes(slow->fd, message, length))
            slow->wrong = "a client must be able to speak";
    has_spoken = true;
    free(message);
    return NULL;
}

/* Gets a ping, and reads on when its time is up again: meanwhile there are bytes under way to it. */
static void *late_listener(void *argument)
{
    struct slow *slow = argument;
    char got[2000];
    unsigned opcode = 0;
    double ping_s;

    while (opcode != 9 && receive_frame(slow->fd, &opcode, got, sizeof got) >= 0)
        ;
    has_ping = true;
    if (opcode != 9) {
        slow->wrong = "an idle client must get a ping";
        return NULL;
    }
    ping_s = clock_s();
    if (!comes_true(&has_spoken) || clock_s() > ping_s + 1) /* so slow a machine cannot tell */
        return NULL;
    pause_until(ping_s + 2.5);
    send_bytes(slow->fd, "\x89\x80\0\0\0\0", 6);
    while (opcode != 10 && opcode != 8 && receive_frame(slow->fd, &opcode, got, sizeof got) >= 0)
        ;
    if (opcode != 10)
        slow->wrong = "a client is not given up while bytes are under way to it, not even if it has not "
                      "replied to the ping before them: keepalive must call stream_is_idle first";
    return NULL;
}

static atomic_bool busy;

/* Is echoed to without a pause: far more events than the slow subscriber can read. */
static void *busy_client(void *argument)
{
    struct slow *slow = argument;
    static unsigned char got[3 * 100];
    static char script[6 * 100 + 1];
    size_t length, n = 0;
    bool well = true;

    for (int i = 0; i < 100; i++)
        n += (size_t)sprintf(script + n, "82:01 ");
    unsigned char *bytes = frames(script, &length);
    while (well && busy)
        well = send_bytes(slow->fd, bytes, length) && receive_bytes(slow->fd, got, sizeof got);
    free(bytes);
    if (!well)
        slow->wrong = "echoes beside a slow subscriber";
    return NULL;
}

/* Its buffer is as large as usual, so that its kernel makes room only now and then: every 4.4 seconds or more.
 * Reads 25 kB a second for some seconds, and then as fast as it can, up to the first event that says that
 * others were dropped: until then, kernels keep many. */
static void *slow_subscriber(void *argument)
{
    enum { PER_TICK = 25000 / 1000 * TICK_MS, TICKS = 6000 / TICK_MS };
    struct slow *slow = argument;
    static char events[16 << 20];
    size_t length = TICKS * PER_TICK;
    ssize_t n = 1;

    if (!receive_slowly(slow->fd, events, length, PER_TICK))
        slow->wrong = "a subscriber that reads slowly must stay";
    busy = false;
    while (slow->wrong == NULL && n > 0 && memmem(events, length, "\"event\":\"dropped\"", 17) == NULL) {
        n = recv(slow->fd, events + length, sizeof events - length, 0);
        length += n > 0 ? (size_t)n : 0;
    }
    if (n <= 0)
        slow->wrong = "a subscriber that reads slowly must learn of dropped events";
    return NULL;
}

/* (A file of the page is small enough to be in the client's kernel at once, however slowly it is read.) */
static void slow_is_not_dead(void)
{
    struct slow clients[] = {
        {one_large_echo, "/echo", SLOW_BUFFER},
        {many_echoes, "/echo", SLOW_BUFFER},
        {busy_client, "/echo", SLOW_BUFFER},
        {slow_subscriber, "/wire", 0},
        {late_reader, "/echo", 0},
        {late_listener, "/chat", SLOW_BUFFER},
        {speaker, "/chat", 0},
    };
    enum { ALL = sizeof clients / sizeof clients[0], LATE = 3 };
    /* The last three count seconds; with a sanitizer, all takes longer. */
    int count = sanitized ? ALL - LATE : ALL;

    server_start("--wire", "--timeout", "2", "--max-message", HUGE_TEXT);
    busy = true;
    has_ping = has_spoken = false;
    for (int i = 0; i < count; i++) {
        dial_buffer = clients[i].buffer;
        clients[i].fd = open_websocket_at(clients[i].path);
    }
    dial_buffer = 0;
    for (int i = 0; i < count; i++)
        EXPECT(pthread_create(&clients[i].thread, NULL, clients[i].run, &clients[i]) == 0, "a thread");
    for (int i = 0; i < count; i++) {
        pthread_join(clients[i].thread, NULL);
        EXPECT(clients[i].wrong == NULL, "with --timeout 2: %s", clients[i].wrong);
        close(clients[i].fd);
    }
    server_stop();
}

/* While the server is full, it may also close the connection without a response. */
static bool page_is_served(void)
{
    char answer[20000] = "";
    int fd = dial();

    send_text(fd, GET_PAGE);
    receive_all(fd, answer, sizeof answer);
    close(fd);
    return strncmp(answer, "HTTP/1.1 200 ", 13) == 0;
}

static int rejected[200], rejected_count;

/* One more that stays. Those before it leave the server after LINGER_S, so on a slow machine more must come. */
static bool one_is_closed(void)
{
    char answer[1000];
    int fd = dial();

    if (rejected_count == sizeof rejected / sizeof rejected[0])
        close(rejected[--rejected_count]);
    rejected[rejected_count++] = fd;
    return receive_all(fd, answer, sizeof answer) <= 0;
}

static void full(void)
{
    enum { CLIENTS = 3, REJECTED = 64 };
    int clients[CLIENTS], fd;
    char answer[1000];

    server_start("--max-connections", "3");
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = open_websocket();
    EXPECT_STATUS(GET_PAGE, 503, "The server is full");
    fd = dial(); /* rejected at once, without a request */
    EXPECT(receive_all(fd, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 503 ", 13) == 0,
           "a full server rejects a client before it asks");
    close(fd);
    for (rejected_count = 0; rejected_count < REJECTED;)
        rejected[rejected_count++] = dial();
    EXPECT(eventually(one_is_closed), "if %d are being rejected, one more is closed without a response",
           REJECTED);
    while (rejected_count > 0)
        close(rejected[--rejected_count]);
    for (int i = 0; i < CLIENTS; i++)
        expect_echo(clients[i], "those who are served notice nothing");
    close(clients[0]);
    EXPECT(eventually(page_is_served), "when one leaves, there is room again");
    close(clients[1]);
    close(clients[2]);
    server_stop();
}

static bool accept_failure_is_said(void)
{
    return strstr(server_said(), "cannot accept clients for now") != NULL;
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
    EXPECT(eventually(accept_failure_is_said), "the server must say that it has no descriptors left");
    used = server_cpu_s();
    pause_ms(1000);
    used = server_cpu_s() - used;
    EXPECT(sanitized || used < 0.1, "a server that cannot accept uses a core: %.2f s of a second", used);
    expect_echo(inside, "a client that is served stays while there are no descriptors");
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    EXPECT(eventually(page_is_served), "when descriptors come back, clients are served again");
    close(inside);
    server_stop();
    EXPECT(strstr(program_err, "24 are allowed") != NULL,
           "the server must say at its start that the limit is too low: %s", program_err);
    said = strstr(program_err, "cannot accept clients for now");
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

    send_bytes(client, large, length); /* the server receives it whole before it sends the echo */
    EXPECT(receive_bytes(client, got, 262144 + 10), "the large echo");
    send_bytes(client, burst, burst_length);
    EXPECT(receive_bytes(client, got, 200 * 66), "the echo of a burst");
    free(large);
    free(burst);
}

/* What they needed is given back when the clients are idle, although newcomers have their memory behind it.
 * Twice: the C library learns from what is freed, and would keep it the second time. */
static void memory_comes_back(void)
{
    enum { CLIENTS = 20 };
    int clients[CLIENTS], newcomers[2 * CLIENTS], newcomer_count = 0;
    int count = sanitized ? 2 : CLIENTS, rounds = sanitized ? 1 : 2; /* there, it can only be tried */
    unsigned char got[2];
    long at_first, empty;

    server_start("--timeout", "2");
    empty = server_memory();
    for (int i = 0; i < count; i++)
        clients[i] = open_websocket();
    at_first = server_memory();
    /* KiB; a message is 256, full buffers are 32; two newcomers for each may cost what the first did */
    memory_limit = at_first + count * 32 + 2 * (at_first - empty);
    for (int round = 1; round <= rounds; round++) {
        for (int i = 0; i < count; i++) {
            be_busy(clients[i]);
            newcomers[newcomer_count++] = open_websocket();
        }
        for (int i = 0; i < count;
             i++) /* the ping shows that the server has noticed that they are idle */
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

/* Receives frames up to the end, and asserts that the last of them, and no other, is Close 1001; a client
 * replies to it. */
static void expect_going_away(int fd, const char *who)
{
    static const unsigned char reply[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9};
    static unsigned char payload[70000];
    unsigned opcode = 0;
    ssize_t n = 0;

    while (opcode != 8 && n >= 0)
        n = receive_frame(fd, &opcode, payload, sizeof payload);
    EXPECT(n == 24 && payload[0] == 0x03 && payload[1] == 0xE9,
           "close 1001 for %s: opcode %u, %zd bytes", who, opcode, n);
    send_bytes(fd, reply, sizeof reply);
    EXPECT(receive_all(fd, payload, sizeof payload) == 0,
           "after its Close frame, the server must send nothing to %s, and end: %s, %zu bytes", who,
           end_words(), received_so_far);
}

/* A worker that waits in send has not taken the cause that its client was idle: that of the stop takes its
 * place. The idle client came later, so when its ping comes, the other one's time is up, too. */
static void stop_comes_first(void)
{
    static unsigned char payload[70000];
    unsigned opcode = 0;
    int stuck, idle;

    server_start("--timeout", "2");
    stuck = stuck_client();
    idle = open_websocket();
    EXPECT(receive_frame(idle, &opcode, payload, sizeof payload) == 0 && opcode == 9, "a ping");
    server_signal(SIGTERM);
    for (opcode = 0; opcode != 8;)
        if (receive_frame(stuck, &opcode, payload, sizeof payload) < 0)
            break;
    EXPECT(opcode == 8 && payload[0] == 0x03 && payload[1] == 0xE9,
           "clients_stop must store STREAM_STOPPING over any earlier cause: a client that is idle, and "
           "whose worker still sends, must get close 1001, but its last frame has opcode %u",
           opcode);
    close(stuck);
    expect_going_away(idle, "an idle client");
    close(idle);
    EXPECT(server_end(0) == 0, "the server must end with status 0");
}

/* A client that sends without a pause, in a process of its own, until its end. */
static pid_t flood(int fd)
{
    size_t length;
    unsigned char *bytes = frames("82*1000 82*1000 82*1000 82*1000 82*1000", &length);
    pid_t sender = fork();

    if (sender == 0) {
        while (send_bytes(fd, bytes, length))
            ;
        _exit(0);
    }
    free(bytes);
    return sender;
}

/* The sender ends in the middle of a frame, so that there is no place for a reply to the Close frame. */
static void expect_flood_is_stopped(int fd, pid_t sender)
{
    static unsigned char payload[2000];
    unsigned opcode = 0;
    int echoes = -1;

    do
        echoes++;
    while (receive_frame(fd, &opcode, payload, sizeof payload) == 1000 && opcode == 2);
    EXPECT(opcode == 8 && payload[0] == 0x03 && payload[1] == 0xE9 && echoes > 0,
           "close 1001 among messages that do not stop: opcode %u after %d echoes", opcode, echoes);
    kill(sender, SIGTERM);
    child_status(sender);
    shutdown(fd, SHUT_WR);
    receive_all(fd, payload, sizeof payload);
    EXPECT(received_so_far == 0, "nothing after it");
}

/* Its worker waits in recv, and main in clients_stop: a signal to the process interrupts main alone. */
static void stop_wakes_a_worker(void)
{
    unsigned char first = 0;
    int fd;

    server_start(NULL);
    fd = open_websocket();
    expect_echo(fd, "before the stop");
    pause_ms(100); /* so that it waits: a signal that comes just before recv is for another test */
    server_signal(SIGTERM);
    EXPECT(receive_bytes(fd, &first, 1) && first == 0x88,
           "close 1001 must come at once: the client's thread waits in recv, and wake_locked must send "
           "the signal to that thread (pthread_kill), not to the process");
    close(fd);
    EXPECT(server_end(0) == 0, "and the server ends with 0");
}

static void stop_tells_clients(void)
{
    enum { CLIENTS = 10 };
    int clients[CLIENTS], half, mute, fragment, stuck, flooding;
    char answer[1000];
    pid_t sender;

    server_start(NULL);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = open_websocket();
    half = dial();
    send_text(half, "GET / HTTP/1.1\r\n");
    mute = dial();
    fragment = open_websocket();
    send_bytes(fragment, "\x01\x81", 2);
    for (int i = 0; i < CLIENTS; i++)
        expect_echo(clients[i], "before the stop"); /* so all are known to be served */
    flooding = open_websocket();
    sender = flood(flooding);
    stuck = stuck_client(); /* the last to come */
    server_signal(SIGTERM);
    EXPECT(recv(clients[0], answer, 1, MSG_PEEK) == 1,
           "close 1001 must come at once, also if another client reads nothing");
    close(stuck);
    expect_flood_is_stopped(flooding, sender);
    EXPECT(receive_all(half, answer, sizeof answer) > 0 && strstr(answer, "The server is stopping"),
           "503 for half a request, but: %s", answer);
    EXPECT(receive_all(mute, answer, sizeof answer) == 0,
           "nothing, and the end, for a client that has sent nothing: %s, %zu bytes", end_words(),
           received_so_far);
    for (int i = 0; i < CLIENTS; i++) {
        expect_going_away(clients[i], "a client");
        close(clients[i]);
    }
    expect_going_away(fragment, "a client in the middle of a frame");
    close(fragment);
    close(half);
    close(mute);
    close(flooding);
    EXPECT(child_status(server_pid) == 0, "and the server ends with 0");
}

/* The last byte of a request comes when the server stops, which may have read none of it yet. Whoever is
 * faster: it gets a 503, or its 101 and then a Close frame. */
static void stop_among_requests(void)
{
    enum { CLIENTS = 20 };
    int clients[CLIENTS], other;
    const char *request = upgrade_request("/echo", "");

    server_start(NULL);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = dial();
        send_bytes(clients[i], request, strlen(request) - 1);
    }
    other = open_websocket(); /* it is the last, so all have been accepted */
    close(other);
    for (int i = 0; i < CLIENTS; i++) {
        if (i == CLIENTS / 2)
            server_signal(SIGTERM);
        send_bytes(clients[i], request + strlen(request) - 1, 1);
    }
    for (int i = 0; i < CLIENTS; i++) {
        char head[14] = "", answer[3000];
        EXPECT(receive_bytes(clients[i], head, 13), "a response for client %d", i);
        if (strcmp(head, "HTTP/1.1 101 ") == 0) {
            while (receive_bytes(clients[i], answer, 1) &&
                   *answer != '=') /* the end of the accept key */
                ;
            receive_bytes(clients[i], answer, 4);
            expect_going_away(clients[i], "a client that has just got its 101");
        } else {
            EXPECT_TEXT(head, "HTTP/1.1 503 ", "a 101 or a 503 for client %d", i);
            EXPECT(receive_all(clients[i], answer, sizeof answer) > 0, "and the rest: %s", end_words());
        }
        close(clients[i]);
    }
    EXPECT(server_end(0) == 0, "and the server ends with 0");
}

/* Main has just started a worker when the signal comes: that one cannot be woken yet. How far main has come
 * then is chance, so there are several rounds. */
static void stop_among_arrivals(void)
{
    enum { CLIENTS = 100, ROUNDS = 10 };
    int clients[CLIENTS], status;

    for (int round = 0; round < ROUNDS; round++) {
        server_start(NULL);
        server_hold();
        for (int i = 0; i < CLIENTS; i++)
            clients[i] = dial();
        server_signal(SIGCONT);
        pause_ms(round / 2);
        server_signal(SIGTERM);
        for (int i = 0; i < CLIENTS; i++)
            close(clients[i]);
        status = server_end(0);
        EXPECT(status == 0, "a server that stops while clients come must end with status 0, but: %d%s",
               status, status > 128 ? ", which is a signal" : "");
    }
}

/* After its Close frame the server sends nothing, whatever comes, and ends when the reply is there. */
static void nothing_after_the_close(void)
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
    EXPECT(receive_frame(fd, &opcode, reason, sizeof reason) > 2 && opcode == 8, "a Close frame");
    pause_ms(200);
    EXPECT(recv(fd, reason, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
           "the server must wait for the reply to its Close frame, but has ended");
    send_bytes(fd, late, 7); /* the first frame, which is not echoed any more */
    pause_ms(200);
    EXPECT(recv(fd, reason, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
           "the server must wait for the reply to its Close frame, also if a message comes first");
    send_bytes(fd, late + 7, length - 7);
    expect_all(fd, "", "after the server's Close frame");
    EXPECT(child_status(server_pid) == 0, "and the server ends with 0");
    free(late);
}

/* A client that replies nothing, and one that reads nothing while a send to it is stuck: both connections
 * are aborted when STOP_S are over, also without any timeout. */
static void stop_aborts_the_rest(void)
{
    int mute, stuck, status;
    double used;

    server_start("--timeout", "0");
    mute = open_websocket();
    stuck = stuck_client();
    server_signal(SIGTERM);
    pause_ms(200);
    used = server_cpu_s();
    pause_ms(1000);
    used = server_cpu_s() - used;
    EXPECT(sanitized || used < 0.05,
           "a server that waits for its clients to reply works meanwhile: %.2f s of a second", used);
    status = server_end(0);
    EXPECT(status == 0,
           "after STOP_S seconds, the server must end with status 0, but it ended with %d: clients_stop "
           "must wait for the workers a second time, after stream_abort",
           status);
    expect_all(mute, "close:1001", "a client that does not reply");
    close(stuck);
}

/* Whoever read the server's errors has gone: to write one must not end it (SIGPIPE). It writes one at its
 * start here, about too few descriptors. */
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

/* A client that waits with its reply to the server's Close frame, so that the server waits too. */
static int waiting_client(void)
{
    static const unsigned char close_start[] = {0x88, 0x18, 0x03, 0xE9};
    unsigned char got[26];
    int fd = open_websocket();

    server_signal(SIGINT);
    EXPECT(receive_bytes(fd, got, sizeof got) && memcmp(got, close_start, 4) == 0, "close 1001");
    return fd;
}

/* A second signal that comes with the first one, or a moment later, as from timeout(1) and a terminal; and
 * another SIGTERM much later: the stop goes on in order, and waits for the reply. */
static void signals_at_once(void)
{
    static const int pairs[][2] = {{SIGTERM, SIGTERM}, {SIGTERM, SIGINT}, {SIGINT, SIGTERM},
                                   {SIGINT, SIGINT},   {SIGINT, SIGINT},  {SIGHUP, SIGTERM}};

    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int fd;
        server_start(NULL);
        fd = open_websocket();
        expect_echo(fd, "before the stop");
        server_signal(pairs[i][0]);
        pause_ms(i % 2 == 0 ? 20 : 0);
        server_signal(pairs[i][1]);
        pause_ms(300);
        server_signal(SIGTERM);
        pause_ms(50);
        expect_going_away(fd, "a client of a server that gets several signals");
        close(fd); /* else the server lingers */
        EXPECT(child_status(server_pid) == 0, "after signals %d and %d at once, status 0", pairs[i][0],
               pairs[i][1]);
    }
}

static void second_signal(void)
{
    int fd;

    server_start(NULL);
    fd = waiting_client();
    pause_ms(500); /* a person's second Ctrl-C */
    EXPECT(server_end(SIGINT) == 128 + SIGINT, "a second SIGINT must end the server at once");
    close(fd);
}

static void no_hangup(void)
{
    server_ignores = SIGHUP;
    server_start(NULL);
    server_ignores = 0;
    server_signal(SIGHUP);
    for (int i = 0; i < 5; i++)
        EXPECT_STATUS(GET_PAGE, 200, "<html");
    server_stop();
}

/* A shell has what it starts with & ignore SIGINT. */
static void interrupt_in_background(void)
{
    needs_own("way to end");
    server_ignores = SIGINT;
    server_start(NULL);
    server_ignores = 0;
    EXPECT(!server_signal_is("SigIgn", SIGINT, server_pid),
           "stop_on_signals must set the handler of SIGINT, also if it was ignored");
    EXPECT(server_end(SIGINT) == 0, "and SIGINT stops the server then");
}

/* Whoever has started the server may have blocked signals, and a mask survives exec. */
static void signals_blocked(void)
{
    char answer[2000] = "";
    sigset_t blocked, usual;
    int mute, idle;

    sigfillset(&blocked);
    sigprocmask(SIG_BLOCK, &blocked, &usual);
    server_start("--timeout", "1");
    sigprocmask(SIG_SETMASK, &usual, NULL);
    mute = dial();
    idle = open_websocket();
    EXPECT(
        receive_all(mute, answer, sizeof answer) > 0 && strncmp(answer, "HTTP/1.1 408 ", 13) == 0,
        "408 for a client that sends nothing, of a server that was started with all signals blocked: %s",
        answer);
    expect_ping(idle, "of a server that was started with all signals blocked");
    close(mute);
    close(idle);
    server_stop();
}

/* The timer was stopped in between: only a look that starts it anew is followed by one in a second. */
static int look_twice(void)
{
    struct itimerval left = {{0, 0}, {0, 0}};

    clients_begin(1);
    clients_check_time();
    setitimer(ITIMER_REAL, &left, NULL);
    pause_ms(600);
    clients_check_time();
    getitimer(ITIMER_REAL, &left);
    return left.it_value.tv_sec > 0 || left.it_value.tv_usec > 0 ? 0 : 1;
}

static void each_look_starts_the_timer(void)
{
    needs_own("functions");
    EXPECT(in_child(look_twice) == 0,
           "after a look because a client came, the next one must come a second later, and not two");
}

/* A client of a server in which lessons/tools/calls.c brings about what $NAME says. Only a server that build.py
 * has made holds calls.c. */
static int open_where(const char *name)
{
    const char *folder = getenv("WORKSHOP");

    needs(folder != NULL && *folder != '\0', "server with lessons/tools/calls.c");
    setenv(name, "1", 1);
    server_start("--timeout", "1");
    unsetenv(name);
    return open_websocket();
}

/* Main's looks come a little early here. From a ping to the next one it takes two of them. A busy machine may be
 * late, but not each time. */
static void early_looks(void)
{
    double least = 10, from, took;
    int fd = open_where("SLOW_CLOCK");

    reply_to_ping(fd, "after the timeout");
    for (int i = 0; i < 3 && least > 2.5; i++) {
        from = clock_s();
        reply_to_ping(fd, "after the reply to one");
        took = clock_s() - from;
        least = took < least ? took : least;
    }
    EXPECT(least <= 2.5,
           "with --timeout 1, from one ping to the next it must take 2 seconds at most, but takes %.1f",
           least);
    close(fd);
    server_stop();
}

/* The first signal comes just before recv, where it has no effect. */
static void lost_signal(void)
{
    int fd = open_where("LOSE_SIGNALS");

    expect_ping(fd, "also if the first signal came just before recv, and had no effect");
    close(fd);
    server_stop();
}

static const struct test tests[] = {
    {"a server without clients ends when it is asked to", empty_server_ends, 14, "man 2 sigaction",
     "stop_on_signals asks for on_signal, at SIGTERM here, which ends accept4; accept_loop (lesson 1) "
     "then returns 0. clients_stop waits for an empty table: end_client (lesson 2) calls "
     "clients_leave. clients_stop holds the lock all the time: it calls wait_for_workers_locked with "
     "the lock held, which gives it up while it waits, and holds it again when it returns."},
    {"stopping while clients come", stop_among_arrivals, 14, "man 3 pthread_kill",
     "wake_locked must look at client->running before it calls pthread_kill: a worker that has just "
     "been started has not said yet which thread it is. clients_stop locks the table before it looks "
     "at it, and unlocks it at its end only: wait_for_workers_locked is called with the lock held, "
     "gives it up while it waits, and holds it again when it returns. If it hangs at the lock: a "
     "thread that locks what it has locked already waits for itself."},
    {"running out of descriptors passes", out_of_descriptors, 14, "man 2 accept, EMFILE",
     "If accept4 fails, accept_loop (lesson 1) asks accept_failed, provided, which sleeps a little: "
     "descriptors come back. end_client (2) must give them back."},
    {"a full server says so, and has room again later", full, 14, "RFC 9110, section 15.6.4",
     "start_client (lesson 2) calls clients_enter, provided, which counts a client as served or as "
     "rejected; end_client (2) calls clients_leave, provided, which counts it off."},
    {"stopping wakes a worker that waits", stop_wakes_a_worker, 14, "man 3 pthread_kill",
     "wake_locked sends WAKE_SIGNAL to client->thread with pthread_kill; kill() with the process ID "
     "interrupts main. Before that, clients_stop stores STREAM_STOPPING in every stream, without which "
     "the worker finds no cause."},
    {"stopping tells every client, and waits for it", stop_tells_clients, 14, "RFC 6455, section 7.4.1",
     "clients_stop stores STREAM_STOPPING in every stream, and wake_locked sends each worker the "
     "signal. It only looks at the cause: the worker takes it, and finds none if wake is 0 again. Main "
     "knows them by clients_enter, called by start_client (lesson 2)."},
    {"stopping among requests", stop_among_requests, 14, "RFC 9110, section 15.6.4",
     "read_line, provided, fails with 503 if the server stops in the middle of a request: request_read "
     "(lesson 4) returns -1 then. Later a read of a frame notices it: need, provided, calls read_on."},
    {"nothing follows the server's own Close frame", nothing_after_the_close, 14,
     "RFC 6455, section 5.5.1",
     "After the Close frame nothing more goes out; need, provided, waits for the client's reply. A "
     "message that comes before that is dropped: frame_write, provided, then returns 0."},
    {"a second SIGINT ends it at once", second_signal, 14, "man 2 sigaction",
     "stop_on_signals asks for on_signal, provided, which ends the process at a second SIGINT. If the "
     "first one sends no 1001: see wake_locked."},
    {"signals that come at once stop it in order", signals_at_once, 14, "man 2 sigaction",
     "stop_on_signals asks for on_signal to be called each time: it must not set SA_RESETHAND. What it "
     "does not set in its struct sigaction must be 0: a local struct without an initializer has any "
     "flags."},
    {"SIGINT that was ignored stops it all the same", interrupt_in_background, 14, "man 1p sh",
     "stop_on_signals leaves only SIGHUP ignored. A shell that starts a program with & makes it ignore "
     "SIGINT."},
    {"SIGHUP that was ignored stays ignored", no_hangup, 14, "man 1 nohup",
     "stop_on_signals asks sigaction what SIGHUP does now, before it changes that."},
    {"each look at the clients starts the timer anew", each_look_starts_the_timer, 14, "man 2 setitimer",
     "clients_check_time, provided, sets the timer at each look."},
    {"a request that is not whole in time gets 408", slow_requests, 14, "RFC 9110, section 15.5.9",
     "check_time_locked: before the upgrade, bytes that come give no more time. read_line, provided, "
     "has the request rejected with 408."},
    {"a client that lingers is left", lingering_clients, 14, "RFC 9112, section 9.6",
     "stream_linger (lesson 5) receives for LINGER_S at most: SO_RCVTIMEO limits each recv, and the "
     "clock all of them together."},
    {"a ping for an idle client, and without a reply the end", idle_client, 14,
     "RFC 6455, section 5.5.2",
     "check_time_locked stores STREAM_IDLE, and wake_locked sends the signal; need, provided, calls "
     "read_on, and that keepalive. It fails, with CLOSE_POLICY_VIOLATION, only if nothing has come "
     "since the last ping: `received` is still pinged_at."},
    {"a look at the clients that comes early does not cost a second", early_looks, 14, "man 2 setitimer",
     "In check_time_locked, the time is up if no more than TICK_MS is left."},
    {"a pong may take the whole timeout", late_pong, 14, "RFC 6455, section 5.5.2",
     "When check_time_locked has stored STREAM_IDLE, the time begins anew: since_ms is now."},
    {"signals that were blocked at the start", signals_blocked, 14, "man 2 sigprocmask",
     "prepare, provided, unblocks all signals."},
    {"a signal that came too early is sent again", lost_signal, 14, "man 3 pthread_kill",
     "check_time_locked calls wake_locked each time, not only when the time is up: as long as the "
     "worker has not noticed, its wake is set."},
    {"an idle client's thread sleeps", idle_clients_sleep, 14, "man 3 pthread_kill",
     "wake_locked sends the signal only if the stream's wake is set: who has nothing to notice sleeps "
     "on."},
    {"a client that never reads is given up", never_reads, 14, "man 7 tcp, TCP_INFO",
     "check_progress_locked, provided, aborts the connection of a client that has acknowledged nothing "
     "for its whole time: then the send in send_all_locked (lesson 5) fails."},
    {"slow is not dead", slow_is_not_dead, 14, "man 7 tcp, SIOCOUTQ",
     "keepalive sends no ping while bytes are under way: stream_is_idle, provided, asks the kernel. In "
     "keepalive, ask that first. In check_time_locked, a cause in wake that was not taken restarts the "
     "clock, as bytes that came do."},
    {"stopping does not wait for ever", stop_aborts_the_rest, 14, "man 2 shutdown",
     "After STOP_S, clients_stop calls stream_abort for the connections that are left: that ends every "
     "call that waits for one. Their workers need a moment for their end, so it waits once more before "
     "it looks whether any are left. end_client (lesson 2) calls clients_leave, which wakes main."},
    {"a frame that drips is a sign of life", dripping_frame, 14, "RFC 6455, section 5.5.2",
     "Idle means that no byte came: after the upgrade, check_time_locked begins anew whenever the "
     "stream has received something."},
    {"a ping inside a frame loses nothing", ping_inside_a_frame, 14, "RFC 6455, section 5.4",
     "After the ping, continue the same read: what had come stays in the buffer. need, provided, and "
     "read_piece (lesson 10) call read_on, each in a loop."},
    {"--timeout 0 waits for ever", no_timeouts, 14, "the option --timeout",
     "clients_check_time, provided, then looks at nobody."},
    {"an interrupted wait goes on", interrupted_waits, 14, "man 7 signal",
     "EINTR means that a signal came: receive (lesson 3) stores STREAM_INTERRUPTED, and "
     "send_all_locked (5) sends again."},
    {"memory comes back after a large message", memory_comes_back, 14, "RFC 6455, section 10.4",
     "When a client is idle, read_on, provided, gives back what its last large message needed, and "
     "calls keepalive. check_time_locked must notice that it is idle."},
    {"a stop comes before an earlier cause", stop_comes_first, 14, "RFC 6455, section 7.4.1",
     "clients_stop stores STREAM_STOPPING in each client's wake, whatever is there."},
    {"nobody has to read its errors", nobody_listens, 14, "man 7 signal, SIGPIPE",
     "To write where nobody reads must be an error and no end: main ignores SIGPIPE."},
    {0},
};

int main(void)
{
    return run_suite("14 when things go wrong", tests);
}
