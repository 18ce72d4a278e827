/*
 * origin.h - hosts, ports and origins: which server a request is for, and whose page sends it
 *
 * Sources: RFC 3986 section 3.2 (host and port), RFC 6454 section 4 (origin).
 */
#ifndef ORIGIN_H
#define ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/* The longest host name, in bytes: RFC 1035 section 2.3.4 allows 255 and fewer in text. */
#define HOST_BYTES 255

/* The scheme, host and port of a page or a server, in lower case. */
struct origin {
    char scheme[32];
    char host[HOST_BYTES + 1];
    unsigned port;
};

/* None of these blocks. Those that parse return 0, or -1 if the text is not what they want. */

/* Reads "host", "host:8080" or "[::1]:8080", the first `length` bytes of a text. Without a port in
 * the text, the origin keeps the one it has. */
int origin_parse_authority(const char *text, size_t length, struct origin *origin);

/* Reads "https://example.com", with or without a port. */
int origin_parse(const char *text, struct origin *origin);

/* Whether two origins are the same: RFC 6454 section 5. */
bool origin_is_same(const struct origin *a, const struct origin *b);

/* Whether the host is "localhost" or an address, so that nobody else can let a name of theirs lead to
 * it (DNS rebinding). */
bool origin_is_local_or_address(const struct origin *origin);

#endif
