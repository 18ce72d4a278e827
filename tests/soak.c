/*
 * soak.c - load and abuse: thousands of clients, clients that behave badly, and want of everything
 *
 *     make check-soak                                   the short size, also under sanitizers
 *     make soak                                         the full size
 *     SERVER=./server build/release/tests/soak short    one run of it, by hand
 *
 * Each scenario starts a server of its own, does its worst, and then asserts that threads,
 * descriptors and memory of the server are back where they were. All clients live in this process.
 * At the end stands a table of what was measured; no time in it is asserted, but for the one that
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* Seconds that one scenario may take: the longest takes 30 on two slow cores with a sanitizer. */
#define SCENARIO_S 120

/* KiB of memory that a server may have more after a scenario than before it. The C library keeps
 * the stacks of some 150 ended threads, of which each has touched 8 KiB, and some 100 KiB for each
 * of its ARENAS; and of a crowd, what lies between blocks that are still in use. Newcomers get that
 * memory: it does not add up. */
#define MEMORY_TOLERANCE_KIB 4096
#define MEMORY_KEPT_KIB_EACH 6 /* of clients that were there at the same time */
#define ARENAS "4"

/* Descriptors that are not connections, in this process and in the server. */
#define OTHER_DESCRIPTORS 200

/* What the server promises, see server.c: threads that tell visitors that it is full, and seconds
 * until it has stopped. It ends a little later than the last connection. */
#define REFUSALS 64
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
    unsigned beyond; /* visitors to a server that is too full to say so */
    size_t talkers;
};
static const struct sizes short_sizes = {10000, 20, 5000, 1000, 7, 20, 200, 60};
static const struct sizes full_sizes = {10000, 500, 50000, 1000, 20, 100, 2000, 300};

/* A thread costs the thread sanitizer more than 1 MiB, and 20 ms on a slow core. */
static const struct sizes thread_sanitizer_sizes = {1000, 20, 1000, 100, 7, 5, 200, 30};

static const struct sizes *sizes = &short_sizes;

static double clock_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the table ---- */

#define SCENARIOS 9

static struct row {
    const char *scenario;
    char size[100], figures[300];
    double seconds;
    bool passed;
} rows[SCENARIOS];
static size_t row_count;

/* Called at every exit, so that the table is also told where a scenario aborts the suite. */
static void tell_table(void)
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
    long memory, tolerance; /* KiB */
} at_rest;

static bool threads_are_back(void)
{
    return server_threads() == at_rest.threads && server_descriptors() == at_rest.descriptors;
}

static bool memory_is_back(void)
{
    return server_memory() <= at_rest.memory + at_rest.tolerance;
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
static void end_scenario(size_t crowd)
{
    at_rest.tolerance = MEMORY_TOLERANCE_KIB + (long)crowd * MEMORY_KEPT_KIB_EACH;
    EXPECT(eventually(threads_are_back),
           "afterwards the server has %d threads and %d descriptors, not %d and %d as before",
           server_threads(), server_descriptors(), at_rest.threads, at_rest.descriptors);
    EXPECT(sanitized || eventually(memory_is_back),
           "afterwards the server has %ld KiB of memory, before it had %ld; %ld more are tolerated",
           server_memory(), at_rest.memory, at_rest.tolerance);
    if (!sanitized)
        note_figures("; afterwards %+ld KiB", server_memory() - at_rest.memory);
    server_stop();
    end_row();
}

/* A line's number in the server's /proc/PID/status, for example "VmHWM:", in KiB; -1: none. */
static long server_status(const char *name)
{
    char path[100], line[200];
    long kib = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)server_pid);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = atol(line + strlen(name));
    if (file != NULL)
        fclose(file);
    return kib;
}

/* ---- visitors ---- */

/* Bytes of payload that a visitor sends: enough for a length of two bytes, and to see a mix-up. */
#define PAYLOAD_BYTES 500
#define SENT_HEADER_BYTES 8
#define GOT_HEADER_BYTES 4

/* Numbers that lie between the first messages of two visitors, so that each message is a different
 * one. */
#define NUMBERS_EACH 100000

