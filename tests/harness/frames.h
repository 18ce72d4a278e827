/*
 * frames.h - frames of RFC 6455, for the tests
 *
 * Written anew, so that a mistake in frame.c cannot hide behind the same mistake here. (The fuzzers have a judge
 * of their own.)
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* What an opcode is called; NULL: it is reserved. */
extern const char *const opcode_names[16];

/* How many bytes the header at p has, with the masking key (section 5.2); 0: it is not whole among the `left`
 * bytes. *length is that of the payload. */
size_t frame_header(const unsigned char *p, size_t left, uint64_t *length);

/* The same of the whole frame. */
size_t frame_size(const unsigned char *p, size_t left);

/* Bytes that grow at their end; whoever has them frees them. */
struct bytes {
    unsigned char *bytes;
    size_t length;
};

void add_bytes(struct bytes *to, const void *bytes, size_t length);

/* The masking key of the RFC's own example (section 5.7). */
extern const unsigned char example_key[4];

/* A frame with this first byte; `key` has four bytes that mask it (NULL: none). */
void add_frame(struct bytes *to, unsigned first, const unsigned char *key, const unsigned char *payload,
               size_t n);

#endif
