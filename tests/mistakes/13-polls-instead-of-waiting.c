/*
 * The mistake: whoever waits for a message sleeps for a millisecond, and looks again.
 * On the wire: each message comes late, by half a millisecond on average. And a thousand clients that say nothing
 * keep a core busy.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: sleeps and looks
 */
int broadcast_next(struct broadcast *ring, struct subscriber *subscriber, void *to, bool wait)
{
    int result = -1;

    pthread_mutex_lock(&ring->lock);
    while (wait && subscriber->next == ring->next && subscriber->next < subscriber->end) {
        pthread_mutex_unlock(&ring->lock);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        pthread_mutex_lock(&ring->lock);
    }
    if (subscriber->next != ring->next && subscriber->next < subscriber->end) {
        take_locked(ring, subscriber, to);
        result = 0;
    }
    pthread_mutex_unlock(&ring->lock);
    return result;
}
