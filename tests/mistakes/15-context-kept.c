/*
 * The mistake: zlib's state is kept for the client's next message, although both sides agreed not to.
 * On the wire: the first message is right. The second refers to it, and the client cannot inflate that.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: does deflate_compress begin anew with each message?
 */
unsigned char *deflate_compress(unsigned window_bits, const void *bytes, size_t length,
                                size_t *compressed)
{
    static _Thread_local z_stream zlib;
    static _Thread_local bool begun;
    unsigned char *memory = malloc(length);
    bool is_shorter;

    if (!begun)
        deflateInit2(&zlib, LEVEL, Z_DEFLATED, -(int)window_bits, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    begun = true;
    zlib.next_in = (z_const Bytef *)bytes;
    zlib.avail_in = (uInt)length;
    zlib.next_out = memory;
    zlib.avail_out = (uInt)length;
    is_shorter = deflate(&zlib, Z_SYNC_FLUSH) == Z_OK && zlib.avail_out > 0;
    *compressed = length - zlib.avail_out - DEFLATE_TAIL_BYTES;
    if (is_shorter)
        return memory;
    free(memory);
    return NULL;
}
