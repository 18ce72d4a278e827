/*
 * The mistake: the limit for messages is compared with what crosses the wire, not with what comes out.
 * On the wire: nothing is refused; a frame of 1 KiB is echoed as 1 MiB.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: 1001 bytes, once inflated
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

    if (frame->length > ws->max_message)
        return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the server's limit");
    while (frame->offset < frame->length) {
        if (read_piece(ws, frame, piece, sizeof piece, &got) != 0)
            return -1;
        keep_payload(frame, piece, got);
        if (inflate_piece(ws, piece, got) != 0)
            return -1;
    }
    if (!frame->fin)
        return 0;
    return inflate_piece(ws, (const unsigned char *)DEFLATE_TAIL, DEFLATE_TAIL_BYTES);
}
