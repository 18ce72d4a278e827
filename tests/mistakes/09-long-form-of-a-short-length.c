/*
 * The mistake: 126 and two bytes more may say 5. The shortest form must be used.
 * On the wire: an echo, but RFC 6455 section 5.2 wants Close 1002: otherwise two readers of the same
 * bytes, a proxy and a server, could see different frames.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: a length that is not in its shortest form
 */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;

    if (more == 0)
        return 0;
    if (need(ws, 2 + more) != 0)
        return -1;
    frame->length = big_endian(stream_next(ws->stream) + 2, more);
    if (frame->length >> 63 != 0)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "length with its highest bit set");
    return 0;
}
