/*
 * 16_speed.c - what a message costs, in system calls, allocations and memory
 *
 * These can be counted, on any machine and with the same outcome each time; how fast that is, the
 * benchmark tells.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counted.h"
#include "harness.h"

#define ROUNDS 100

static struct counts *counts;
static int descriptors_at_rest;

static bool server_is_at_rest(void)
{
    return server_descriptors() == descriptors_at_rest;
}

/* Asserts that a call was not made since. */
static void expect_none(const atomic_long *now, const atomic_long *before, const char *call,
                        const char *script)
{
    EXPECT(*now == *before, "%s: expected no call of %s, but there were %ld", script, call,
           *now - *before);
}

/* Sends the same frames again and again, each time with one send, and waits for all replies, of so many
 * bytes together. Asserts what that costs. */
static void expect_cost(const char *script, size_t reply, long receives, long sends)
{
    static unsigned char got[70000];
    size_t length;
    unsigned char *sent = frames(script, &length);
    struct counts before;
    int client;

    /* all of the server is counted: the last client's worker must have made its last call */
    EXPECT(eventually(server_is_at_rest), "the last client's socket has not been closed");
    client = open_websocket();
    send_bytes(client, sent, length); /* the first time, memory for the message is made */
    EXPECT(receive_bytes(client, got, reply), "a reply to %s", script);
    memcpy(&before, counts, sizeof before);
    for (int i = 0; i < ROUNDS; i++) {
        send_bytes(client, sent, length);
        if (!EXPECT(receive_bytes(client, got, reply), "reply %d to %s", i, script))
            break;
    }
    EXPECT(counts->sends - before.sends == sends * ROUNDS,
           "%d times %s: expected %ld sends each, but there were %ld in all", ROUNDS, script, sends,
           counts->sends - before.sends);
    EXPECT(receives == 0 || counts->receives - before.receives == receives * ROUNDS,
           "%d times %s: expected %ld receives each, but there were %ld in all", ROUNDS, script,
           receives, counts->receives - before.receives);
    expect_none(&counts->polls, &before.polls, "poll", script);
    expect_none(&counts->clocks, &before.clocks, "clock_gettime", script);
    expect_none(&counts->queries, &before.queries, "ioctl", script);
    expect_none(&counts->allocations, &before.allocations, "malloc and its like", script);
    close(client);
    free(sent);
}

static void one_message(void)
{
    expect_cost("82*64", 66, 1, 1);
    expect_cost("81:48656c6c6f", 7, 1, 1);
    expect_cost("89:", 2, 1, 1);
}

static void a_batch(void)
{
    expect_cost("82*64 82*64 82*64 82*64 82*64 82*64 82*64 82*64", 8 * 66, 1, 1);
    expect_cost("81:61 89:62 02:63 80:64 82:", 3 + 3 + 4 + 2, 1, 1);
}

/* A large one arrives with as many receives as the kernel makes of it. Its echo is sent from where it lies,
 * header and payload with a send each; through the write buffer it would take five. */
static void a_large_message(void)
{
    expect_cost("82*65000", 65004, 0, 2);
}

/* KiB that a client costs that has had one echo and is idle now. */
static void an_idle_client(void)
{
    enum { CLIENTS = 400, LIMIT_KIB = 16 };
    static int clients[CLIENTS];
    unsigned char got[66];
    size_t length;
    unsigned char *sent = frames("82*64", &length);
    long before, cost;

    have_talk_once(&(struct talk){"so that all code is in memory", "81:61", "text:61"});
    before = server_memory();
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = open_websocket();
        send_bytes(clients[i], sent, length);
        EXPECT(receive_bytes(clients[i], got, sizeof got), "an echo for client %d", i);
    }
    cost = server_memory() - before;
    EXPECT(sanitized || cost <= CLIENTS * LIMIT_KIB, "%d idle clients cost %ld KiB each, not %d",
           CLIENTS, cost / CLIENTS, LIMIT_KIB);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    free(sent);
}

/* What a client can make the server keep at most: the longest message, not yet whole, and full
 * buffers. */
static void a_greedy_client(void)
{
    enum { CLIENTS = 20, LIMIT_KIB = 1024 + 64 };
    static unsigned char got[200 * 66];
    static char burst[200 * sizeof "82*64 "] = "";
    int clients[CLIENTS];
    size_t length, burst_length;
    long before = server_memory(), cost;

    for (size_t i = 0; i < 200; i++)
        memcpy(burst + i * 6, "82*64 ", 6);
    unsigned char *small = frames(burst, &burst_length), *large = frames("02*1048575 89:", &length);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = open_websocket();
        send_bytes(clients[i], small, burst_length);
        EXPECT(receive_bytes(clients[i], got, 200 * 66), "the echo of a burst for client %d", i);
        send_bytes(clients[i], large, length);
        EXPECT(receive_bytes(clients[i], got, 2), "the pong that shows that all was read, client %d", i);
    }
    cost = server_memory() - before;
    EXPECT(sanitized || cost <= CLIENTS * LIMIT_KIB, "%d greedy clients cost %ld KiB each, not %d",
           CLIENTS, cost / CLIENTS, LIMIT_KIB);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    free(small);
    free(large);
}

