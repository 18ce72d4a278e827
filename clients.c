/*
 * clients.c - see clients.h for what the calls promise
 *
 * Main never writes to a client. It stores a cause in the client's stream and wakes the worker, by a
 * signal that gets it out of recv; the worker then does what is to be done. So there is one idea for
 * the deadline of a request, for an idle client and for the stop.
 *
 * What happens at SIGTERM, or Ctrl-C:
 * 1. on_signal (server.c) shuts the listener down; accept_loop ends, and main calls clients_stop.
 * 2. That stores STREAM_STOPPING in every stream and sends every worker the signal WAKE_SIGNAL, again
 *    every WAKE_AGAIN_MS until the worker has noticed: one that comes just before recv has no effect.
 * 3. A worker's recv fails with EINTR; it finds the cause and tells its client: by a 503 if its request
 *    is not complete, by Close 1001 if it has its WebSocket; then it reads on until the client has
 *    replied.
 * 4. Each worker leaves the table at its end; the last one wakes main, which waits for that.
 * 5. After STOP_S seconds main aborts the connections that are left, which ends every call that waits
 *    for one, and the process ends with status 0.
 */
#include "clients.h"

#include "clock.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

/* What gets a worker out of a call that blocks. Any signal with a handler would do; this one is ignored
 * by default, used by nobody else, and passed on by gdb without stopping. */
#define WAKE_SIGNAL SIGURG

/* Milliseconds after which a worker that has not noticed yet is woken again, while the server stops. */
#define WAKE_AGAIN_MS 10

/* Milliseconds by which a look at the clients' time may be early or late, which is not to cost a second. */
#define TICK_MS 50

/* Seconds between two looks at the clients' time, in clients_check_time. */
#define CHECK_S 1

/* How many times the timeout a client has if its side has no room for our bytes: it may just be slow.
 * Its kernel makes room in bursts. Over loopback these are some 110 KB, or 1.2 MB after the client has read
 * 200 MB fast; and until a burst, nobody can tell it from a client that never reads. */
#define NO_ROOM_TIMES 4

/* Bytes of stack for a thread. An echo uses two pages, 8 KiB (as /proc/PID/smaps shows), of which the C
 * library has more than a quarter; with the sanitizers it is several times that. The rest is address
 * space, which costs nothing until it is used. The usual 8 MiB would cost as little, but ten thousand
 * times that is 80 GB of addresses, more than some systems let a process have (ulimit -v). */
#define THREAD_STACK_BYTES (256 * 1024)

/* Descriptors that are not clients': standard input and output, the listener, files of the page. */
#define OTHER_DESCRIPTORS 16

pthread_attr_t thread_attributes;

static struct {
    int64_t timeout_ms; /* 0: none; set by clients_begin, never changes after */
    pthread_mutex_t lock;
    pthread_cond_t empty; /* the last client has left */

    /* Under lock. */
    struct client *first;
    size_t served, rejected; /* how many there are of each kind */
} clients = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Lesson 14, provided. The handler of WAKE_SIGNAL and SIGALRM. It has nothing to do: the call has been
 * interrupted. */
static void on_wake(int number)
{
    (void)number;
}

/* Lesson 14, provided. Prepares the table: the condition uses the same clock as we do, and the signals
 * interrupt calls, because their action is without SA_RESTART. */
