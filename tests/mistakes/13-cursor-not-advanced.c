/*
 * The mistake: a subscriber gets its next message, but its number stays what it was.
 * On the wire: the first message again and again, as fast as the connection takes it.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: each once and in order
 */
static void take_locked(struct broadcast *ring, struct subscriber *subscriber, void *to)
{
    const struct broadcast_slot *slot = &ring->slots[subscriber->next % BROADCAST_SLOTS];
    uint64_t behind = ring->next - subscriber->next;

    if (behind <= BROADCAST_SLOTS) {
        memcpy(to, slot->bytes, slot->size);
        subscriber->size = slot->size;
        subscriber->dropped = 0;
    } else {
        subscriber->dropped = behind - BROADCAST_SLOTS / 2;
        subscriber->next += subscriber->dropped;
    }
    subscriber->number = subscriber->next - 1;
    subscriber->t_us = ring->slots[subscriber->number % BROADCAST_SLOTS].t_us;
}
