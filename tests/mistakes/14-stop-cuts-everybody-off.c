/*
 * The mistake: when the server is to stop, it closes its sockets and ends.
 * On the wire: a connection that ends without a Close frame: browsers say 1006, "abnormal", and what
 * was under way is lost.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: close 1001 must come at once
 */
int clients_stop(void)
{
    pthread_mutex_lock(&clients.lock);
    for (struct client *c = clients.first; c != NULL; c = c->next)
        stream_abort(&c->stream, STREAM_STOPPING);
    wait_for_workers_locked();
    pthread_mutex_unlock(&clients.lock);
    return 0;
}
