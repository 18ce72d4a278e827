/*
 * The mistake: clients are counted when they come, and not when they leave.
 * On the wire: 503 for everybody, once as many have come as there are places, and an idle server.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: when one leaves, there is room again
 */
void clients_leave(struct client *client)
{
    pthread_mutex_lock(&clients.lock);
    if (client->rejected)
        clients.rejected--;
    if (client->next != NULL)
        client->next->previous = client->previous;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        clients.first = client->next;
    if (clients.first == NULL)
        pthread_cond_signal(&clients.empty);
    pthread_mutex_unlock(&clients.lock);
}
