/*
 * The mistake: a subscriber that is too slow goes on with what is still there, and is not told that
 * something is missing.
 * On the wire: a conversation with gaps that nobody can see: "but you never replied!"
 *
 * Caught by: tests/suites/13_chat.c
 * Says: must learn that it has lost some
 */
static void take_locked(struct broadcast *ring, struct subscriber *subscriber, void *to)
{
    const struct broadcast_slot *slot;

    if (ring->next - subscriber->next > BROADCAST_SLOTS)
        subscriber->next = ring->next - BROADCAST_SLOTS / 2;
    slot = &ring->slots[subscriber->next % BROADCAST_SLOTS];
    memcpy(to, slot->bytes, slot->size);
    subscriber->size = slot->size;
    subscriber->dropped = 0;
    subscriber->t_us = slot->t_us;
    subscriber->number = subscriber->next++;
}
