/*
 * The mistake: the server masks its frames, as clients must. A server must not.
 * On the wire: browsers end the connection at the first frame.
 *
 * Caught by: tests/10_echo.c
 * Says: a masked frame!
 */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length, bool more)
{
    static const unsigned char key[4] = {0x12, 0x34, 0x56, 0x78};
    unsigned char header[FRAME_HEADER_BYTES] = {(unsigned char)(0x80 | opcode)};
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    unsigned char *masked = malloc(length + 1);
    int result;

    if (masked == NULL)
        return STREAM_ERROR;
    header[1] = (unsigned char)(0x80 | (extended == 0 ? length : extended == 2 ? 126 : 127));
    for (size_t i = 0; i < extended; i++)
        header[2 + i] = (unsigned char)((uint64_t)length >> 8 * (extended - 1 - i));
    memcpy(header + 2 + extended, key, sizeof key);
    for (size_t i = 0; i < length; i++)
        masked[i] = ((const unsigned char *)payload)[i] ^ key[i % 4];
    result = stream_write(ws->stream, header, 6 + extended, masked, length, more);
    free(masked);
    return result == STREAM_OVER ? 0 : result;
}
