/*
 * The mistake: the header that the server sends knows lengths of 7 and of 16 bits only.
 * On the wire: of a message of 65536 bytes or more, the length is cut, and the rest of the payload is
 * taken for frames.
 *
 * Caught by: tests/suites/10_echo.c
 * Says: expected: binary*300000 close:1000 but got: binary*37856
 */
static size_t make_header(unsigned char header[FRAME_HEADER_BYTES], unsigned opcode, size_t length)
{
    header[0] = (unsigned char)(0x80 | opcode);
    header[1] = (unsigned char)(length < 126 ? length : 126);
    if (length < 126)
        return 2;
    header[2] = (unsigned char)(length >> 8);
    header[3] = (unsigned char)length;
    return 4;
}
