/* broadcast.c - see broadcast.h for what it promises */
#include "broadcast.h"

#include "clock.h"

#include <string.h>

/* Lesson 13. Puts a message into the ring, over the oldest one, and wakes everybody who waits. The time
 * is taken under the lock, so that it grows as the numbers do. The server runs without it. */
void broadcast_publish(struct broadcast *ring, const void *message, size_t size)
{
    struct broadcast_slot *slot;

    pthread_mutex_lock(&ring->lock);
    slot = &ring->slots[ring->next++ % BROADCAST_SLOTS];
    slot->t_us = clock_us();
    slot->size = size;
    memcpy(slot->bytes, message, size);
    pthread_cond_broadcast(&ring->published);
    pthread_mutex_unlock(&ring->lock);
}

/* Lesson 13. Begins a subscription: from the next message on. */
void broadcast_subscribe(struct broadcast *ring, struct subscriber *subscriber)
{
    pthread_mutex_lock(&ring->lock);
    subscriber->next = ring->next;
    subscriber->end = UINT64_MAX;
    pthread_mutex_unlock(&ring->lock);
}

/* Lesson 13. Ends a subscription with the newest message, and wakes the subscriber if it waits for
 * another one. The server runs without it. */
void broadcast_end(struct broadcast *ring, struct subscriber *subscriber)
{
    pthread_mutex_lock(&ring->lock);
    subscriber->end = ring->next;
    pthread_cond_broadcast(&ring->published);
    pthread_mutex_unlock(&ring->lock);
}

/* Lesson 13. Takes a subscriber's next message out of the ring. If that has been written over, moves the
 * subscriber on, and counts what it has lost: it continues half a ring behind the newest message,
 * because the oldest will be gone soon too. Called with the lock held. */
static void take_locked(struct broadcast *ring, struct subscriber *subscriber, void *to)
{
    const struct broadcast_slot *slot = &ring->slots[subscriber->next % BROADCAST_SLOTS];
    uint64_t behind = ring->next - subscriber->next;

    if (behind <= BROADCAST_SLOTS) {
        memcpy(to, slot->bytes, slot->size);
        subscriber->size = slot->size;
        subscriber->dropped = 0;
        subscriber->next++;
    } else {
        subscriber->dropped = behind - BROADCAST_SLOTS / 2;
        subscriber->next += subscriber->dropped;
    }
    subscriber->number = subscriber->next - 1;
    subscriber->t_us = ring->slots[subscriber->number % BROADCAST_SLOTS].t_us;
}

/* Lesson 13. Waits, or only looks, for a subscriber's next message. */
int broadcast_next(struct broadcast *ring, struct subscriber *subscriber, void *to, bool wait)
{
    int result = -1;

    pthread_mutex_lock(&ring->lock);
    while (wait && subscriber->next == ring->next && subscriber->next < subscriber->end)
        pthread_cond_wait(&ring->published, &ring->lock);
    if (subscriber->next != ring->next && subscriber->next < subscriber->end) {
        take_locked(ring, subscriber, to);
        result = 0;
    }
    pthread_mutex_unlock(&ring->lock);
    return result;
}