struct visitor {
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

static bool speak(const struct visitor *v)
{
    unsigned char frame[SENT_HEADER_BYTES + PAYLOAD_BYTES];

    make_message(frame, PAYLOAD_BYTES, v->next);
    return send_bytes(v->fd, frame, sizeof frame);
}

/* Receives a frame; pings may come before it, on a slow machine. */
static ssize_t receive_answer(int fd, unsigned *opcode, void *payload, size_t size)
{
    ssize_t n;

    do
        n = receive_frame(fd, opcode, payload, size);
    while (n >= 0 && *opcode == 9);
    return n;
}

static bool hear(struct visitor *v)
{
    unsigned char got[PAYLOAD_BYTES + 1], wanted[PAYLOAD_BYTES];
    unsigned opcode;
    ssize_t n = receive_answer(v->fd, &opcode, got, sizeof got);

    fill_payload(wanted, sizeof wanted, v->next++);
    return n == PAYLOAD_BYTES && opcode == 2 && memcmp(got, wanted, sizeof wanted) == 0;
}

static double worst_round_ms;

/* All speak, and then all must hear their own words. Answers whether they did. */
static bool echo_round(struct visitor *list, size_t count, const char *when)
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

static void open_visitors(struct visitor *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        list[i] = (struct visitor){open_websocket(), (unsigned)i * NUMBERS_EACH};
}

static void close_visitors(const struct visitor *list, size_t count)
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
    static struct visitor all[MOST_CONNECTIONS], speakers[SPEAKERS];
    size_t count, rounds = 0;
    double start;
    long cost;

    begin("many clients", "--max-connections=10000", "--timeout=60");
    count = connections_allowed(sizes->held);
    start = clock_s();
    open_visitors(all, count);
    note_figures("%.0f connects/s", (double)count / (clock_s() - start));
    EXPECT(server_threads() == at_rest.threads + (int)count,
           "a thread for each of %zu clients, but the server has %d", count, server_threads());
    cost = server_memory() - at_rest.memory;
    for (size_t i = 0; i < SPEAKERS; i++)
        speakers[i] = all[i * count / SPEAKERS];
    start = clock_s();
    while (rounds < sizes->rounds && echo_round(speakers, SPEAKERS, "while thousands are there"))
        rounds++;
    note_figures(", %ld KiB each; %zu echoes of %d, %.0f/s", cost / (long)count, rounds * SPEAKERS,
                 SPEAKERS, (double)(rounds * SPEAKERS) / (clock_s() - start));
    close_visitors(all, count);
    end_scenario(count);
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
    struct visitor steady[1];
    double start;

    begin("coming and going", "--max-connections=1000");
    open_visitors(steady, 1);
    start = clock_s();
    for (unsigned i = 0; i < sizes->visits; i++) {
        int *place = &there[i % THERE];
        if (i >= THERE && i / THERE % 2 == 0) /* in turns; each kind of visit ends either way */
            close(*place);
        else if (i >= THERE)
            reset(*place);
        *place = come(i);
        if (i % 100 == 0 && !echo_round(steady, 1, "while others come and go"))
            break;
    }
    note_size("%u visits, %d at a time", sizes->visits, THERE);
    note_figures("%.0f visits/s", (double)sizes->visits / (clock_s() - start));
    for (size_t i = 0; i < THERE && i < sizes->visits; i++)
        reset(there[i]);
    close_visitors(steady, 1);
    end_scenario(THERE);
}

/* ---- 3. a byte a second ---- */

/* Echoes again and again until the clock says `until`; answers how often. */
static unsigned echo_until(struct visitor *list, size_t count, double until, const char *when)
{
    unsigned rounds = 0;

    worst_round_ms = 0;
    do
        rounds++;
    while (echo_round(list, count, when) && clock_s() < until);
    return rounds;
}

/* Each of them gets its echo in the end. */
static void expect_drips_echoed(const struct visitor *list, size_t count, ssize_t payload)
{
    unsigned char got[126];
    unsigned opcode;
    size_t heard = 0;

    while (heard < count && receive_answer(list[heard].fd, &opcode, got, sizeof got) == payload)
        heard++;
    EXPECT(heard == count, "client %zu of %zu that drips did not get its message back", heard, count);
}

