/*
 * The mistake: main sends every client its Close frame itself, and waits for that, while it holds the
 * lock of the table.
 * On the wire: one client that does not read, and nobody after it in the table is told anything.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: close 1001 must come at once, also if another client reads nothing
 */
int clients_stop(void)
{
    int result;

    pthread_mutex_lock(&clients.lock);
    for (struct client *c = clients.first; c != NULL; c = c->next)
        if (c->upgraded)
            stream_write(&c->stream, "\x88\x18\x03\xe9the server is stopping", 26, NULL, 0, STREAM_LAST);
        else
            atomic_store(&c->stream.wake, STREAM_STOPPING);
    wait_for_workers_locked();
    for (struct client *c = clients.first; c != NULL; c = c->next)
        stream_abort(&c->stream, STREAM_STOPPING);
    wait_for_workers_locked();
    result = clients.first == NULL ? 0 : -1;
    pthread_mutex_unlock(&clients.lock);
    return result;
}
