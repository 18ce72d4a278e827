/*
 * The mistake: the payload is inflated as it comes, without the four bytes that the client has removed.
 * On the wire: nothing comes back, because a block has begun that never ends; here Close 1007 says so.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: 7.2.3.1: one block
 */
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
    return 0;
}