static void dripping(void)
{
    enum { MOST = 1000, SPEAKERS = 20, HEADER = 6 };
    static struct visitor slow[MOST], speakers[SPEAKERS];
    size_t count = sizes->dripping, length;
    char script[20];
    unsigned char *message;
    unsigned rounds = 0;
    double alone_ms, worst_ms = 0;

    snprintf(script, sizeof script, "82*%u", sizes->drips - HEADER);
    message = frames(script, &length);
    begin("a byte a second", "--max-connections=2000", "--timeout=10");
    open_visitors(speakers, SPEAKERS);
    echo_until(speakers, SPEAKERS, clock_s() + 1, "before others drip");
    alone_ms = worst_round_ms;
    open_visitors(slow, count);
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
    close_visitors(slow, count);
    close_visitors(speakers, SPEAKERS);
    free(message);
    end_scenario(count);
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
 * Answers how many it has given up. */
static size_t flood_all(struct deaf *list, size_t count, struct visitor *others, size_t other_count)
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
    struct visitor speakers[SPEAKERS];
    int small = 65536;
    size_t given_up;
    long peak;
    double start;

    begin("clients that never read", sanitized ? "--timeout=5" : "--timeout=2");
    open_visitors(speakers, SPEAKERS);
    for (size_t i = 0; i < sizes->deaf; i++) {
        list[i] = (struct deaf){.fd = open_websocket()};
        setsockopt(list[i].fd, SOL_SOCKET, SO_RCVBUF, &small,
                   sizeof small); /* else the kernel's memory */
    }
    start = clock_s();
    worst_round_ms = 0;
    given_up = flood_all(list, sizes->deaf, speakers, SPEAKERS);
    EXPECT(given_up == sizes->deaf, "%zu of %zu clients that never read are given up", given_up,
           sizes->deaf);
    peak = server_status("VmHWM:") - at_rest.memory;
    EXPECT(sanitized || peak <= (long)sizes->deaf * (MESSAGE_KIB + CLIENT_KIB) + MEMORY_TOLERANCE_KIB,
           "%zu clients that never read have cost %ld KiB: more than a message each", sizes->deaf, peak);
    note_size("%zu clients, messages of 1 MiB, timeout %d s", sizes->deaf, sanitized ? 5 : 2);
    note_figures("all given up after %.1f s, at most %ld KiB each; slowest round of %d others %.0f ms",
                 clock_s() - start, peak / (long)sizes->deaf, SPEAKERS, worst_round_ms);
    for (size_t i = 0; i < sizes->deaf; i++)
        close(list[i].fd);
    close_visitors(speakers, SPEAKERS);
    end_scenario(sizes->deaf);
}

/* ---- 5. a full table ---- */

static bool page_is_served(void)
{
    return strncmp(ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "HTTP/1.1 200 ", 13) == 0;
}

/* Whether a visitor who says nothing is told 503; anything but that and a closed connection is
 * wrong. */
static bool is_told_full(int fd)
{
    char got[13] = "";
    bool told;

    errno = 0;
    told = receive_bytes(fd, got, 12) && strcmp(got, "HTTP/1.1 503") == 0;
    EXPECT(told || got[0] == '\0', "a visitor to a full server gets 503 or nothing, not: %s", got);
    EXPECT(told || errno != EAGAIN, "a visitor to a full server must not be left waiting");
    return told;
}

static void full_table(void)
{
    enum { ADMITTED = 3, GOING = 16 }; /* threads that are about to end, while others have begun */
    struct visitor admitted[ADMITTED];
    int refused[REFUSALS], told = 0, threads = 0;
    unsigned silent = 0;

    begin("a full table", "--max-connections=3");
    open_visitors(admitted, ADMITTED);
    for (int i = 0; i < REFUSALS; i++)
        refused[i] = dial();
    for (int i = 0; i < REFUSALS; i++)
        told += is_told_full(refused[i]) ? 1 : 0;
    EXPECT(told == REFUSALS, "the next %d are told so, but only %d were", REFUSALS, told);
    for (unsigned i = 0; i < sizes->beyond; i++) {
        int fd = dial(), now;
        silent += is_told_full(fd) ? 0 : 1;
        close(fd);
        now = server_threads();
        threads = now > threads ? now : threads;
    }
    EXPECT(silent > 0, "beyond %d, visitors are closed without a word", REFUSALS);
    EXPECT(threads <= at_rest.threads + ADMITTED + REFUSALS + GOING,
           "a crowd of %u must not get more than %d threads, but has got %d", sizes->beyond,
           ADMITTED + REFUSALS, threads - at_rest.threads);
    echo_round(admitted, ADMITTED, "who is in a full server");
    note_size("%d clients, %d refused, %u more", ADMITTED, REFUSALS, sizes->beyond);
    note_figures("%d told 503, %u closed without a word, at most %d threads", told, silent, threads);
    for (int i = 0; i < REFUSALS; i++)
        close(refused[i]);
    close_visitors(admitted, ADMITTED);
    EXPECT(eventually(page_is_served), "when they have left, there is room again");
    end_scenario(REFUSALS);
}

