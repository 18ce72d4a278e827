/*
 * deflate.h - permessage-deflate: messages that cross the wire compressed (RFC 7692)
 *
 * Client and server always agree on "no context takeover" here, in both directions (section 7.1.1): no
 * message refers to an earlier one. So what zlib needs is made for one message and given back after it,
 * and an idle client costs no memory.
 *
 * This layer knows neither frames nor requests, and shares nothing between threads. No call blocks.
 */
#ifndef DEFLATE_H
#define DEFLATE_H

#include <stdbool.h>
#include <stddef.h>

/* What ends every message that was flushed: an empty block. The sender removes these bytes, the receiver
 * appends them again (sections 7.2.1 and 7.2.2). */
#define DEFLATE_TAIL "\x00\x00\xff\xff"
#define DEFLATE_TAIL_BYTES 4

/* What client and server agreed on. All zero: nothing. */
struct deflate {
    unsigned char window_bits; /* the size of the server's window, as a power of two */
    bool window_named;         /* the client has limited it, so the response must name it */
};

/* A message that is being inflated. */
struct inflater;

/* Looks in the value of a Sec-WebSocket-Extensions field for the first offer that can be accepted. */
struct deflate deflate_negotiate(const char *offers);

/* The header field that says in a response what was agreed on, with its CR LF; "": nothing. */
const char *deflate_response(const struct deflate *agreed);

/* Compresses a message of at least 1 byte with a window of that size. Returns memory with *compressed
 * bytes, which the caller frees; or NULL: the message is to be sent as it is, because it would not become
 * shorter, or memory has run out. */
unsigned char *deflate_compress(unsigned window_bits, const void *bytes, size_t length,
                                size_t *compressed);

/* Begins to inflate a message; inflater_end must follow. NULL: out of memory. */
struct inflater *inflater_begin(void);

/* Inflates some of a message to `to`, which may not be NULL, at most `room` bytes; *made is their number.
 * Moves *bytes and *length past what it has read: if something is left, there was no room for what it
 * stands for. -1: errno is EBADMSG, because this is no DEFLATE data, or ENOMEM. */
int inflater_run(struct inflater *inflater, const unsigned char **bytes, size_t *length,
                 unsigned char *to, size_t room, size_t *made);

/* Whether what was read so far ends where a block ends, as a whole message does. */
bool inflater_is_complete(const struct inflater *inflater);

/* Gives the memory back; NULL: there is none. */
void inflater_end(struct inflater *inflater);

#endif
