/* frames.c - see frames.h */
#include "frames.h"

#include <stdlib.h>
#include <string.h>

const char *const opcode_names[16] = {
    "continuation", "text", "binary", [8] = "close", [9] = "ping", [10] = "pong"};

const unsigned char example_key[4] = {0x37, 0xFA, 0x21, 0x3D};

size_t frame_header(const unsigned char *p, size_t left, uint64_t *length)
{
    uint64_t n = left > 1 ? p[1] & 0x7F : 0;
    size_t more = n == 126 ? 2 : n == 127 ? 8 : 0, mask = left > 1 && p[1] & 0x80 ? 4 : 0;

    if (left < 2 + more + mask)
        return 0;
    n = more > 0 ? 0 : n;
    for (size_t i = 0; i < more; i++)
        n = n << 8 | p[2 + i];
    *length = n;
    return 2 + more + mask;
}

size_t frame_size(const unsigned char *p, size_t left)
{
    uint64_t length = 0;
    size_t header = frame_header(p, left, &length);

    return header == 0 || length > left - header ? 0 : header + (size_t)length;
}

void add_bytes(struct bytes *to, const void *bytes, size_t length)
{
    unsigned char *more = realloc(to->bytes, to->length + length + 1);

    if (more == NULL)
        abort();
    if (length > 0)
        memcpy(more + to->length, bytes, length);
    to->bytes = more;
    to->length += length;
}

void add_frame(struct bytes *to, unsigned first, const unsigned char *key, const unsigned char *payload,
               size_t n)
{
    unsigned char header[10] = {(unsigned char)first, (unsigned char)n};
    size_t more = n < 126 ? 0 : n < 65536 ? 2 : 8, start;

    if (more > 0)
        header[1] = more == 2 ? 126 : 127;
    for (size_t i = 0; i < more; i++)
        header[2 + i] = (unsigned char)((uint64_t)n >> (8 * (more - 1 - i)));
    if (key != NULL)
        header[1] |= 0x80;
    add_bytes(to, header, 2 + more);
    add_bytes(to, key, key != NULL ? 4 : 0);
    start = to->length;
    add_bytes(to, payload, n);
    for (size_t i = 0; key != NULL && i < n; i++)
        to->bytes[start + i] ^= key[i % 4];
}