/* ---- pages that show all traffic ---- */

/* What wire.c promises of its watchers: each pauses for PAUSE_MS when it has got all events, or its share of
 * SHARED_EVENTS. */
#define PAUSE_MS 5
#define SHARED_EVENTS 2048
#define MOST_WATCHERS 50

static struct {
    int count, sockets[MOST_WATCHERS];
    long events, drops; /* that the first one has got */
} watchers;

static void open_watchers(int count)
{
    EXPECT(eventually(server_is_at_rest), "the last client's socket has not been closed");
    for (watchers.count = 0; watchers.count < count; watchers.count++)
        watchers.sockets[watchers.count] = open_websocket_at("/wire");
}

static void close_watchers(void)
{
    while (watchers.count > 0)
        close(watchers.sockets[--watchers.count]);
}

/* How many pauses a watcher can have begun since then, and one that it was in. A slow machine has more time, so
 * this allows it more. */
static long pauses_since(double start)
{
    return (long)((clock_s() - start) * 1000 / PAUSE_MS) + 2;
}

/* Has frames echoed so many times, one time after the other, and calls `between` after each. */
static void echo_beside_watchers(const char *script, size_t reply, int times, void (*between)(void))
{
    static unsigned char got[100];
    size_t length;
    unsigned char *sent = frames(script, &length);
    int client = open_websocket();

    for (int i = 0; i < times; i++) {
        send_bytes(client, sent, length);
        if (!EXPECT(receive_bytes(client, got, reply), "reply %d beside %d watchers", i, watchers.count))
            break;
        between();
    }
    close(client);
    free(sent);
}

static void do_nothing(void)
{
}

/* An event does not wake a watcher that was served a moment ago: it goes with those that follow. */
static void watchers_wait_for_more(void)
{
    enum {
        ECHOES = 5000,
        /* A watcher's buffer of 16 KiB is full so often: each echo is two events of at most 200 bytes. Then three
         * sends follow each other: the buffer, a header and an event. */
        FULL_BUFFERS = 2 * ECHOES * 200 / (16 * 1024),
    };
    static const int counts_of_watchers[] = {2, MOST_WATCHERS};

    needs_own("watchers");
    for (size_t i = 0; i < sizeof counts_of_watchers / sizeof counts_of_watchers[0]; i++) {
        open_watchers(counts_of_watchers[i]);
        double start = clock_s();
        long sends = counts->sends, most;
        echo_beside_watchers("82:61", 3, ECHOES, do_nothing);
        sends = counts->sends - sends - ECHOES - 1; /* without the echoes, and the 101 */
        most = watchers.count * (pauses_since(start) + 3 * FULL_BUFFERS);
        EXPECT(sends <= most, "beside %d echoes, %d watchers may have had %ld sends, but there were %ld",
               ECHOES, watchers.count, most, sends);
        close_watchers();
    }
}

/* Counts what has come for the first watcher. */
static void count_events(void)
{
    struct pollfd first = {.fd = watchers.sockets[0], .events = POLLIN};
    char event[4096];
    unsigned opcode;

    while (poll(&first, 1, 0) > 0 && receive_frame(first.fd, &opcode, event, sizeof event) > 0) {
        watchers.events++;
        watchers.drops += strstr(event, "\"event\":\"dropped\"") != NULL ? 1 : 0;
    }
}

/* Of more events than all can get, each watcher gets its share between two pauses. Where it was too slow even
 * for that, it begins anew. */
static void watchers_have_shares(void)
{
    enum { TIMES = 1000 };
    const char *script = "82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 "
                         "82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61 82:61";
    double start;
    long most;

    needs_own("watchers");
    open_watchers(MOST_WATCHERS);
    count_events(); /* those of the other watchers' handshakes */
    watchers.events = watchers.drops = 0;
    start = clock_s();
    echo_beside_watchers(script, 24 * 3, TIMES, count_events);
    most = (SHARED_EVENTS / watchers.count + 2) * (pauses_since(start) + watchers.drops);
    EXPECT(watchers.events <= most,
           "beside %d echoes and %d watchers, one watcher has got %ld events, but its share is %ld",
           24 * TIMES, watchers.count, watchers.events, most);
    close_watchers();
}

int main(void)
{
    static const struct test tests[] = {
        {"a message costs one recv, one send, and no other call", one_message},
        {"so does a batch of them", a_batch},
        {"a large message goes out with two sends, and no copy", a_large_message},
        {"an idle client costs at most 16 KiB", an_idle_client},
        {"the greediest costs its message and 64 KiB", a_greedy_client},
        {"watchers are not woken by each event", watchers_wait_for_more},
        {"fifty watchers get a share of the events", watchers_have_shares},
        {0},
    };
    const char *counted = getenv("COUNTED_SERVER");
    int status;

    if (counted == NULL || setenv("SERVER", counted, 1) != 0) {
        fprintf(stderr, "COUNTED_SERVER must name the server that is linked with counted.c\n");
        return EXIT_FAILURE;
    }
    counts = share_counts();
    server_start("--wire");
    descriptors_at_rest = server_descriptors();
    status = server_finish(run_suite("16 how fast, how many", tests));
    remove_counts();
    return status;
}
