/*
 * The mistake: whoever publishes wakes one thread that waits, by pthread_cond_signal, and there may be
 * several.
 * On the wire: of two clients of the chat, one is told, and the other one not before the next message.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: a message must wake every subscriber that waits
 */
void broadcast_publish(struct broadcast *ring, const void *message, size_t size)
{
    struct broadcast_slot *slot;

    pthread_mutex_lock(&ring->lock);
    slot = &ring->slots[ring->next++ % BROADCAST_SLOTS];
    slot->t_us = clock_us();
    slot->size = size;
    memcpy(slot->bytes, message, size);
    pthread_cond_signal(&ring->published);
    pthread_mutex_unlock(&ring->lock);
}
