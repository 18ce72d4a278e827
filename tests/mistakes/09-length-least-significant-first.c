/*
 * The mistake: the bytes of a length are put together as they lie in this machine's memory, the least
 * significant first. In a frame, the most significant comes first.
 * On the wire: 126 bytes are taken for 32256, and the server waits for them.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: a length of 126, in 16 bits
 */
static uint64_t big_endian(const unsigned char *bytes, size_t n)
{
    uint64_t value = 0;

    memcpy(&value, bytes, n);
    return value;
}
