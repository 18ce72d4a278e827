/*
 * The mistake: nobody looks whether the next message is still in its slot. A newer one may have been
 * written over it.
 * On the wire: a client that is slow gets new messages in the place of old ones, and then the same again.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: must learn that it has lost some
 */
static void take_locked(struct broadcast *ring, struct subscriber *subscriber, void *to)
{
    const struct broadcast_slot *slot = &ring->slots[subscriber->next % BROADCAST_SLOTS];

    memcpy(to, slot->bytes, slot->size);
    subscriber->size = slot->size;
    subscriber->dropped = 0;
    subscriber->t_us = slot->t_us;
    subscriber->number = subscriber->next++;
}
