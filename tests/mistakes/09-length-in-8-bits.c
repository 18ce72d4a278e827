/*
 * The mistake: the length of 16 bits is kept in a variable of 8.
 * On the wire: messages of 126 to 255 bytes are right. Of longer ones, the rest is taken for frames.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: a length of 65535, in 16 bits
 */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    unsigned char length;

    if (more == 0)
        return 0;
    if (need(ws, 2 + more) != 0)
        return -1;
    length = (unsigned char)big_endian(stream_next(ws->stream) + 2, more);
    frame->length = length;
    return 0;
}
