/*
 * soak.c - load and abuse: thousands of clients, clients that behave badly, and a lack of everything
 *
 *     make check-soak                                   the short size, also under sanitizers
 *     make soak                                         the full size
 *     SERVER=./server build/release/tests/system/soak short    one run of it, by hand
 *
 * Each scenario starts a server of its own, does its worst, and then asserts that threads,
 * descriptors and memory of the server are back where they were. All clients live in this process.
 * At the end it prints a table of what was measured; no time in it is asserted, but for the one that
 * the server promises: it stops within STOP_S.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* Seconds that one scenario may take: the longest takes 30 on two slow cores with a sanitizer. */
#define SCENARIO_S 120

/* KiB of memory that a server may have more after a scenario than before it, however many clients there
 * were. The C library keeps the stacks of some 150 ended threads, of which each has used 8 KiB, and 132 KiB
 * for each of its four arenas. The rest it gives back when nobody has been there for two seconds. */
#define MEMORY_TOLERANCE_KIB 4096

/* Descriptors that are not connections, in this process and in the server. */
#define OTHER_DESCRIPTORS 200

/* What the server promises, see clients.h: threads that tell clients that it is full, and seconds
 * until it aborts connections when it stops. It ends a little later than the last connection. */
#define MOST_REJECTED 64
#define STOP_S 5
#define STOP_SLACK_S (sanitized ? 3 : 1)

/* Percent of a core that the server may use while it can do nothing. A loop that asks again and
 * again takes all of a core that it gets. */
#define IDLE_PERCENT 10

#define MOST_CONNECTIONS 10000

/* How much of everything there is. */
struct sizes {
    size_t held, rounds; /* connections, and how often a hundred of them are echoed */
    unsigned visits;
    size_t dripping;
    unsigned drips;  /* bytes, and so seconds */
    size_t deaf;     /* clients that never read */
    unsigned beyond; /* clients of a server that is too full to say so */
    size_t talkers;
    unsigned stops, stays; /* stops at random moments; those with a client that stays to the end */
    unsigned slow_s;       /* seconds of slow reading */
    size_t crowds, crowd;  /* crowds one after another, and how many clients are in one; */
    size_t large_crowds;   /* those that follow, of `held` clients each */
    unsigned rest_s;       /* seconds after the last crowd */
};
static const struct sizes short_sizes = {10000, 20, 5000, 1000, 7, 20, 200, 60, 300, 1, 6, 6, 500, 1, 3};
static const struct sizes full_sizes = {10000, 500, 50000, 1000, 20,   100, 2000, 300,
                                        5000,  10,  60,    50,   1000, 5,   60};

/* A thread costs the thread sanitizer more than 1 MiB, and 20 ms on a slow core. Only the stops are more
 * in the full size. */
#define SANITIZED_STOPS 2000
static const struct sizes thread_sanitizer_sizes = {1000, 20, 1000, 100, 7,   5, 200, 30,
                                                    100,  1,  6,    2,   100, 1, 0};
static const struct sizes address_sanitizer_sizes = {10000, 20, 5000, 1000, 7,   20, 200, 60,
                                                     200,   1,  6,    2,    500, 1,  0};

static struct sizes sizes;

/* ---- the table ---- */

#define SCENARIOS 14

static struct row {
    const char *scenario;
    char size[100], figures[300];
    double seconds;
    bool passed;
} rows[SCENARIOS];
static size_t row_count;

/* Called at every exit, so that the table is also printed if a scenario aborts the suite. */
static void print_table(void)
{
    int passed = 0;

    printf("\n| scenario | size | figures | time |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < row_count; i++) {
        passed += rows[i].passed ? 1 : 0;
        printf("| %s | %s | %s | %.1f s |\n", rows[i].scenario, rows[i].size,
               rows[i].passed ? rows[i].figures : "FAILED", rows[i].seconds);
    }
    printf("%d passed, %d failed\n", passed, SCENARIOS - passed);
}