void clients_begin(int timeout_s)
{
    struct sigaction action = {.sa_handler = on_wake};
    pthread_condattr_t monotonic;

    clients.timeout_ms = (int64_t)timeout_s * 1000;
    sigemptyset(&action.sa_mask);
    sigaction(WAKE_SIGNAL, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&clients.empty, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_attr_init(&thread_attributes);
    pthread_attr_setstacksize(&thread_attributes, THREAD_STACK_BYTES);
}

/* ---- the table ---- */

/* Lesson 14, provided. Raises the number of descriptors that this process may have to what it is allowed
 * to ask for, and says so if even that is too low. */
void clients_raise_descriptors(size_t most)
{
    size_t wanted = most + MOST_REJECTED + OTHER_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        fprintf(stderr,
                "server: --max-connections %zu needs %zu descriptors, but only %ju are allowed (see "
                "ulimit -n)\n",
                most, wanted, (uintmax_t)limit.rlim_cur);
}

/* Lesson 2, provided. Makes a client. malloc would put it between other things, where its pages stay in
 * use when it has gone; those of mmap are zero, and go back as a whole. */
struct client *clients_new(int fd, const char *address)
{
    static unsigned long number; /* only main counts */
    struct client *client =
        mmap(NULL, sizeof *client, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (client == MAP_FAILED)
        return NULL;
    client->number = ++number;
    stream_open(&client->stream, fd);
    trace_open(&client->source, client->number, address);
    return client;
}

/* Lesson 2, provided. Gives back what clients_new has taken. */
void clients_free(struct client *client)
{
    stream_close(&client->stream);
    munmap(client, sizeof *client);
}

/* Lesson 14, provided. Enters a client into the table, unless it is one too many even to be told so. */
int clients_enter(struct client *client, size_t most)
{
    int result = -1;

    pthread_mutex_lock(&clients.lock);
    client->rejected = clients.served >= most;
    if (!client->rejected || clients.rejected < MOST_REJECTED) {
        *(client->rejected ? &clients.rejected : &clients.served) += 1;
        client->since_ms = client->taken_ms = clock_ms();
        client->next = clients.first;
        if (clients.first != NULL)
            clients.first->previous = client;
        clients.first = client;
        result = 0;
    }
    pthread_mutex_unlock(&clients.lock);
    return result;
}

/* Lesson 14, provided. Tells main whom to wake. The server runs without it. */
void clients_running(struct client *client)
{
    pthread_mutex_lock(&clients.lock);
    client->thread = pthread_self();
    client->running = true;
    pthread_mutex_unlock(&clients.lock);
}

/* Lesson 14, provided. The request is over; from now on only silence counts. The server runs without it. */
void clients_upgraded(struct client *client)
{
    pthread_mutex_lock(&clients.lock);
    client->upgraded = true;
    client->since_ms = clock_ms();
    pthread_mutex_unlock(&clients.lock);
}

/* Lesson 14, provided. Takes a client out of the table, and wakes main if it was the last one. */
void clients_leave(struct client *client)
{
    pthread_mutex_lock(&clients.lock);
    *(client->rejected ? &clients.rejected : &clients.served) -= 1;
    if (client->next != NULL)
        client->next->previous = client->previous;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        clients.first = client->next;
    if (clients.first == NULL)
        pthread_cond_signal(&clients.empty);
    pthread_mutex_unlock(&clients.lock);
}

/* ---- waking ---- */

/* Lesson 14. Gets a worker out of the call it waits in, if it has not noticed yet that it is to wake.
 * Called with the lock held, so that the thread cannot end meanwhile. The server runs without it. */
static void wake_locked(struct client *client)
{
    if (client->running && atomic_load(&client->stream.wake) != 0)
        pthread_kill(client->thread, WAKE_SIGNAL);
}

/* Lesson 14. Looks whether a client's time is up. A worker that has not noticed yet that it is to wake
 * is busy sending, so its client's time has not begun. Called with the lock held. The server runs
 * without it. */
static void check_time_locked(struct client *client, int64_t now_ms)
{
    unsigned long received = atomic_load_explicit(&client->stream.received, memory_order_relaxed);

    if (client->upgraded && (received != client->received || atomic_load(&client->stream.wake) != 0))
        client->since_ms = now_ms;
    client->received = received;
    if (now_ms - client->since_ms + TICK_MS >= clients.timeout_ms) {
        client->since_ms = now_ms;
        atomic_store(&client->stream.wake, STREAM_IDLE);
    }
    wake_locked(client);
}

/* Lesson 14, provided. Looks whether a client takes what we send. If bytes stay under way, and none has
 * been acknowledged for the timeout, the client is gone. If all that have left are acknowledged, and the
 * rest waits, its side has no room: it is slow, or never reads, and has more time. When that is over, the
 * connection is aborted. Called with the lock held. */
static void check_progress_locked(struct client *client, int64_t now_ms)
{
    struct stream_progress before = client->progress, now = stream_progress(&client->stream);
    /* One look may just come between bytes and their acknowledgement. */
    bool stays = before.under_way && now.under_way;
    int64_t limit_ms = clients.timeout_ms * (stays ? 1 : NO_ROOM_TIMES);

    if (!before.pending || now.acknowledged != before.acknowledged)
        client->taken_ms = now_ms;
    client->progress = now;
    if (now.pending && now_ms - client->taken_ms + TICK_MS >= limit_ms)
        stream_abort(&client->stream, STREAM_WRITE_TIMEOUT);
}

/* Lesson 14, provided. Gives memory back to the system when nobody is there: at the second look, because
 * at the first one the last threads may still be ending. */
static void give_memory_back(bool empty)
{
    static unsigned looks; /* at an empty table, one after another; only main looks */

    looks = empty ? looks + 1 : 0;
#ifdef __GLIBC__
    if (looks == 2)
        malloc_trim(0);
#endif
}

/* Lesson 14, provided. Looks at all clients, once a second. Each look starts the timer anew, whose signal
 * gets main out of accept so that it comes here again. */
void clients_check_time(void)
{
    static const struct itimerval timer = {.it_interval.tv_sec = CHECK_S, .it_value.tv_sec = CHECK_S};
    static int64_t checked_ms; /* only main looks */
    int64_t now_ms = clock_ms();

    if (now_ms - checked_ms < CHECK_S * 1000 / 2)
        return;
    setitimer(ITIMER_REAL, &timer, NULL);
    checked_ms = now_ms;
    pthread_mutex_lock(&clients.lock);
    give_memory_back(clients.first == NULL);
    for (struct client *c = clients.first; c != NULL && clients.timeout_ms > 0; c = c->next) {
        check_time_locked(c, now_ms);
        check_progress_locked(c, now_ms);
    }
    pthread_mutex_unlock(&clients.lock);
}

/* ---- the stop ---- */

/* Lesson 14, provided. Waits until the table is empty, but not longer than WAKE_AGAIN_MS. Called with
 * the lock held, which is free meanwhile. */
static void pause_locked(void)
{
    int64_t until_ms = clock_ms() + WAKE_AGAIN_MS;
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};

    while (clients.first != NULL && pthread_cond_timedwait(&clients.empty, &clients.lock, &until) == 0)
        ;
}

/* Lesson 14, provided. Waits until the table is empty, but not longer than STOP_S seconds; wakes the
 * workers meanwhile. Called with the lock held. */
static void wait_for_workers_locked(void)
{
    int64_t end_ms = clock_ms() + STOP_S * 1000;

    while (clients.first != NULL && clock_ms() < end_ms) {
        for (struct client *c = clients.first; c != NULL; c = c->next)
            wake_locked(c);
        pause_locked();
    }
}

/* Lesson 14. Stops: first all workers are told to, then the connections of those that are left are
 * aborted. The server runs without it. */
int clients_stop(void)
{
    int result;

    pthread_mutex_lock(&clients.lock);
    for (struct client *c = clients.first; c != NULL; c = c->next)
        atomic_store(&c->stream.wake, STREAM_STOPPING);
    wait_for_workers_locked();
    for (struct client *c = clients.first; c != NULL; c = c->next)
        stream_abort(&c->stream, STREAM_STOPPING);
    wait_for_workers_locked();
    result = clients.first == NULL ? 0 : -1;
    pthread_mutex_unlock(&clients.lock);
    return result;
}
