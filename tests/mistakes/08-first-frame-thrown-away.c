/*
 * The mistake: frames get a buffer of their own, which begins empty. What came behind the request's
 * empty line, with the same recv, is gone.
 * On the wire: a client that does not wait for the 101's way back gets no answer to its first frame.
 *
 * Caught by: tests/08_switch.c
 * Says: the frames behind the request must be answered
 */
static int switch_protocols(struct client *client, struct request *request)
{
    struct stream *socket = &client->stream;
    struct head head = {.bytes = NULL};
    int result = handshake_switch(socket, request, asks_for_view(request));

    if (result != 0)
        return result;
    stream_set_deadline(socket, 0);
    note_progress(client, UPGRADED);
    socket->in_start = socket->in_end = 0;
    return on_upgrade(request, socket, &head);
}
