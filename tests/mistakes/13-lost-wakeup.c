/*
 * The mistake: the look whether there is a message, and the wait for one, are two sections of their own.
 * A message that is published between them wakes nobody, because nobody waits yet.
 * On the wire: now and then a message comes late, together with the next one.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: its wake-up is lost
 */
int broadcast_next(struct broadcast *ring, struct subscriber *subscriber, void *to, bool wait)
{
    bool none = true;

    while (none) {
        pthread_mutex_lock(&ring->lock);
        none = subscriber->next == ring->next || subscriber->next >= subscriber->end;
        if (!none)
            take_locked(ring, subscriber, to);
        wait = wait && subscriber->next < subscriber->end;
        pthread_mutex_unlock(&ring->lock);
        if (none && !wait)
            return -1;
        if (none) {
            pthread_mutex_lock(&ring->lock);
            pthread_cond_wait(&ring->published, &ring->lock);
            pthread_mutex_unlock(&ring->lock);
        }
    }
    return 0;
}
