/*
 * counted.h - what counted.c counts in a server, for the test that reads it while the server runs;
 * and what a test may ask of it: that a certain call fails, or that calls take few bytes at a time
 */
#ifndef COUNTED_H
#define COUNTED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* The environment's name for the file that the counts are kept in, mapped by both processes. */
#define COUNTS_VARIABLE "SERVER_COUNTS"

/* The calls that can be made to fail. */
enum call {
    CALL_RECV,
    CALL_SEND,
    CALL_POLL,
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_REALLOC,
    CALL_MMAP,
    CALL_PTHREAD_CREATE,
    CALL_ACCEPT4,
    CALL_SETSOCKOPT,
    CALL_DEFLATE_INIT, /* these are zlib's, and fail because memory runs out */
    CALL_INFLATE_INIT,
    CALL_INFLATE,
    CALLS, /* how many there are */
};

/* Which call is to fail. A test writes it before `armed`, and leaves it alone from then on.
 *
 * A connection on which the server has called recv before that is a bystander's: the calls of its
 * thread, and those on its socket, are never counted here, never fail, and never take less. */
struct fault {
    atomic_bool armed;
    enum call call; /* this one fails, */
    long which;     /* when it is made for the so manieth time since `armed`; 0: none fails, */
    int error;      /* with this errno */
    atomic_long reached[CALLS]; /* calls since `armed` */
    atomic_long failed;         /* how many were made to fail */
};

/* Calls since the server's start. A call that sends is counted when it begins, one that receives or waits when
 * it ends: what a client has got is then counted already, and what the server waits for next is not. */
struct counts {
    atomic_long receives; /* recv */
    atomic_long sends;
    atomic_long polls;
    atomic_long clocks;  /* clock_gettime, by workers: main looks at the clients' time once a second */
    atomic_long queries; /* ioctl, by workers */
    atomic_long allocations; /* malloc, calloc, realloc, mmap */

    atomic_long ahead_s; /* a test's: so many seconds are put before what time() says */

    struct fault fault;

    /* Bytes that one recv gives, or one send takes, at most; 0: as many as there are.
     * Written before the server starts. If sends are short, every other one on a socket takes
     * nothing: EINTR. */
    size_t receive_most, send_most;
};

/* For a test, in share_counts.c: makes a file for the counts, which the servers that are started from
 * then on find by its name in the environment. remove_counts removes the file; the memory stays. */
struct counts *share_counts(void);
void remove_counts(void);

#endif
