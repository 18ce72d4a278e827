/*
 * The mistake: the payload is checked for UTF-8 as it comes off the wire, as in lesson 12.
 * On the wire: Close 1007 for nearly every compressed text, because compressed bytes are no text.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: 7.2.3.1: one block
 */
static int inflate_piece(struct websocket *ws, const unsigned char *piece, size_t length)
{
    struct message *m = &ws->message;
    size_t made;

    if (check_text(ws, piece, length) != 0)
        return -1;
    for (;;) {
        if (inflater_run(ws->inflater, &piece, &length, m->bytes + m->length, room_left(ws), &made) != 0)
            return fail_inflating(ws);
        m->length += made;
        if (length == 0)
            return 0;
        if (m->length == ws->max_message)
            return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the server's limit, once inflated");
        if (make_room(ws) != 0)
            return -1;
    }
}
