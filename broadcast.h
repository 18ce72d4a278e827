/*
 * broadcast.h - one ring of messages from many publishers to many subscribers
 *
 *     publishers ──► ring of messages ──► subscriber 1
 *                    one lock,        ──► subscriber 2
 *                    one condition    ──► subscriber 3
 *
 * A publisher writes its message over the oldest one, so it never waits for anybody who reads. A
 * subscriber is only the number of the message that it gets next. One that is too slow loses messages,
 * and is told how many. All get the messages in the same order.
 */
#ifndef BROADCAST_H
#define BROADCAST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many messages a ring keeps for slow subscribers. */
#define BROADCAST_SLOTS 4096

/* Bytes of the longest message. A ring takes 2.6 MiB once it has been full. */
#define BROADCAST_BYTES 640

struct broadcast_slot {
    int64_t t_us; /* when it was published, on CLOCK_MONOTONIC */
    size_t size;
    unsigned char bytes[BROADCAST_BYTES];
};

struct broadcast {
    pthread_mutex_t lock;
    pthread_cond_t published; /* there is one more message, or a subscriber was ended */

    /* Under lock. */
    uint64_t next; /* the number of the next message; message n is in slots[n % BROADCAST_SLOTS] */
    struct broadcast_slot slots[BROADCAST_SLOTS];
};

/* The beginning of every ring: `static struct broadcast room = BROADCAST_EMPTY;`. It is all zeros, so that
 * the program's file needs no room for the slots. */
#define BROADCAST_EMPTY \
    { \
        .lock = PTHREAD_MUTEX_INITIALIZER, .published = PTHREAD_COND_INITIALIZER \
    }

struct subscriber {
    /* Under the ring's lock. */
    uint64_t next; /* the number of the message that it gets next */
    uint64_t end;  /* the number of the first that it no longer gets; UINT64_MAX: not ended */

    /* Used only by the subscriber's own thread: the result of its last broadcast_next. */
    uint64_t dropped; /* how many messages were lost; 0: none, a message was taken */
    size_t size;      /* bytes of the message that was taken */
    uint64_t number;  /* of the message that was taken, or of the last one that was lost */
    int64_t t_us;     /* when that one was published */
};

/* Publishes a message of at most BROADCAST_BYTES. Does not block. */
void broadcast_publish(struct broadcast *ring, const void *message, size_t size);

/* Begins a subscription, with the next message. Nothing has to be given back. Does not block. */
void broadcast_subscribe(struct broadcast *ring, struct subscriber *subscriber);

/* Copies the subscriber's next message to `to`, which has room for the longest one; or, if messages were
 * lost, says only how many: `dropped`. Returns 0, or -1 if there is neither. If `wait` is set, blocks
 * until there is one: then -1 means that the subscriber has been ended and has got everything. */
int broadcast_next(struct broadcast *ring, struct subscriber *subscriber, void *to, bool wait);

/* Ends a subscription, from any thread: it gets what has been published so far, and nothing that comes
 * later; if it has lost messages, later ones may be counted among those. Does not block. */
void broadcast_end(struct broadcast *ring, struct subscriber *subscriber);

#endif
