/*
 * The mistake: the time that a client has for its request begins anew with every byte.
 * On the wire: a client that sends a byte now and then keeps its place for ever.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: a request that drips must be rejected before it is complete
 */
static void check_time_locked(struct client *client, int64_t now_ms)
{
    unsigned long received = atomic_load_explicit(&client->stream.received, memory_order_relaxed);

    if (received != client->received || atomic_load(&client->stream.wake) != 0)
        client->since_ms = now_ms;
    client->received = received;
    if (now_ms - client->since_ms + TICK_MS >= clients.timeout_ms) {
        client->since_ms = now_ms;
        atomic_store(&client->stream.wake, STREAM_IDLE);
    }
    wake_locked(client);
}
