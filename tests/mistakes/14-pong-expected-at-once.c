/*
 * The mistake: after the ping, the client's time does not begin anew: the next look, a second later, finds
 * that it is up.
 * On the wire: a client whose pong takes more than a second is given up.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: the client has the whole timeout for its reply
 */
static void check_time_locked(struct client *client, int64_t now_ms)
{
    unsigned long received = atomic_load_explicit(&client->stream.received, memory_order_relaxed);

    if (client->upgraded && (received != client->received || atomic_load(&client->stream.wake) != 0))
        client->since_ms = now_ms;
    client->received = received;
    if (now_ms - client->since_ms + TICK_MS >= clients.timeout_ms)
        atomic_store(&client->stream.wake, STREAM_IDLE);
    wake_locked(client);
}
