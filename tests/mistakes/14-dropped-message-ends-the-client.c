/*
 * The mistake: a message that may not be sent any more, because the server's Close frame has been,
 * counts as an error.
 * On the wire: a server that stops does not wait for the client's Close frame if a message comes first.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: the server must wait for the reply to its Close frame, also if a message comes first
 */
static int write_frame(struct websocket *ws, unsigned opcode, const void *payload, size_t length,
                       unsigned flags)
{
    unsigned char header[FRAME_HEADER_BYTES];
    size_t size = make_header(header, opcode, length);

    if (trace_is_on() && !stream_is_closed(ws->stream))
        trace_frame(ws->source, &(struct trace_frame){.direction = TRACE_OUT,
                                                      .header = header,
                                                      .header_size = size,
                                                      .payload = payload,
                                                      .payload_size = length,
                                                      .length = length});
    return stream_write(ws->stream, header, size, payload, length, flags);
}
