/*
 * The mistake: only clients that have their WebSocket are looked at. Nothing limits the time for a
 * request.
 * On the wire: a client that connects and sends nothing keeps its place for ever. As many as there are
 * places, from one machine, and nobody else can connect.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: 408 for a client that sends nothing
 */
static void check_time_locked(struct client *client, int64_t now_ms)
{
    unsigned long received = atomic_load_explicit(&client->stream.received, memory_order_relaxed);

    if (!client->upgraded || received != client->received || atomic_load(&client->stream.wake) != 0)
        client->since_ms = now_ms;
    client->received = received;
    if (now_ms - client->since_ms + TICK_MS >= clients.timeout_ms) {
        client->since_ms = now_ms;
        atomic_store(&client->stream.wake, STREAM_IDLE);
    }
    wake_locked(client);
}