/* Notes how much of it there was, as for printf. */
static void note_size(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note_size(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(rows[row_count - 1].size, sizeof rows->size, format, list);
    va_end(list);
}

/* Notes what was measured, behind what was noted before. */
static void note_figures(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note_figures(const char *format, ...)
{
    char *figures = rows[row_count - 1].figures;
    size_t length = strlen(figures);
    va_list list;

    va_start(list, format);
    vsnprintf(figures + length, sizeof rows->figures - length, format, list);
    va_end(list);
}

/* ---- a scenario's begin and end ---- */

static double began;
static unsigned failures_before;

/* What the server has when nobody is there, but somebody was. */
static struct {
    int threads, descriptors;
    long memory; /* KiB */
} at_rest;

static bool threads_are_back(void)
{
    return server_threads() == at_rest.threads && server_descriptors() == at_rest.descriptors;
}

static bool memory_is_back(void)
{
    return server_memory() <= at_rest.memory + MEMORY_TOLERANCE_KIB;
}

/* Has a first client, so that all that is made once has been made; the sanitizers start a thread of
 * their own with the first one. */
static void get_to_rest(void)
{
    int descriptors = server_descriptors(), fd = open_websocket();
    size_t length;
    unsigned char got[3], *hello = frames("81:61", &length);

    EXPECT(send_bytes(fd, hello, length) && receive_bytes(fd, got, sizeof got), "a first echo");
    at_rest.threads = server_threads() - 1;
    at_rest.descriptors = descriptors;
    close(fd);
    EXPECT(eventually(threads_are_back), "the first client's thread must end");
    at_rest.memory = server_memory();
    free(hello);
}

#define begin(name, ...) begin_scenario((name), (const char *const[]){__VA_ARGS__, NULL})
static void begin_scenario(const char *name, const char *const options[])
{
    alarm(SCENARIO_S);
    rows[row_count++].scenario = name;
    failures_before = CU_get_number_of_failures();
    began = clock_s();
    start_server(options);
    get_to_rest();
}

/* Ends the scenario's row. */
static void end_row(void)
{
    struct row *row = &rows[row_count - 1];

    row->seconds = clock_s() - began;
    row->passed = CU_get_number_of_failures() == failures_before;
}

/* Asserts that the server is back where it was before a crowd had come, stops it, and ends the row.
 */
static void end_scenario(void)
{
    EXPECT(eventually(threads_are_back),
           "afterwards the server has %d threads and %d descriptors, not %d and %d as before",
           server_threads(), server_descriptors(), at_rest.threads, at_rest.descriptors);
    EXPECT(sanitized || eventually(memory_is_back),
           "afterwards the server has %ld KiB of memory, before it had %ld; %d more are tolerated",
           server_memory(), at_rest.memory, MEMORY_TOLERANCE_KIB);
    if (!sanitized)
        note_figures("; afterwards %+ld KiB", server_memory() - at_rest.memory);
    server_stop();
    end_row();
}

/* ---- clients ---- */

/* Bytes of payload that a client sends: enough for a length of two bytes, and to see a mix-up. */
#define PAYLOAD_BYTES 500
#define SENT_HEADER_BYTES 8
#define GOT_HEADER_BYTES 4

/* Numbers that lie between the first messages of two clients, so that each message is a different
 * one. */
#define NUMBERS_EACH 100000

struct client {
    int fd;
    unsigned next; /* the number of the message that is sent, or echoed, next */
};

/* Makes a payload that no other message has. */
static void fill_payload(unsigned char *payload, size_t length, unsigned number)
{
    for (size_t i = 0; i < length; i++)
        payload[i] = (unsigned char)((number + i) % 251);
    memcpy(payload, &number, sizeof number);
}

/* Makes a whole message, of 126 to 65535 bytes of payload. Its masking key is zero, which is as
 * good a key as any here: it leaves the payload as it is. */
static void make_message(unsigned char *frame, size_t length, unsigned number)
{
    memset(frame, 0, SENT_HEADER_BYTES);
    frame[0] = 0x82;
    frame[1] = 0x80 | 126;
    frame[2] = (unsigned char)(length >> 8);
    frame[3] = (unsigned char)length;
    fill_payload(frame + SENT_HEADER_BYTES, length, number);
}

static bool speak(const struct client *v)
{
    unsigned char frame[SENT_HEADER_BYTES + PAYLOAD_BYTES];

    make_message(frame, PAYLOAD_BYTES, v->next);
    return send_bytes(v->fd, frame, sizeof frame);
}

/* Receives a frame; pings may come before it, on a slow machine. */
static ssize_t receive_reply(int fd, unsigned *opcode, void *payload, size_t size)
{
    ssize_t n;

    do
        n = receive_frame(fd, opcode, payload, size);
    while (n >= 0 && *opcode == 9);
    return n;
}

static bool hear(struct client *v)
{
    unsigned char got[PAYLOAD_BYTES + 1], wanted[PAYLOAD_BYTES];
    unsigned opcode;
    ssize_t n = receive_reply(v->fd, &opcode, got, sizeof got);

    fill_payload(wanted, sizeof wanted, v->next++);
    return n == PAYLOAD_BYTES && opcode == 2 && memcmp(got, wanted, sizeof wanted) == 0;
}

static double worst_round_ms;

/* All speak, and then all must hear their own words. Returns whether they did. */
static bool echo_round(struct client *list, size_t count, const char *when)
{
    double start = clock_s(), ms;
    size_t spoken = 0, heard = 0;

    while (spoken < count && speak(&list[spoken]))
        spoken++;
    while (heard < spoken && hear(&list[heard]))
        heard++;
    ms = (clock_s() - start) * 1000;
    if (ms > worst_round_ms)
        worst_round_ms = ms;
    return EXPECT(heard == count, "%s: client %zu of %zu did not get its own message back", when, heard,
                  count);
}

static void open_clients(struct client *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        list[i] = (struct client){open_websocket(), (unsigned)i * NUMBERS_EACH};
}

static void close_clients(const struct client *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(list[i].fd);
}

/* Ends a connection by a reset, as if its machine had failed. */
static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

/* ---- 1. many ---- */

/* What the system allows this container; SIZE_MAX: it does not say. */
static size_t number_in(const char *path)
{
    FILE *file = fopen(path, "r");
    size_t number = SIZE_MAX;

    if (file != NULL && fscanf(file, "%zu", &number) != 1) /* "max" */
        number = SIZE_MAX;
    if (file != NULL)
        fclose(file);
    return number;
}

static size_t threads_allowed(void)
{
    static const char *const limits[] = {"/sys/fs/cgroup/pids.max", "/proc/sys/kernel/threads-max",
                                         "/proc/sys/kernel/pid_max"};
    struct rlimit own = {RLIM_INFINITY, RLIM_INFINITY};
    size_t most = SIZE_MAX;

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (number_in(limits[i]) < most)
            most = number_in(limits[i]);
    if (geteuid() != 0 && getrlimit(RLIMIT_NPROC, &own) == 0 && own.rlim_cur < most)
        most = own.rlim_cur;
    return most;
}

/* As many connections as wanted, or as there can be; this process needs a descriptor for each, and
 * so does the server. The table says which. */
static size_t connections_allowed(size_t wanted)
{
    struct rlimit limit = {0, 0};
    size_t most = threads_allowed();

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < most)
        most = limit.rlim_cur;
    if (most <= 2 * OTHER_DESCRIPTORS)
        most = 2 * OTHER_DESCRIPTORS; /* it will fail, and say so */
    if (wanted + OTHER_DESCRIPTORS <= most) {
        note_size("%zu connections", wanted);
        return wanted;
    }
    note_size("%zu connections (not %zu: the system allows %zu)", most - OTHER_DESCRIPTORS, wanted,
              most);
    return most - OTHER_DESCRIPTORS;
}

static void many_held(void)
{
    enum { SPEAKERS = 100 };
    static struct client all[MOST_CONNECTIONS], speakers[SPEAKERS];
    size_t count, rounds = 0;
    double start;
    long cost;

    begin("many clients", "--max-connections=10000", "--timeout=60");
    count = connections_allowed(sizes.held);
    start = clock_s();
    open_clients(all, count);
    note_figures("%.0f connects/s", (double)count / (clock_s() - start));
    EXPECT(server_threads() == at_rest.threads + (int)count,
           "a thread for each of %zu clients, but the server has %d", count, server_threads());
    cost = server_memory() - at_rest.memory;
    for (size_t i = 0; i < SPEAKERS; i++)
        speakers[i] = all[i * count / SPEAKERS];
    start = clock_s();
    while (rounds < sizes.rounds && echo_round(speakers, SPEAKERS, "while thousands are there"))
        rounds++;
    note_figures(", %ld KiB each; %zu echoes of %d, %.0f/s", cost / (long)count, rounds * SPEAKERS,
                 SPEAKERS, (double)(rounds * SPEAKERS) / (clock_s() - start));
    close_clients(all, count);
    end_scenario();
}

/* ---- 2. coming and going ---- */

/* Comes, and says something that is not through, or nothing. */
static int come(unsigned number)
{
    static const unsigned char half_frame[] = {0x81, 0xFE, 0x01};
    int fd;

    if (number % 3 == 0)
        return open_websocket();
    if (number % 3 == 1) {
        fd = dial();
        send_text(fd, "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgr");
    } else {
        fd = open_websocket();
        send_bytes(fd, half_frame, sizeof half_frame);
    }
    return fd;
}

static void coming_and_going(void)
{
    enum { THERE = 64 }; /* at the same time */
    int there[THERE] = {0};
    struct client steady[1];
    double start;

    begin("coming and going", "--max-connections=1000");
    open_clients(steady, 1);
    start = clock_s();
    for (unsigned i = 0; i < sizes.visits; i++) {
        int *place = &there[i % THERE];
        if (i >= THERE && i / THERE % 2 == 0) /* in turns; each kind of visit ends either way */
            close(*place);
        else if (i >= THERE)
            reset(*place);
        *place = come(i);
        if (i % 100 == 0 && !echo_round(steady, 1, "while others come and go"))
            break;
    }
    note_size("%u visits, %d at a time", sizes.visits, THERE);
    note_figures("%.0f visits/s", (double)sizes.visits / (clock_s() - start));
    for (size_t i = 0; i < THERE && i < sizes.visits; i++)
        reset(there[i]);
    close_clients(steady, 1);
    end_scenario();
}

/* ---- 3. a byte a second ---- */

/* Echoes again and again until the clock says `until`; returns how often. */
static unsigned echo_until(struct client *list, size_t count, double until, const char *when)
{
    unsigned rounds = 0;

    worst_round_ms = 0;
    do
        rounds++;
    while (echo_round(list, count, when) && clock_s() < until);
    return rounds;
}

/* Each of them gets its echo in the end. */
static void expect_drips_echoed(const struct client *list, size_t count, ssize_t payload)
{
    unsigned char got[126];
    unsigned opcode;
    size_t heard = 0;

    while (heard < count && receive_reply(list[heard].fd, &opcode, got, sizeof got) == payload)
        heard++;
    EXPECT(heard == count, "client %zu of %zu that drips did not get its message back", heard, count);
}

static void dripping(void)
{
    enum { MOST = 1000, SPEAKERS = 20, HEADER = 6 };
    static struct client slow[MOST], speakers[SPEAKERS];
    size_t count = sizes.dripping, length;
    char script[20];
    unsigned char *message;
    unsigned rounds = 0;
    double alone_ms, worst_ms = 0;

    snprintf(script, sizeof script, "82*%u", sizes.drips - HEADER);
    message = frames(script, &length);
    begin("a byte a second", "--max-connections=2000", "--timeout=10");
    open_clients(speakers, SPEAKERS);
    echo_until(speakers, SPEAKERS, clock_s() + 1, "before others drip");
    alone_ms = worst_round_ms;
    open_clients(slow, count);
    for (size_t at = 0; at < length; at++) {
        double second = clock_s() + 1;
        for (size_t i = 0; i < count; i++)
            EXPECT(send_bytes(slow[i].fd, message + at, 1), "byte %zu of client %zu", at, i);
        rounds += echo_until(speakers, SPEAKERS, second, "while others drip");
        worst_ms = worst_round_ms > worst_ms ? worst_round_ms : worst_ms;
    }
    expect_drips_echoed(slow, count, (ssize_t)length - HEADER);
    note_size("%zu clients, %zu s", count, length);
    note_figures("%u echoes to %d others, slowest round %.1f ms (%.1f ms without them)",
                 rounds * SPEAKERS, SPEAKERS, worst_ms, alone_ms);
    close_clients(slow, count);
    close_clients(speakers, SPEAKERS);
    free(message);
    end_scenario();
}

/* ---- 4. never reading ---- */

struct deaf {
    size_t offset; /* bytes that have gone of the message under way */
    int fd;
    bool given_up;
};

/* Sends what goes without waiting, again and again the same. */
static void flood(struct deaf *d, const unsigned char *message, size_t length)
{
    ssize_t n;

    while ((n = send(d->fd, message + d->offset, length - d->offset, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
        d->offset = (d->offset + (size_t)n) % length;
    d->given_up = errno != EAGAIN;
}

/* Floods until the server has given up on all, or the time is over; others are echoed meanwhile.
 * Returns how many it has given up. */
static size_t flood_all(struct deaf *list, size_t count, struct client *others, size_t other_count)
{
    size_t length, given_up = 0;
    unsigned char *message = frames("82*1048576", &length); /* what --max-message allows */
    double until = clock_s() + 3 * WAIT_S;

    while (given_up < count && clock_s() < until) {
        given_up = 0;
        for (size_t i = 0; i < count; i++) {
            if (!list[i].given_up)
                flood(&list[i], message, length);
            given_up += list[i].given_up ? 1 : 0;
        }
        if (!echo_round(others, other_count, "while others never read"))
            break;
    }
    free(message);
    return given_up;
}

static void never_reading(void)
{
    enum { MOST = 100, SPEAKERS = 10, MESSAGE_KIB = 1024, CLIENT_KIB = 128 };
    static struct deaf list[MOST];
    struct client speakers[SPEAKERS];
    int small = 65536;
    size_t given_up;
    long peak;
    double start;

    begin("clients that never read", sanitized ? "--timeout=5" : "--timeout=2");
    open_clients(speakers, SPEAKERS);
    for (size_t i = 0; i < sizes.deaf; i++) {
        list[i] = (struct deaf){.fd = open_websocket()};
        setsockopt(list[i].fd, SOL_SOCKET, SO_RCVBUF, &small,
                   sizeof small); /* else the kernel's memory */
    }
    start = clock_s();
    worst_round_ms = 0;
    given_up = flood_all(list, sizes.deaf, speakers, SPEAKERS);
    EXPECT(given_up == sizes.deaf, "%zu of %zu clients that never read are given up", given_up,
           sizes.deaf);
    peak = server_status("VmHWM:") - at_rest.memory;
    EXPECT(sanitized || peak <= (long)sizes.deaf * (MESSAGE_KIB + CLIENT_KIB) + MEMORY_TOLERANCE_KIB,
           "%zu clients that never read have cost %ld KiB: more than a message each", sizes.deaf, peak);
    note_size("%zu clients, messages of 1 MiB, timeout %d s", sizes.deaf, sanitized ? 5 : 2);
    note_figures("all given up after %.1f s, at most %ld KiB each; slowest round of %d others %.0f ms",
                 clock_s() - start, peak / (long)sizes.deaf, SPEAKERS, worst_round_ms);
    for (size_t i = 0; i < sizes.deaf; i++)
        close(list[i].fd);
    close_clients(speakers, SPEAKERS);
    end_scenario();
}

/* ---- 5. a full table ---- */

static bool page_is_served(void)
{
    return strncmp(ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 200 ", 13) == 0;
}

/* Whether a client who says nothing is told 503; anything but that and a closed connection is
 * wrong. */
static bool is_told_full(int fd)
{
    char got[13] = "";
    bool told;

    errno = 0;
    told = receive_bytes(fd, got, 12) && strcmp(got, "HTTP/1.1 503") == 0;
    EXPECT(told || got[0] == '\0', "a client to a full server gets 503 or nothing, not: %s", got);
    EXPECT(told || errno != EAGAIN, "a client to a full server must not be left waiting");
    return told;
}

static void full_table(void)
{
    enum { ADMITTED = 3, GOING = 16 }; /* threads that are about to end, while others have begun */
    struct client admitted[ADMITTED];
    int rejected[MOST_REJECTED], told = 0, threads = 0;
    unsigned silent = 0;

    begin("a full table", "--max-connections=3");
    open_clients(admitted, ADMITTED);
    for (int i = 0; i < MOST_REJECTED; i++)
        rejected[i] = dial();
    for (int i = 0; i < MOST_REJECTED; i++)
        told += is_told_full(rejected[i]) ? 1 : 0;
    EXPECT(told == MOST_REJECTED, "the next %d are told so, but only %d were", MOST_REJECTED, told);
    for (unsigned i = 0; i < sizes.beyond; i++) {
        int fd = dial(), now;
        silent += is_told_full(fd) ? 0 : 1;
        close(fd);
        now = server_threads();
        threads = now > threads ? now : threads;
    }
    EXPECT(silent > 0, "beyond %d, clients are closed without a word", MOST_REJECTED);
    EXPECT(threads <= at_rest.threads + ADMITTED + MOST_REJECTED + GOING,
           "a crowd of %u must not get more than %d threads, but has got %d", sizes.beyond,
           ADMITTED + MOST_REJECTED, threads - at_rest.threads);
    echo_round(admitted, ADMITTED, "who is in a full server");
    note_size("%d clients, %d rejected, %u more", ADMITTED, MOST_REJECTED, sizes.beyond);
    note_figures("%d told 503, %u closed without a word, at most %d threads", told, silent, threads);
    for (int i = 0; i < MOST_REJECTED; i++)
        close(rejected[i]);
    close_clients(admitted, ADMITTED);
    EXPECT(eventually(page_is_served), "when they have left, there is room again");
    end_scenario();
}

/* ---- 6. no descriptors ---- */

static unsigned times_told(void)
{
    unsigned count = 0;

    for (const char *at = server_said(); (at = strstr(at, "cannot accept clients for now")) != NULL;
         at++)
        count++;
    return count;
}

static bool is_told(void)
{
    return times_told() > 0;
}

/* Percent of a core that the server uses while nothing happens. This is a measurement that takes a
 * second, not a wait. */
static double busy_percent(void)
{
    double cpu = server_cpu_s(), start = clock_s();

    nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    return (server_cpu_s() - cpu) / (clock_s() - start) * 100;
}

static void no_descriptors(void)
{
    enum { LIMIT = 64, CROWD = 200, SPEAKERS = 5 };
    struct client speakers[SPEAKERS];
    int crowd[CROWD];
    double percent;

    server_descriptor_limit = LIMIT;
    begin("no descriptors left", "--timeout=60");
    server_descriptor_limit = 0;
    open_clients(speakers, SPEAKERS);
    for (int i = 0; i < CROWD; i++)
        crowd[i] = dial(); /* who is not accepted waits in the kernel */
    EXPECT(eventually(is_told), "the lack of descriptors must be told");
    percent = busy_percent();
    EXPECT(percent < IDLE_PERCENT,
           "a server that cannot accept must wait, not spin: it used %.0f %% of a core", percent);
    echo_round(speakers, SPEAKERS, "who is in, when no descriptors are left");
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    EXPECT(eventually(page_is_served), "when descriptors come back, clients are served again");
    EXPECT(times_told() == 1, "the lack of descriptors is told once, not %u times", times_told());
    close_clients(speakers, SPEAKERS);
    note_size("%d clients, %d descriptors", CROWD, LIMIT);
    note_figures("%.0f %% of a core meanwhile, said once", percent);
    end_scenario();
}

/* ---- 7. no threads ---- */

/* Limits the server's addresses to what it has now and some KiB; -1: to as much as before. */
static void limit_addresses(long kib)
{
    struct rlimit limit;

    if (prlimit(server_pid, RLIMIT_AS, NULL, &limit) != 0)
        EXPECT(false, "the server's limit: %s", strerror(errno));
    limit.rlim_cur = limit.rlim_max;
    if (kib >= 0)
        limit.rlim_cur = (rlim_t)(server_status("VmSize:") + kib) * 1024;
    EXPECT(prlimit(server_pid, RLIMIT_AS, &limit, NULL) == 0, "to limit the server: %s",
           strerror(errno));
}

/* A client who is there when there may be no thread for him. Returns whether he was closed. */
static bool is_closed(int fd)
{
    char got[13] = "";

    send_text(fd, upgrade_request("/echo", ""));
    errno = 0;
    if (receive_bytes(fd, got, 12)) {
        EXPECT_TEXT(got, "HTTP/1.1 101", "a client when threads run out");
        return false;
    }
    EXPECT(errno != EAGAIN, "a client for whom there is no thread must not be left waiting");
    return true;
}

/* Threads cannot start where there are no addresses for their stacks. That holds for root as well,
 * as the limit of processes does not. The sanitizers need addresses themselves, and end without
 * them. */
static void no_threads(void)
{
    enum { SPEAKERS = 5, ROOM_KIB = 2048, MOST = 100 }; /* room for some stacks of 256 KiB */
    struct client speakers[SPEAKERS], late[1];
    int served[MOST], count = 0, closed = 0;

    begin("no threads left", "--timeout=60");
    note_size("addresses limited");
    open_clients(speakers, SPEAKERS);
    echo_round(speakers, SPEAKERS, "before threads run out");
    if (!sanitized)
        limit_addresses(ROOM_KIB);
    for (; !sanitized && closed < SPEAKERS && count < MOST; count++) {
        served[count] = dial();
        closed += is_closed(served[count]) ? 1 : 0;
        echo_round(speakers, SPEAKERS, "who is in, when no threads are left");
    }
    EXPECT(sanitized || closed == SPEAKERS, "no client was closed: %d have been served", count);
    limit_addresses(-1);
    open_clients(late, 1);
    echo_round(late, 1, "who comes when there are threads again");
    if (sanitized)
        note_figures("not under sanitizers: they end where addresses do");
    else
        note_figures("%d served, then %d closed, then served again", count - closed, closed);
    while (count > 0)
        close(served[--count]);
    close_clients(late, 1);
    close_clients(speakers, SPEAKERS);
    end_scenario();
}

/* ---- 8. stopping under load ---- */

/* Bytes of a talker's payload: more than the server's read buffer holds, so that of all it has
 * received only the last message can be one that it has not taken up yet. */
#define TALK_BYTES 20000
#define TALK_SENT_BYTES (SENT_HEADER_BYTES + TALK_BYTES)
#define MOST_TALKERS 300

/* Messages of one talker that are under way at the same time. */
#define WINDOW 4

/* Rounds that every talker has behind it when the signal comes. */
#define ROUNDS_BEFORE 20

/* A client that sends steadily. One poll serves all of them. */
struct talker {
    size_t offset; /* bytes that have gone of the message under way */
    size_t in_length;
    const char *wrong; /* in words; NULL: nothing */
    int fd;            /* -1: it is over */
    enum { REPLIES, READS_ON, NEVER_READS } manner;
    unsigned first; /* the number of its first message */
    unsigned sent, echoed;
    unsigned read_by_server; /* messages that the server has surely read before the signal */
    bool told, replied;      /* the server's close frame, and ours */
    bool orderly;            /* it was no reset */
    unsigned char in[GOT_HEADER_BYTES + TALK_BYTES];
};

static bool wants_to_send(const struct talker *t)
{
    if (t->manner == NEVER_READS || t->offset > 0)
        return true;
    if (t->told)
        return t->manner == REPLIES && !t->replied;
    return t->sent - t->echoed < WINDOW;
}

static void end_talker(struct talker *t, bool orderly)
{
    close(t->fd);
    t->fd = -1;
    t->orderly = orderly && t->in_length == 0;
}

/* Sends some of a message, or the reply to a Close frame. */
static void push(struct talker *t)
{
    static const unsigned char reply[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9};
    static unsigned char message[TALK_SENT_BYTES];
    ssize_t n;

    if (t->told && t->offset == 0) {
        t->replied = send_bytes(t->fd, reply, sizeof reply);
        return;
    }
    make_message(message, TALK_BYTES, t->first + t->sent);
    n = send(t->fd, message + t->offset, sizeof message - t->offset, MSG_DONTWAIT | MSG_NOSIGNAL);
    t->offset += n > 0 ? (size_t)n : 0;
    if (t->offset == sizeof message) {
        t->sent++;
        t->offset = 0;
    }
}

/* The size of the frame that has come, or begun to. */
static size_t frame_size(const unsigned char *in, size_t length)
{
    if (length < 2)
        return 2;
    if (in[1] < 126)
        return 2 + (size_t)in[1];
    return GOT_HEADER_BYTES + (length < GOT_HEADER_BYTES ? 0 : (size_t)in[2] << 8 | in[3]);
}

/* Looks at one whole frame. Returns what is wrong with it, or NULL. */
static const char *take_frame(struct talker *t, const unsigned char *frame, size_t size)
{
    static unsigned char wanted[TALK_BYTES];

    if (t->told)
        return "something came behind the close frame";
    if (frame[0] == 0x89)
        return NULL; /* a ping */
    if (frame[0] == 0x88) {
        t->told = true;
        return size >= 4 && frame[2] == 0x03 && frame[3] == 0xE9 ? NULL : "the close frame is not 1001";
    }
    fill_payload(wanted, sizeof wanted, t->first + t->echoed++);
    if (frame[0] != 0x82 || size != sizeof t->in ||
        memcmp(frame + GOT_HEADER_BYTES, wanted, sizeof wanted) != 0)
        return "an echo is not the next one, or not whole";
    return NULL;
}

/* Receives what is there, and looks at what is whole. */
static void pull(struct talker *t)
{
    ssize_t n = recv(t->fd, t->in + t->in_length, sizeof t->in - t->in_length, MSG_DONTWAIT);
    size_t size;

    if (n <= 0 && !(n < 0 && errno == EAGAIN))
        end_talker(t, n == 0);
    if (n <= 0)
        return;
    t->in_length += (size_t)n;
    while ((size = frame_size(t->in, t->in_length)) <= t->in_length) {
        if (t->wrong == NULL)
            t->wrong = take_frame(t, t->in, size);
        t->in_length -= size;
        memmove(t->in, t->in + size, t->in_length);
    }
    if (t->in_length == sizeof t->in)
        end_talker(t, false); /* a frame that is longer than any can be */
}

/* Lets all of them send and receive what goes now. */
static void talk(struct talker *list, size_t count)
{
    struct pollfd wanted[MOST_TALKERS];

    for (size_t i = 0; i < count; i++) {
        const struct talker *t = &list[i];
        wanted[i] = (struct pollfd){.fd = t->fd, .events = t->manner == NEVER_READS ? 0 : POLLIN};
        if (t->fd >= 0 && wants_to_send(t))
            wanted[i].events |= POLLOUT;
    }
    poll(wanted, count, 10);
    for (size_t i = 0; i < count; i++) {
        if (list[i].manner == NEVER_READS && (wanted[i].revents & (POLLERR | POLLHUP)) != 0)
            end_talker(&list[i], false);
        if (list[i].fd >= 0 && (wanted[i].revents & POLLOUT) != 0)
            push(&list[i]);
        if (list[i].fd >= 0 && (wanted[i].revents & ~POLLOUT) != 0)
            pull(&list[i]);
    }
}

/* How many of those that read are not through: with so many echoes, or at their end. */
static size_t not_through(const struct talker *list, size_t count, unsigned echoes)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        left += list[i].manner != NEVER_READS && list[i].fd >= 0 && list[i].echoed < echoes ? 1 : 0;
    return left;
}

/* Talks until all that read have so many echoes or are at their end, at most for WAIT_S. */
static void talk_until(struct talker *list, size_t count, unsigned echoes)
{
    double until = clock_s() + WAIT_S;

    while (not_through(list, count, echoes) > 0 && clock_s() < until)
        talk(list, count);
}

static void open_talkers(struct talker *list, size_t count)
{
    memset(list, 0, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        list[i].fd = open_websocket();
        list[i].manner = i % 3;
        list[i].first = (unsigned)i * NUMBERS_EACH;
    }
    talk_until(list, count, ROUNDS_BEFORE);
    EXPECT(not_through(list, count, ROUNDS_BEFORE) == 0,
           "all that read have got %d echoes before the stop", ROUNDS_BEFORE);
}

/* Fills in, for each port of a client, how many bytes from it wait in the kernel for the server. */
static void look_up_unread(unsigned unread[65536])
{
    unsigned own, peer, queued;
    char line[300];
    FILE *file = fopen("/proc/net/tcp", "r");

    EXPECT(file != NULL, "/proc/net/tcp: %s", strerror(errno));
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, " %*d: %*8x:%4x %*8x:%4x %*2x %*8x:%8x", &own, &peer, &queued) == 3 &&
            own == (unsigned)server_port)
            unread[peer & 0xFFFF] = queued;
    if (file != NULL)
        fclose(file);
}

/* Notes what the server, which stands still, has read of each talker: what was sent, less what
 * waits in the kernel. */
static void note_what_is_read(struct talker *list, size_t count)
{
    static unsigned unread[65536];

    look_up_unread(unread);
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_in own = {.sin_port = 0};
        socklen_t size = sizeof own;
        int unsent = 0;
        size_t sent = (size_t)list[i].sent * TALK_SENT_BYTES + list[i].offset;
        if (list[i].fd < 0 || getsockname(list[i].fd, (struct sockaddr *)&own, &size) != 0 ||
            ioctl(list[i].fd, TIOCOUTQ, &unsent) != 0)
            continue;
        sent -= unread[ntohs(own.sin_port)] + (size_t)unsent;
        list[i].read_by_server = (unsigned)(sent / TALK_SENT_BYTES);
    }
}

/* Sends the server a signal while it stands still, so that what it had read before is known. */
static void signal_at_a_standstill(int number, struct talker *list, size_t count)
{
    int status;

    kill(server_pid, SIGSTOP);
    EXPECT(waitpid(server_pid, &status, WUNTRACED) == server_pid && WIFSTOPPED(status),
           "the server stands still");
    note_what_is_read(list, count);
    server_signal(number);
    kill(server_pid, SIGCONT);
}

/* Asserts what the end was like for one talker. What the server had read, it has echoed: a worker looks
 * whether the server stops before it reads on. */
static void expect_end(const struct talker *t, size_t i)
{
    EXPECT(t->wrong == NULL, "client %zu, after %u echoes: %s", i, t->echoed, t->wrong);
    EXPECT(t->told, "client %zu reads, so it must get a close frame 1001", i);
    EXPECT(t->fd < 0, "client %zu must be at its end", i);
    EXPECT(t->orderly || t->manner != REPLIES,
           "client %zu replied to the close frame, so its end must be an orderly one", i);
    EXPECT(t->echoed >= t->read_by_server,
           "client %zu: the server had read %u messages before the signal, but echoed %u", i,
           t->read_by_server, t->echoed);
}

static unsigned count_echoes(const struct talker *list, size_t count)
{
    unsigned echoes = 0;

    for (size_t i = 0; i < count; i++)
        echoes += list[i].echoed;
    return echoes;
}

static struct talker talkers[MOST_TALKERS];

static void stop_under_load(void)
{
    size_t count = sizes.talkers;
    double signalled;
    int status;

    begin("stopping under load", "--timeout=60");
    open_talkers(talkers, count);
    signal_at_a_standstill(SIGTERM, talkers, count);
    signalled = clock_s();
    talk_until(talkers, count, UINT32_MAX);
    status = server_end(0); /* no further signal; waits for the end */
    signalled = clock_s() - signalled;
    EXPECT(status == 0, "the server must end with 0, not %d", status);
    EXPECT(signalled <= STOP_S + STOP_SLACK_S, "the server must end within %d s, not %.1f",
           STOP_S + STOP_SLACK_S, signalled);
    for (size_t i = 0; i < count; i++)
        if (talkers[i].manner != NEVER_READS)
            expect_end(&talkers[i], i);
    note_size("%zu clients: a third replies, reads on, never reads", count);
    note_figures("%u echoes of 20 kB, all told 1001; ended %.2f s after the signal",
                 count_echoes(talkers, count), signalled);
    for (size_t i = 0; i < count; i++)
        if (talkers[i].fd >= 0)
            close(talkers[i].fd);
    end_row();
}

/* ---- 9. a second signal ---- */

/* timeout(1) and service managers send SIGTERM twice, and that changes nothing; a person who presses
 * Ctrl-C again wants the end. The server takes a second SIGINT for a person's if it does not follow at
 * once, so it is sent again and again. */
static void second_signal(void)
{
    size_t count = sizes.talkers;
    double until, signalled;
    int status;

    begin("a second signal", "--timeout=60");
    open_talkers(talkers, count);
    server_signal(SIGTERM);
    until = clock_s() + WAIT_S;
    while (!talkers[1].told && clock_s() < until) /* one that reads on, so the server waits for it */
        talk(talkers, count);
    EXPECT(talkers[1].told, "the first signal is told to the clients");
    server_signal(SIGTERM);
    server_signal(SIGTERM);
    until = clock_s() + 1;
    while (clock_s() < until)
        talk(talkers, count);
    EXPECT(talkers[1].fd >= 0 && server_death() == NULL, "a second SIGTERM changes nothing");
    signalled = clock_s();
    status = server_end(SIGINT);
    EXPECT(status == 128 + SIGINT, "SIGINT ends a server that stops, but it ended with %d", status);
    note_size("%zu clients", count);
    note_figures("ended %.0f ms after it", (clock_s() - signalled) * 1000);
    for (size_t i = 0; i < count; i++)
        if (talkers[i].fd >= 0)
            close(talkers[i].fd);
    end_row();
}

/* ---- 10. stopping at any moment ---- */

/* What a client is about when the server stops. */
enum moment {
    SAYS_NOTHING,
    HALF_REQUEST,
    WHOLE_REQUEST, /* for the page */
    UPGRADING,     /* whether there is a 101 yet, nobody knows */
    UPGRADED,      /* these have got their 101 */
    HALF_FRAME,
    HALF_MESSAGE,
    FLOODING, /* sends small messages, and reads their echoes */
    TRACING,  /* on /wire */
    DEAF,     /* floods, and never reads */
    MOMENTS,
};

static const char *const moment_names[MOMENTS] = {
    "says nothing", "half a request", "a whole request", "upgrading", "upgraded",
    "half a frame", "half a message", "flooding",        "/wire",     "deaf",
};

/* Milliseconds between the clients' coming and the signal, at most. */
#define MOST_MS 6

static struct guest {
    enum moment moment;
    int fd;            /* -1: it is over, */
    bool orderly;      /* and that was no reset */
    bool has_head;     /* the 101 was taken */
    bool told;         /* Close 1001 */
    size_t offset;     /* bytes that have gone of the message under way */
    const char *wrong; /* in words; NULL: nothing */
    size_t length;
    unsigned char in[64 * 1024];
} guests[MOMENTS];

/* A number below `below`. The same seed makes the same numbers. */
static unsigned random_seed;
static unsigned random_below(unsigned below)
{
    random_seed = random_seed * 1103515245 + 12345;
    return (random_seed >> 8) % below;
}

/* What is sent; a deaf client's echo is more than there is room for, so the server blocks in its send. */
static unsigned char message[SENT_HEADER_BYTES + PAYLOAD_BYTES];
static unsigned char large_message[SENT_HEADER_BYTES + 65535];

/* A client comes, and does what it is to be about. */
static void arrive(struct guest *g, enum moment moment)
{
    static const unsigned char fragment[] = {0x01, 0x81, 0, 0, 0, 0, 'a'};

    int small = 4096;

    *g = (struct guest){.moment = moment, .has_head = moment >= UPGRADED};
    g->fd = moment < UPGRADED ? dial() : open_websocket_at(moment == TRACING ? "/wire" : "/echo");
    if (moment == HALF_REQUEST)
        send_text(g->fd, "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgr");
    else if (moment == WHOLE_REQUEST)
        send_text(g->fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    else if (moment == UPGRADING)
        send_text(g->fd, upgrade_request("/echo", ""));
    else if (moment == HALF_FRAME)
        send_bytes(g->fd, message, g->offset = 3);
    else if (moment == HALF_MESSAGE)
        send_bytes(g->fd, fragment, sizeof fragment);
    else if (moment == DEAF)
        setsockopt(g->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
}

static void end_guest(struct guest *g, bool orderly)
{
    close(g->fd);
    g->fd = -1;
    g->orderly = orderly;
}

/* Takes the 101, or waits for the end of another response. Returns whether frames can follow. */
static bool take_head(struct guest *g)
{
    const unsigned char *end = memmem(g->in, g->length, "\r\n\r\n", 4);
    size_t size = end == NULL ? 0 : (size_t)(end + 4 - g->in);

    if (!g->has_head && size > 0 && strncmp((char *)g->in, "HTTP/1.1 101 ", 13) == 0) {
        g->has_head = true;
        g->length -= size;
        memmove(g->in, g->in + size, g->length);
    }
    return g->has_head;
}

/* Sends the rest of the message under way, and a reply to Close 1001. */
static bool reply_to_close(struct guest *g)
{
    static const unsigned char reply[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9};

    return (g->offset == 0 || send_bytes(g->fd, message + g->offset, sizeof message - g->offset)) &&
           send_bytes(g->fd, reply, sizeof reply);
}

/* Takes the frames that are complete. */
static void take_frames(struct guest *g)
{
    size_t size, at = 0;

    while ((size = frame_size(g->in + at, g->length - at)) <= g->length - at) {
        const unsigned char *frame = g->in + at;
        if (g->told)
            g->wrong = "something came after Close 1001";
        else if (frame[0] == 0x88 && (size < 4 || frame[2] != 0x03 || frame[3] != 0xE9))
            g->wrong = "a Close frame that is not 1001";
        else if (frame[0] != (g->moment == TRACING ? 0x81 : 0x82) && frame[0] != 0x88)
            g->wrong = "a frame that nobody has asked for";
        if (frame[0] == 0x88 && !g->told)
            g->told = reply_to_close(g);
        at += size;
    }
    g->length -= at;
    memmove(g->in, g->in + at, g->length);
}

static void guest_receives(struct guest *g)
{
    ssize_t n = recv(g->fd, g->in + g->length, sizeof g->in - g->length, MSG_DONTWAIT);

    if (n > 0) {
        g->length += (size_t)n;
        if (take_head(g))
            take_frames(g);
    } else if (n == 0 || errno != EAGAIN) {
        end_guest(g, n == 0);
    }
}

/* Sends as much as goes at once, again and again the same message. */
static void guest_sends(struct guest *g)
{
    const unsigned char *from = g->moment == DEAF ? large_message : message;
    size_t size = g->moment == DEAF ? sizeof large_message : sizeof message;
    ssize_t n = send(g->fd, from + g->offset, size - g->offset, MSG_DONTWAIT | MSG_NOSIGNAL);

    g->offset = (g->offset + (n > 0 ? (size_t)n : 0)) % size;
    if (n < 0 && errno != EAGAIN && g->moment == DEAF)
        end_guest(g, false);
}

/* Lets all of them send and receive for some milliseconds at most. Returns how many are there. */
static size_t entertain(int ms)
{
    struct pollfd wanted[MOMENTS];
    size_t there = 0;

    for (size_t i = 0; i < MOMENTS; i++) {
        const struct guest *g = &guests[i];
        wanted[i] = (struct pollfd){.fd = g->fd, .events = g->moment == DEAF ? POLLOUT : POLLIN};
        if (g->moment == FLOODING && !g->told)
            wanted[i].events |= POLLOUT;
    }
    poll(wanted, MOMENTS, ms);
    for (size_t i = 0; i < MOMENTS; i++) {
        struct guest *g = &guests[i];
        if (g->fd >= 0 && (wanted[i].revents & POLLOUT) != 0)
            guest_sends(g);
        if (g->fd >= 0 && g->moment != DEAF && (wanted[i].revents & ~POLLOUT) != 0)
            guest_receives(g);
        if (g->fd >= 0 && g->moment == DEAF && (wanted[i].revents & (POLLERR | POLLHUP)) != 0)
            end_guest(g, false);
        there += g->fd >= 0;
    }
    return there;
}

/* Whether what came is a whole response with one of the statuses that can be: 503 to any request that
 * the server has not read when it stops. */
static bool is_response(struct guest *g)
{
    const char *text = (char *)g->in, *body, *length;

    g->in[g->length < sizeof g->in ? g->length : sizeof g->in - 1] = '\0';
    body = strstr(text, "\r\n\r\n");
    length = strstr(text, "\r\nContent-Length: ");
    if (body == NULL || length == NULL || g->moment == SAYS_NOTHING)
        return false;
    if (strncmp(text, "HTTP/1.1 503", 12) != 0 &&
        (g->moment != WHOLE_REQUEST || strncmp(text, "HTTP/1.1 200", 12) != 0))
        return false;
    return g->length - (size_t)(body + 4 - text) ==
           strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
}

/* Asserts what the end was like. A client that was not upgraded may have come too late to be served. */
static bool expect_guest_end(struct guest *g, unsigned stop)
{
    const char *name = moment_names[g->moment];

    if (g->moment == DEAF)
        return true;
    if (g->wrong != NULL || g->fd >= 0)
        return EXPECT(false, "stop %u: a client (%s) got: %s", stop, name,
                      g->wrong == NULL ? "no end" : g->wrong);
    if (g->has_head)
        return EXPECT(g->told && g->orderly && g->length == 0,
                      "stop %u: an upgraded client (%s) must get Close 1001 and an orderly end, "
                      "not%s%s, %zu bytes more",
                      stop, name, g->told ? " 1001" : "", g->orderly ? " an end" : " a reset",
                      g->length);
    return EXPECT(g->length == 0 || is_response(g), "stop %u: a client (%s) got %zu bytes: %.60s", stop,
                  name, g->length, (char *)g->in);
}

/* The state of a connection at our end (TCP_ESTABLISHED is 1), as a hint at why no end has come. */
static unsigned tcp_state(int fd)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_state;
}

/* Everybody comes, in any order, and after a random time the server stops. The deaf client stays until it
 * is cut off, or hangs up when everybody else has gone. Returns whether all was well. */
static bool stop_once(unsigned stop, bool deaf_stays)
{
    enum moment order[MOMENTS] = {SAYS_NOTHING};
    bool well = true, hung_up = false;
    double until;
    int status;

    random_seed = stop;
    for (unsigned i = 0; i < MOMENTS; i++) {
        unsigned k = random_below(i + 1);
        order[i] = order[k];
        order[k] = (enum moment)i;
    }
    server_start("--wire", "--timeout=60");
    for (size_t i = 0; i < MOMENTS; i++)
        guests[i].fd = -1;
    for (size_t i = 0; i < MOMENTS; i++) {
        arrive(&guests[i], order[i]);
        if (random_below(2) == 0)
            entertain(0);
    }
    until = clock_s() + random_below(MOST_MS * 1000) / 1e6;
    while (clock_s() < until)
        entertain(1);
    server_signal(SIGTERM);
    until = clock_s() + WAIT_S;
    for (size_t there = MOMENTS; there > 0 && clock_s() < until;) {
        there = entertain(10);
        for (size_t i = 0; i < MOMENTS && there == 1 && !deaf_stays && !hung_up; i++)
            if (guests[i].fd >= 0 && guests[i].moment == DEAF) {
                end_guest(&guests[i], false);
                hung_up = true;
            }
    }
    for (size_t i = 0; i < MOMENTS; i++) {
        well = expect_guest_end(&guests[i], stop) && well;
        well = EXPECT(guests[i].fd < 0, "stop %u: a client (%s) is still there, in TCP state %u", stop,
                      moment_names[guests[i].moment], tcp_state(guests[i].fd)) &&
               well;
        if (guests[i].fd >= 0)
            close(guests[i].fd);
    }
    status = server_end(0);
    return EXPECT(status == 0, "stop %u: the server must end with 0, not %d", stop, status) && well;
}

static void stop_at_any_moment(void)
{
    double worst = 0, sum = 0;
    unsigned stop = 0;
    bool well = true;

    rows[row_count++].scenario = "stopping at any moment";
    failures_before = CU_get_number_of_failures();
    began = clock_s();
    make_message(message, PAYLOAD_BYTES, 0);
    make_message(large_message, sizeof large_message - SENT_HEADER_BYTES, 0);
    for (; well && stop < sizes.stops; stop++) {
        bool stays = stop % (sizes.stops / sizes.stays) == 0;
        double start = clock_s(), took;
        alarm(SCENARIO_S);
        well = stop_once(stop, stays);
        took = clock_s() - start;
        EXPECT(took <= (stays ? STOP_S : STOP_S - 2) + STOP_SLACK_S, "stop %u took %.1f s", stop, took);
        worst = !stays && took > worst ? took : worst;
        sum += stays ? 0 : took;
    }
    note_size("%u stops, %d clients each", stop, MOMENTS);
    note_figures("all upgraded ones told 1001; with the start %.0f ms on average, %.0f ms at most, when "
                 "the deaf one hangs up",
                 sum / (stop - sizes.stays) * 1000, worst * 1000);
    end_row();
}

/* ---- 11. stopping many ---- */

static bool has_ended(void)
{
    return server_death() != NULL;
}

/* Each of them replies to Close 1001 as soon as it is its turn. */
static void stop_many(void)
{
    static struct client all[MOST_CONNECTIONS];
    static const unsigned char reply[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9};
    size_t count, told = 0;
    unsigned char got[126];
    unsigned opcode;
    double signalled;
    int status;

    begin("stopping many", "--max-connections=10000", "--timeout=60");
    count = connections_allowed(sizes.held);
    open_clients(all, count);
    signalled = clock_s();
    server_signal(SIGTERM);
    for (size_t i = 0; i < count; i++) {
        ssize_t n = receive_reply(all[i].fd, &opcode, got, sizeof got);
        told += n >= 2 && opcode == 8 && got[0] == 0x03 && got[1] == 0xE9 &&
                send_bytes(all[i].fd, reply, sizeof reply);
        close(all[i].fd);
    }
    for (int i = 0; i < (sanitized ? 5 : 1) && !has_ended(); i++)
        eventually(has_ended); /* so many threads take a sanitizer longer than a test usually waits */
    status = server_end(0);
    note_figures("ended %.2f s after the signal", clock_s() - signalled);
    EXPECT(told == count, "%zu of %zu clients are told 1001", told, count);
    EXPECT(status == 0, "the server must end with 0, not %d", status);
    end_row();
}

/* ---- 12. reading slowly ---- */

/* A client that looks as if it came over a network: with segments of an Ethernet, and a small buffer. (With
 * a large one the kernel says for seconds that there is no room: slow_is_not_dead, in 14_limits.c.) */
static int open_far_websocket(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval wait = {.tv_sec = WAIT_S};
    int fd = socket(AF_INET, SOCK_STREAM, 0), segment = 1448, small = 8192;
    char got[13] = "", byte;

    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (!EXPECT(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "a connection: %s",
                strerror(errno)))
        return fd;
    send_text(fd, upgrade_request("/echo", ""));
    EXPECT(receive_bytes(fd, got, 12) && strcmp(got, "HTTP/1.1 101") == 0, "101, not %s", got);
    for (int ends = 0; ends < 4 && receive_bytes(fd, &byte, 1);)
        ends = byte == '\r' || byte == '\n' ? ends + 1 : 0;
    return fd;
}

/* A client that sends as much as goes, and reads so many bytes in a second, is slow, but it is there: the
 * timeout is for clients that take nothing at all. */
static void reading_slowly(void)
{
    enum { SLOW = 4, PIECE = 2048 };
    static const unsigned rates[SLOW] = {25000, 25000, 50000, 50000};
    static unsigned char large[SENT_HEADER_BYTES + TALK_BYTES];
    struct deaf list[SLOW];
    double read[SLOW] = {0}, start;
    char got[PIECE];

    begin("clients that read slowly", "--timeout=2");
    make_message(large, TALK_BYTES, 0);
    for (size_t i = 0; i < SLOW; i++)
        list[i] = (struct deaf){.fd = open_far_websocket()};
    for (start = clock_s(); clock_s() - start < sizes.slow_s; poll(NULL, 0, 20)) /* 50 looks a second */
        for (size_t i = 0; i < SLOW; i++) {
            ssize_t n = 1;
            flood(&list[i], large, sizeof large);
            while (n > 0 && read[i] < (clock_s() - start) * rates[i]) {
                n = recv(list[i].fd, got, sizeof got, MSG_DONTWAIT);
                read[i] += n > 0 ? (double)n : 0;
            }
        }
    for (size_t i = 0; i < SLOW; i++) {
        EXPECT(!list[i].given_up, "a client that reads %u bytes a second was given up after %.0f",
               rates[i], read[i]);
        reset(list[i].fd);
    }
    note_size("%d clients, %u s, timeout 2 s", SLOW, sizes.slow_s);
    note_figures("they have read %.0f, %.0f, %.0f and %.0f kB, and are there", read[0] / 1000,
                 read[1] / 1000, read[2] / 1000, read[3] / 1000);
    end_scenario();
}

/* ---- 13. leaving the trace ---- */

/* A process of its own that sends empty messages as fast as their echoes come. It never returns. */
static pid_t start_busy_client(void)
{
    enum { FRAME = 6, ECHO = 2, FRAMES = 5000 };
    static unsigned char sent[FRAME * FRAMES], got[ECHO * FRAMES];
    int fd = open_websocket();
    pid_t pid;

    for (size_t i = 0; i < FRAMES; i++)
        memcpy(sent + i * FRAME, "\x82\x80\0\0\0\0", FRAME);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (send_bytes(fd, sent, sizeof sent) && receive_bytes(fd, got, sizeof got))
            ;
        _exit(EXIT_FAILURE);
    }
    close(fd);
    return pid;
}

/* A client of /wire that leaves is let go, also if events come all the time. */
static void leaving_trace(void)
{
    enum { BUSY = 3, READ = 1000 };
    static char got[64 * 1024];
    pid_t busy[BUSY];
    double left;
    int fd;

    begin("leaving the trace", "--wire", "--timeout=60");
    fd = open_websocket_at("/wire");
    for (int i = 0; i < BUSY; i++)
        busy[i] = start_busy_client();
    for (int i = 0; i < READ && recv(fd, got, sizeof got, 0) > 0; i++)
        ;
    EXPECT(send_bytes(fd, "\x88\x80\0\0\0\0", 6), "a client of /wire is there");
    left = clock_s();
    while (clock_s() - left < WAIT_S && recv(fd, got, sizeof got, 0) > 0)
        ;
    left = clock_s() - left;
    EXPECT(left < (sanitized ? WAIT_S : 2),
           "a client of /wire that has sent Close is let go after %.1f s", left);
    note_size("1 client, and %d that send small messages as fast as they can", BUSY);
    note_figures("let go after %.0f ms", left * 1000);
    close(fd);
    for (int i = 0; i < BUSY; i++) {
        kill(busy[i], SIGKILL);
        child_status(busy[i]);
    }
    end_scenario();
}

/* KiB of memory that the kernel has for all TCP connections of this machine: /proc/net/sockstat. */
static long kernel_memory(void)
{
    FILE *file = fopen("/proc/net/sockstat", "r");
    char line[200], *mem;
    long pages = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "TCP:", 4) == 0 && (mem = strstr(line, "mem ")) != NULL)
            pages = atol(mem + 4);
    if (file != NULL)
        fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A crowd comes, speaks, and goes. Returns what a client of it cost, in KiB. */
