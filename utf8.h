/*
 * utf8.h - checks text that comes in pieces: RFC 3629
 *
 * The state between two pieces is in a struct utf8 of the caller's, so a character may be cut anywhere.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The state of a check between two pieces of a text. All zero: at its beginning. */
struct utf8 {
    unsigned missing;        /* bytes that the last character still lacks; 0: it is complete */
    unsigned char low, high; /* the next of them must be between these two */
};

/* Checks the next bytes of a text. Returns 0, or -1 if this cannot be UTF-8. Does not block. */
int utf8_check(struct utf8 *text, const unsigned char *bytes, size_t length);

#endif
