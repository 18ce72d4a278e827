/*
 * The mistake: the length of 64 bits is kept in an unsigned int.
 * On the wire: a claim of 4 GiB and 5 bytes is taken for 5, and passes every limit.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: the largest length, of 63 bits
 */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    unsigned length;

    if (more == 0)
        return 0;
    if (need(ws, 2 + more) != 0)
        return -1;
    length = (unsigned)big_endian(stream_next(ws->stream) + 2, more);
    if (length < (more == 2 ? 126 : 65536))
        return fail(ws, CLOSE_PROTOCOL_ERROR, "length not in its shortest form");
    frame->length = length;
    return 0;
}