static long have_crowd(struct client *list, size_t count)
{
    long cost;

    open_clients(list, count);
    echo_round(list, count, "in a crowd");
    cost = (server_memory() - at_rest.memory) / (long)count;
    close_clients(list, count);
    EXPECT(eventually(threads_are_back), "a crowd of %zu has gone, but there are %d threads", count,
           server_threads());
    return cost;
}

/* Notes how much more memory there is than before, as soon as the crowds have gone; then waits for a while, so
 * that the end of the scenario shows what stays. */
static void rest(long kernel_before)
{
    note_figures("; gone: %+ld KiB, the kernel's buffers %+ld", server_memory() - at_rest.memory,
                 kernel_memory() - kernel_before);
    poll(NULL, 0, (int)sizes.rest_s * 1000);
    note_figures("; %u s later the kernel's %+ld", sizes.rest_s, kernel_memory() - kernel_before);
}

/* The last crowd costs what the first did, and nothing of them is left. */
static void crowds(void)
{
    static struct client all[MOST_CONNECTIONS];
    long first = 0, last = 0, kernel = kernel_memory();
    size_t large;

    begin("crowds", "--max-connections=10000", "--timeout=60");
    large = connections_allowed(sizes.held);
    for (size_t i = 0; i < sizes.crowds; i++) {
        last = have_crowd(all, sizes.crowd);
        first = i == 0 ? last : first;
    }
    EXPECT(sanitized || last <= first + 1, "a client of the first crowd cost %ld KiB, of the last %ld",
           first, last);
    for (size_t i = 0; i < sizes.large_crowds; i++)
        last = have_crowd(all, large);
    note_size("%zu of %zu clients, then %zu of %zu", sizes.crowds, sizes.crowd, sizes.large_crowds,
              large);
    note_figures("%ld KiB each in the first, %ld in the last", first, last);
    rest(kernel);
    end_scenario();
}

