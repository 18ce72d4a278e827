/*
 * handshake.h - from the first line of an HTTP request to "101 Switching Protocols"
 *
 * A WebSocket begins as an HTTP GET request that asks for an upgrade. This layer reads that
 * request line by line, checks it, and writes the responses. It decides nothing about paths and
 * files; that is server.c.
 *
 * A call that checks or reads answers 0 to go on; else an HTTP status of 400 and more, with
 * which the request should be refused (request->problem then says why, in a sentence for the
 * person who sent it); else the stream_result that ended the connection.
 *
 * Sources: RFC 9110 and 9112 (HTTP), RFC 6455 section 4 (the upgrade), RFC 6454 (origins).
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "stream.h"

/* The longest line of a request, in bytes without its end. Cookies of 4 KiB are common. */
#define REQUEST_LINE_BYTES 8192

/* All lines of a request together, in bytes, one counted for each line's end. */
#define REQUEST_BYTES (32 * 1024)

/* Header lines of a request. Browsers send about 15, proxies add a few. */
#define REQUEST_HEADERS 100

/* The longest host name, in bytes: RFC 1035 section 2.3.4 allows 255 and fewer in text. */
#define HOST_BYTES 255

/* An accept key: 20 bytes of SHA-1 as 28 letters of Base64, and a zero byte. */
#define ACCEPT_KEY_BYTES 29

struct header {
    const char *name; /* as it was sent, in any case */
    const char *value;
};

/* Where a page comes from, in lower case: RFC 6454 section 4. */
struct origin {
    char scheme[32];
    char host[HOST_BYTES + 1];
    unsigned port;
};

/* A request. What it says lies in `text`. */
struct request {
    const char *method;
    const char *path;   /* the target without scheme, host and query */
    const char *query;  /* what stands behind the target's question mark; NULL: nothing */
    int version;        /* 10 times the major version and the minor: 11 is HTTP/1.1 */
    struct origin host; /* whom the request is for, from the Host line or the target */
    size_t header_count;
    struct header *headers; /* memory for REQUEST_HEADERS; request_free gives it back */

    const char *problem; /* what is wrong with it, a sentence; NULL: nothing */
    size_t used;         /* bytes of text that hold lines */
    char *text;          /* memory for REQUEST_BYTES and one more; request_free gives it back */
};

/* Reads a request up to its empty line, and not a byte further. Blocks. To be freed with
 * request_free, whatever the answer. 400, 408, 414, 431, 503 (no memory), 505, or STREAM_*. */
int request_read(struct request *r, struct stream *s);

/* Gives the memory back; all strings of the request are gone then. May be called twice. */
void request_free(struct request *r);

/* The value of the nth header line (from 0) of that name, in any case; NULL: no such line. */
const char *request_header(const struct request *r, const char *name, size_t nth);

/* Whether one of the header lines of that name lists `token`, in any case. */
bool request_lists(const struct request *r, const char *name, const char *token);

/* Splits "https://example.com:8080" into an origin. Answers 0, or -1: it is none. */
int origin_parse(const char *text, struct origin *origin);

/* Whether a request asks for a WebSocket (RFC 9110 section 7.8, RFC 6455 section 4.2.1). */
bool handshake_is_upgrade(const struct request *r);

/* Checks a request that asks for a WebSocket. `allowed` are the origins whose pages may connect,
 * besides those that this server serves itself. 426, 400, 403. */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count);

/* Makes the accept key for a request's key: RFC 6455 section 4.2.2, step 5.4. */
void handshake_accept_key(const char *key, char accept[ACCEPT_KEY_BYTES]);

/* Writes the response 101 for a request that was checked; after it, frames follow, and where `more`
 * says that we speak first, it may wait for these. Blocks and answers as stream_write does. */
int handshake_switch(struct stream *s, const struct request *r, bool more);

/* Writes the head of a response that is followed by `length` bytes. `extra` holds further header
 * lines, each with its CR LF, or is "". Blocks and answers as stream_write does. */
int handshake_respond(struct stream *s, int status, const char *extra, const char *type, size_t length);

/* Refuses a request with a status and its sentence (request->problem, or a general one). */
int handshake_refuse(struct stream *s, const struct request *r, int status);

#endif