/* ---- 6. no descriptors ---- */

static unsigned times_told(void)
{
    unsigned count = 0;

    for (const char *at = server_said(); (at = strstr(at, "cannot accept for now")) != NULL; at++)
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
    struct visitor speakers[SPEAKERS];
    int crowd[CROWD];
    double percent;

    server_descriptor_limit = LIMIT;
    begin("no descriptors left", "--timeout=60");
    server_descriptor_limit = 0;
    open_visitors(speakers, SPEAKERS);
    for (int i = 0; i < CROWD; i++)
        crowd[i] = dial(); /* who is not accepted waits in the kernel */
    EXPECT(eventually(is_told), "the want of descriptors must be told");
    percent = busy_percent();
    EXPECT(percent < IDLE_PERCENT,
           "a server that cannot accept must wait, not spin: it used %.0f %% of a core", percent);
    echo_round(speakers, SPEAKERS, "who is in, when no descriptors are left");
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    EXPECT(eventually(page_is_served), "when descriptors come back, visitors are served again");
    EXPECT(times_told() == 1, "the want of descriptors is told once, not %u times", times_told());
    close_visitors(speakers, SPEAKERS);
    note_size("%d visitors, %d descriptors", CROWD, LIMIT);
    note_figures("%.0f %% of a core meanwhile, said once", percent);
    end_scenario(CROWD);
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

/* A visitor who is there when there may be no thread for him. Answers whether he was closed. */
static bool is_closed(int fd)
{
    char got[13] = "";

    send_text(fd, upgrade_request("/echo", ""));
    errno = 0;
    if (receive_bytes(fd, got, 12)) {
        EXPECT_TEXT(got, "HTTP/1.1 101", "a visitor when threads run out");
        return false;
    }
    EXPECT(errno != EAGAIN, "a visitor for whom there is no thread must not be left waiting");
    return true;
}

/* Threads cannot start where there are no addresses for their stacks. That holds for root as well,
 * as the limit of processes does not. The sanitizers need addresses themselves, and end without
 * them. */
static void no_threads(void)
{
    enum { SPEAKERS = 5, ROOM_KIB = 2048, MOST = 100 }; /* room for some stacks of 256 KiB */
    struct visitor speakers[SPEAKERS], late[1];
    int served[MOST], count = 0, closed = 0;

    begin("no threads left", "--timeout=60");
    note_size("addresses limited");
    open_visitors(speakers, SPEAKERS);
    echo_round(speakers, SPEAKERS, "before threads run out");
    if (!sanitized)
        limit_addresses(ROOM_KIB);
    for (; !sanitized && closed < SPEAKERS && count < MOST; count++) {
        served[count] = dial();
        closed += is_closed(served[count]) ? 1 : 0;
        echo_round(speakers, SPEAKERS, "who is in, when no threads are left");
    }
    EXPECT(sanitized || closed == SPEAKERS, "no visitor was closed: %d have been served", count);
    limit_addresses(-1);
    open_visitors(late, 1);
    echo_round(late, 1, "who comes when there are threads again");
    if (sanitized)
        note_figures("not under sanitizers: they end where addresses do");
    else
        note_figures("%d served, then %d closed, then served again", count - closed, closed);
    while (count > 0)
        close(served[--count]);
    close_visitors(late, 1);
    close_visitors(speakers, SPEAKERS);
    end_scenario(MOST);
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
    enum { ANSWERS_CLOSE, READS_ON, NEVER_READS } manner;
    unsigned first; /* the number of its first message */
    unsigned sent, echoed;
    unsigned read_by_server; /* messages that the server has surely read before the signal */
    bool told, answered;     /* the server's close frame, and ours */
    bool orderly;            /* it was no reset */
    unsigned char in[GOT_HEADER_BYTES + TALK_BYTES];
};

static bool wants_to_send(const struct talker *t)
{
    if (t->manner == NEVER_READS || t->offset > 0)
        return true;
    if (t->told)
        return t->manner == ANSWERS_CLOSE && !t->answered;
    return t->sent - t->echoed < WINDOW;
}

static void end_talker(struct talker *t, bool orderly)
{
    close(t->fd);
    t->fd = -1;
    t->orderly = orderly && t->in_length == 0;
}

/* Sends some of a message, or the answer to a close frame. */
static void push(struct talker *t)
{
    static const unsigned char answer[] = {0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE9};
    static unsigned char message[TALK_SENT_BYTES];
    ssize_t n;

    if (t->told && t->offset == 0) {
        t->answered = send_bytes(t->fd, answer, sizeof answer);
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

/* Looks at one whole frame. Answers what is wrong with it, or NULL. */
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

/* Asserts what the end was like for one talker. The message that the server had read, and not begun
 * to write, when its close frame went, is dropped: nothing may follow that frame. */
static void expect_farewell(const struct talker *t, size_t i)
{
    EXPECT(t->wrong == NULL, "client %zu, after %u echoes: %s", i, t->echoed, t->wrong);
    EXPECT(t->told, "client %zu reads, so it must get a close frame 1001", i);
    EXPECT(t->fd < 0, "client %zu must be at its end", i);
    EXPECT(t->orderly || t->manner != ANSWERS_CLOSE,
           "client %zu answered the close frame, so its end must "
           "be an orderly one",
           i);
    EXPECT(t->echoed + 1 >= t->read_by_server,
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
    size_t count = sizes->talkers;
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
            expect_farewell(&talkers[i], i);
    note_size("%zu clients: a third answers, reads on, never reads", count);
    note_figures("%u echoes of 20 kB, all told 1001; ended %.2f s after the signal",
                 count_echoes(talkers, count), signalled);
    for (size_t i = 0; i < count; i++)
        if (talkers[i].fd >= 0)
            close(talkers[i].fd);
    end_row();
}

/* ---- 9. a second signal ---- */

static void second_signal(void)
{
    size_t count = sizes->talkers;
    double until, signalled;
    int status;

    begin("a second signal", "--timeout=60");
    open_talkers(talkers, count);
    server_signal(SIGTERM);
    until = clock_s() + WAIT_S;
    while (!talkers[1].told && clock_s() < until) /* one that reads on, so the server waits for it */
        talk(talkers, count);
    EXPECT(talkers[1].told, "the first signal is told to the clients");
    signalled = clock_s();
    status = server_end(SIGTERM);
    EXPECT(status == 128 + SIGTERM, "the second signal ends the server, but it ended with %d", status);
    note_size("%zu clients", count);
    note_figures("ended %.0f ms after it", (clock_s() - signalled) * 1000);
    for (size_t i = 0; i < count; i++)
        if (talkers[i].fd >= 0)
            close(talkers[i].fd);
    end_row();
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
        {"a want of descriptors passes", no_descriptors},
        {"a want of threads passes", no_threads},
        {"stopping under load loses nothing", stop_under_load},
        {"a second signal ends it at once", second_signal},
        {0},
    };

    if (argc != 2 || (strcmp(argv[1], "short") != 0 && strcmp(argv[1], "full") != 0)) {
        fprintf(stderr, "Usage: soak short|full\n");
        return 2;
    }
    sizes = strcmp(argv[1], "full") == 0 ? &full_sizes : &short_sizes;
    if (thread_sanitized)
        sizes = &thread_sanitizer_sizes;
    raise_descriptors();
    setenv("MALLOC_ARENA_MAX", ARENAS,
           1); /* else the server keeps memory for every core of the machine */
    atexit(tell_table);
    return run_suite("load and abuse", tests);
}