/* Raises the limit of descriptors to what this process may ask for. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
    static const struct test tests[SCENARIOS + 1] = {
        {"many clients stay, and a hundred of them talk", many_held},
        {"clients come and go", coming_and_going},
        {"clients that drip disturb nobody", dripping},
        {"clients that never read are given up", never_reading},
        {"a full table turns a crowd away", full_table},
        {"a lack of descriptors passes", no_descriptors},
        {"a lack of threads passes", no_threads},
        {"stopping under load loses nothing", stop_under_load},
        {"a second signal", second_signal},
        {"stopping at any moment", stop_at_any_moment},
        {"stopping many", stop_many},
        {"clients that read slowly are kept", reading_slowly},
        {"a client leaves the trace under load", leaving_trace},
        {"crowds leave nothing behind", crowds},
        {0},
    };
    bool full = argc == 2 && strcmp(argv[1], "full") == 0;

    if (argc != 2 || (strcmp(argv[1], "short") != 0 && !full)) {
        fprintf(stderr, "Usage: soak short|full\n");
        return 2;
    }
    sizes = full ? full_sizes : short_sizes;
    if (sanitized)
        sizes = thread_sanitized ? thread_sanitizer_sizes : address_sanitizer_sizes;
    if (sanitized && full)
        sizes.stops = SANITIZED_STOPS;
    setenv("TSAN_OPTIONS", "atexit_sleep_ms=0", 0); /* it would sleep for a second at each end */
    raise_descriptors();
    atexit(print_table);
    return run_suite("load and abuse", tests);
}
