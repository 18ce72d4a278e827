/*
 * The mistake: frames get a buffer of their own, which begins empty. Any bytes that came in the same
 * recv after the request's empty line are gone.
 * On the wire: a client that does not wait for the 101 gets no reply to its first frame.
 *
 * Caught by: tests/suites/08_switch.c
 * Says: the frames after the request must get their replies
 */
static int switch_protocols(struct client *client, struct request *request, const struct route *route)
{
    struct stream *socket = &client->stream;
    struct head head = {.bytes = NULL};

    if (handshake_switch(request, route->flags) != 0)
        return -1;
    clients_upgraded(client);
    if (!route->traced)
        trace_hide(&client->source);
    socket->in_start = socket->in_end = 0;
    on_upgrade(request, socket, &head, route);
    return 0;
}
