/*
 * The mistake: a length with its highest bit set is taken for a large one. That bit must be 0.
 * On the wire: a program that keeps lengths in a signed number now has a negative one.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: a length with its highest bit set
 */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    uint64_t least = more == 2 ? 126 : 65536;

    if (more == 0)
        return 0;
    if (need(ws, 2 + more) != 0)
        return -1;
    frame->length = big_endian(stream_next(ws->stream) + 2, more);
    if (frame->length < least)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "length not in its shortest form");
    return 0;
}
