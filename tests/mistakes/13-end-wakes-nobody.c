/*
 * The mistake: the flag that ends a thread's waiting is set, but the thread is not woken to look at it.
 * On the wire: nothing. But when a client of the chat leaves, its two threads and its descriptor stay
 * until somebody says something.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: broadcast_end must end the waiting of that subscriber
 */
void broadcast_end(struct broadcast *ring, struct subscriber *subscriber)
{
    pthread_mutex_lock(&ring->lock);
    subscriber->end = ring->next;
    pthread_mutex_unlock(&ring->lock);
}
