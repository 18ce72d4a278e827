/*
 * The mistake: of the eight bytes of a long length, only the last two are used: "nobody sends more".
 * On the wire: a message of 65536 bytes is taken for an empty one, and its payload for frames.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: a length of 65536, in 64 bits
 */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;

    if (more == 0)
        return 0;
    if (need(ws, 2 + more) != 0)
        return -1;
    frame->length = big_endian(stream_next(ws->stream) + more, 2);
    return 0;
}
