/*
 * The mistake: whether there is a message is asked under the lock; what is in its slot is read after it
 * was given back.
 * On the wire: nothing, for years; then half of one message and half of another, in a slow client.
 *
 * Caught by: tests/suites/13_chat.c
 * Built with: -fsanitize=thread
 * Says: data race
 */
int broadcast_next(struct broadcast *ring, struct subscriber *subscriber, void *to, bool wait)
{
    bool there;

    pthread_mutex_lock(&ring->lock);
    while (wait && subscriber->next == ring->next && subscriber->next < subscriber->end)
        pthread_cond_wait(&ring->published, &ring->lock);
    there = subscriber->next != ring->next && subscriber->next < subscriber->end;
    pthread_mutex_unlock(&ring->lock);
    if (!there)
        return -1;
    take_locked(ring, subscriber, to);
    return 0;
}
