/*
 * The mistake: a message that may not go out any more, behind the server's close frame, counts as an error.
 * On the wire: a server that stops does not wait for the client's close frame where a message comes first.
 *
 * Caught by: tests/14_limits.c
 * Says: also where a message comes first
 */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length, bool more)
{
    unsigned char header[FRAME_HEADER_BYTES] = {(unsigned char)(0x80 | opcode)};
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    int result;

    header[1] = (unsigned char)(extended == 0 ? length : extended == 2 ? 126 : 127);
    for (size_t i = 0; i < extended; i++)
        header[2 + i] = (unsigned char)((uint64_t)length >> 8 * (extended - 1 - i));
    result = stream_write(ws->stream, header, 2 + extended, payload, length, more);
    if (result == 0)
        wire_frame(ws->stream->tap, WIRE_OUT, header, 2 + extended, payload, length, length,
                   length > WIRE_PAYLOAD_BYTES);
    return result;
}
