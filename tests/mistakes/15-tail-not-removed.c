/*
 * The mistake: what zlib gives is sent as it is, with the four bytes 00 00 ff ff at its end.
 * On the wire: each message is four bytes longer; a client that puts the four back has them twice.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: deflate_compress must remove the tail, 00 00 ff ff
 */
unsigned char *deflate_compress(unsigned window_bits, const void *bytes, size_t length,
                                size_t *compressed)
{
    unsigned char *memory = malloc(length);
    z_stream zlib = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)length};
    bool is_shorter = false;

    if (memory != NULL && deflateInit2(&zlib, LEVEL, Z_DEFLATED, -(int)window_bits, MEMORY_LEVEL,
                                       Z_DEFAULT_STRATEGY) == Z_OK) {
        zlib.next_out = memory;
        zlib.avail_out = (uInt)length;
        is_shorter = deflate(&zlib, Z_SYNC_FLUSH) == Z_OK && zlib.avail_out > 0;
        *compressed = length - zlib.avail_out;
        deflateEnd(&zlib);
    }
    if (is_shorter)
        return memory;
    free(memory);
    return NULL;
}
