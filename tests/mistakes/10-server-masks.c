/*
 * The mistake: the server masks its frames, as clients must. A server must not.
 * On the wire: browsers end the connection at the first frame.
 *
 * Caught by: tests/suites/10_echo.c
 * Says: a masked frame!
 */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length,
                unsigned flags)
{
    static const unsigned char key[4] = {0x12, 0x34, 0x56, 0x78};
    unsigned char header[FRAME_HEADER_BYTES], *masked = malloc(length + 1);
    size_t size = make_header(header, opcode, length);
    int result;

    if (masked == NULL)
        return -1;
    header[1] |= 0x80;
    memcpy(header + size, key, sizeof key);
    for (size_t i = 0; i < length; i++)
        masked[i] = ((const unsigned char *)payload)[i] ^ key[i % 4];
    result = stream_write(ws->stream, header, size + sizeof key, masked, length, flags);
    free(masked);
    return result != 0 && !stream_is_closed(ws->stream) ? -1 : 0;
}
