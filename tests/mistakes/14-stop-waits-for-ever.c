/*
 * The mistake: a server that stops waits until every client has replied, however long that takes.
 * On the wire: nothing. But one client that never replies, and the server has to be killed.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: the server did not end in time
 */
int clients_stop(void)
{
    pthread_mutex_lock(&clients.lock);
    for (struct client *c = clients.first; c != NULL; c = c->next)
        atomic_store(&c->stream.wake, STREAM_STOPPING);
    while (clients.first != NULL)
        wait_for_workers_locked();
    pthread_mutex_unlock(&clients.lock);
    return 0;
}
