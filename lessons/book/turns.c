/*
 * turns.c - has the threads of a recorded server take turns, so that each recording of it is the same
 *
 * Linked only into the server that record.py plays. With the linker's --wrap, the calls below lead here
 * instead of to the C library. One thread has the turn and runs until it has to wait, for a client or for
 * another thread. Then the oldest thread that can go on has the turn. Without this, the order in which two
 * threads go on is the kernel's choice, and so are the variables that each finds changed.
 *
 * A client's bytes still come when they come: client.py sends them when all threads wait.
 */
#define _GNU_SOURCE /* pthread_cond_clockwait */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum {
    MOST_THREADS = 64,     /* that a tour starts: the longest starts five */
    MOST_DESCRIPTORS = 64, /* each has few clients at a time */
};

enum state { ENDED, WAITS, READY, RUNS };

static struct turn {
    enum state state;
    const void *condition; /* that it waits for, in WAITS; NULL: something outside of the program */
    pthread_cond_t given;
    void *(*function)(void *);
    void *argument;
} turns[MOST_THREADS] = {[0] = {.state = RUNS, .given = PTHREAD_COND_INITIALIZER}};

static size_t count = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of the above */
static _Thread_local struct turn *self = &turns[0];
static volatile bool turns_off; /* recorder.py sets it while gdb lets only one thread run */
static unsigned long bytes_sent[MOST_DESCRIPTORS]; /* to each client, for recorder.py */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __real_pthread_cond_signal(pthread_cond_t *condition);
int __real_pthread_join(pthread_t thread, void **result);
ssize_t __real_recv(int fd, void *to, size_t room, int flags);
ssize_t __real_send(int fd, const void *bytes, size_t length, int flags);
int __real_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument);
int __wrap_pthread_join(pthread_t thread, void **result);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *condition);
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags);

/* ---- the turn ---- */

/* Gives the turn to the oldest thread that can go on, if nobody has it. */
static void give_locked(void)
{
    struct turn *next = NULL;

    for (size_t i = count; i-- > 0;) {
        if (turns[i].state == RUNS)
            return;
        if (turns[i].state == READY)
            next = &turns[i];
    }
    if (next == NULL)
        return;
    next->state = RUNS;
    __real_pthread_cond_signal(&next->given);
}

/* Ends the thread's turn: it waits for a condition, or for something outside (NULL), or is at its end. */
static void end_turn(enum state state, const void *condition)
{
    if (turns_off)
        return;
    pthread_mutex_lock(&lock);
    self->state = state;
    self->condition = condition;
    give_locked();
    pthread_mutex_unlock(&lock);
}

/* Blocks until it is the thread's turn. Until then, with a time in `until`, whether that has come. */
static int await_turn(const struct timespec *until)
{
    int result = 0;

    if (turns_off)
        return 0;
    pthread_mutex_lock(&lock);
    while (self->state != RUNS && result == 0) {
        if (until == NULL)
            __real_pthread_cond_wait(&self->given, &lock);
        else
            result = pthread_cond_clockwait(&self->given, &lock, CLOCK_MONOTONIC, until);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

/* Goes on after a wait outside, once the others have ended their turns. `errno` is kept. */
static void take_turn(void)
{
    int error = errno;

    end_turn(READY, NULL);
    await_turn(NULL);
    errno = error;
}

/* ---- what waits for another thread ---- */

static void *begin(void *argument)
{
    void *result;

    self = argument;
    await_turn(NULL);
    result = self->function(self->argument);
    end_turn(ENDED, NULL);
    return result;
}

/* The new thread can go on, but it is the old one's turn. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*function)(void *),
                          void *argument)
{
    struct turn *turn;
    int error;

    pthread_mutex_lock(&lock);
    if (count == MOST_THREADS)
        abort();
    turn = &turns[count++];
    pthread_mutex_unlock(&lock);
    *turn = (struct turn){.state = READY, .given = PTHREAD_COND_INITIALIZER, .function = function,
                          .argument = argument};
    error = __real_pthread_create(thread, attributes, begin, turn);
    if (error != 0)
        turn->state = ENDED;
    return error;
}

int __wrap_pthread_join(pthread_t thread, void **result)
{
    int error;

    end_turn(WAITS, NULL);
    error = __real_pthread_join(thread, result);
    take_turn();
    return error;
}

/* The mutex is free while the thread waits. Nobody can signal before it waits: it is its turn until then. */
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    return __wrap_pthread_cond_timedwait(condition, mutex, NULL);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    int result;

    pthread_mutex_unlock(mutex);
    end_turn(WAITS, condition);
    result = await_turn(until);
    if (result != 0)
        take_turn();
    pthread_mutex_lock(mutex);
    return result;
}

int __wrap_pthread_cond_signal(pthread_cond_t *condition)
{
    return __wrap_pthread_cond_broadcast(condition);
}

/* Who waits can go on, when this thread's turn ends. */
int __wrap_pthread_cond_broadcast(pthread_cond_t *condition)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < count; i++)
        if (turns[i].state == WAITS && turns[i].condition == condition)
            turns[i].state = READY;
    pthread_mutex_unlock(&lock);
    return 0;
}

/* ---- what waits for a client ---- */

/* Whether a call that reads `fd` would wait. */
static bool would_wait(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};

    return poll(&one, 1, 0) == 0;
}

ssize_t __wrap_recv(int fd, void *to, size_t room, int flags)
{
    ssize_t n;

    if (!would_wait(fd))
        return __real_recv(fd, to, room, flags);
    end_turn(WAITS, NULL);
    n = __real_recv(fd, to, room, flags);
    take_turn();
    return n;
}

int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags)
{
    bool waits = would_wait(fd);
    int accepted;

    if (waits)
        end_turn(WAITS, NULL);
    accepted = __real_accept4(fd, from, length, flags);
    if (waits)
        take_turn();
    if (accepted >= MOST_DESCRIPTORS)
        abort();
    if (accepted >= 0)
        bytes_sent[accepted] = 0;
    return accepted;
}

/* ---- what a client is sent ---- */

ssize_t __wrap_send(int fd, const void *bytes, size_t length, int flags)
{
    ssize_t n = __real_send(fd, bytes, length, flags);

    if (n > 0)
        bytes_sent[fd] += (unsigned long)n;
    return n;
}
