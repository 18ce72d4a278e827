/*
 * The mistake: everybody gets a thread, however many there are.
 * On the wire: no 503. A crowd takes all memory, or all descriptors, and the clients that were there
 * lose their server.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: expected 503 for: GET / HTTP/1.1
 */
int clients_enter(struct client *client, size_t most)
{
    (void)most;
    pthread_mutex_lock(&clients.lock);
    clients.served++;
    client->since_ms = clock_ms();
    client->next = clients.first;
    if (clients.first != NULL)
        clients.first->previous = client;
    clients.first = client;
    pthread_mutex_unlock(&clients.lock);
    return 0;
}
