/*
 * The mistake: `if` in place of `while` around the wait. A thread that waits is woken for others too, or
 * for no reason at all, and takes what is not there.
 * On the wire: a client of the chat hears nothing any more when another one has left, because its sender
 * has ended.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: a subscriber that wakes and finds nothing must wait again
 */
int broadcast_next(struct broadcast *ring, struct subscriber *subscriber, void *to, bool wait)
{
    int result = -1;

    pthread_mutex_lock(&ring->lock);
    if (wait && subscriber->next == ring->next && subscriber->next < subscriber->end)
        pthread_cond_wait(&ring->published, &ring->lock);
    if (subscriber->next != ring->next && subscriber->next < subscriber->end) {
        take_locked(ring, subscriber, to);
        result = 0;
    }
    pthread_mutex_unlock(&ring->lock);
    return result;
}
