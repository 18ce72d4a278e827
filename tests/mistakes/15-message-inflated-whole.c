/*
 * The mistake: a message is inflated to its end, and then its length is looked at.
 * On the wire: 1 MiB of compressed null bytes costs the server 1 GiB.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: inflate_piece must stop at max_message
 */
static int inflate_piece(struct websocket *ws, const unsigned char *piece, size_t length)
{
    struct message *m = &ws->message;
    size_t made;

    for (;;) {
        if (inflater_run(ws->inflater, &piece, &length, m->bytes + m->length, m->capacity - m->length,
                         &made) != 0)
            return fail_inflating(ws);
        m->length += made;
        if (check_text(ws, m->bytes + m->length - made, made) != 0)
            return -1;
        if (length == 0)
            return 0;
        if (make_room(ws) != 0)
            return -1;
    }
}

static int read_compressed(struct websocket *ws, struct frame *frame)
{
    unsigned char piece[COMPRESSED_PIECE_BYTES];
    size_t got;

    while (frame->offset < frame->length) {
        if (read_piece(ws, frame, piece, sizeof piece, &got) != 0)
            return -1;
        keep_payload(frame, piece, got);
        if (inflate_piece(ws, piece, got) != 0)
            return -1;
    }
    if (!frame->fin)
        return 0;
    if (inflate_piece(ws, (const unsigned char *)DEFLATE_TAIL, DEFLATE_TAIL_BYTES) != 0)
        return -1;
    if (ws->message.length > ws->max_message)
        return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the server's limit, once inflated");
    return 0;
}
