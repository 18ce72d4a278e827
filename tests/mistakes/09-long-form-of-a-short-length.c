/*
 * The mistake: 126 and two bytes more may say 5. The shortest form must be used.
 * On the wire: echo, where RFC 6455 section 5.2 wants Close 1002: two readers of the same bytes, a
 * proxy and a server, could else see different frames.
 *
 * Caught by: tests/09_frame_header.c
 * Says: a length that is not in its shortest form
 */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    int result;

    if (more == 0)
        return 0;
    result = read_header_bytes(ws, frame, more);
    if (result != 0)
        return result;
    frame->length = big_endian(frame->header + 2, more);
    if (frame->length >> 63 != 0)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "length with its highest bit set");
    return 0;
}
