/*
 * handshake.h - from the first line of an HTTP request to "101 Switching Protocols"
 *
 * A WebSocket begins as an HTTP GET request that asks for an upgrade. This layer reads that request
 * line by line, checks it, and writes the responses. It decides nothing about paths and files; that is
 * server.c.
 *
 * A call that can fail returns 0, or -1. Then `status` is the HTTP status with which the request should
 * be rejected, and `reason` says why, in a sentence for the person who sent it; or `status` is 0,
 * because the connection ended and nobody is there to be told: the stream knows why.
 *
 * Sources: RFC 9110 and 9112 (HTTP), RFC 6455 section 4 (the upgrade).
 */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "deflate.h"
#include "origin.h"
#include "stream.h"
#include "trace.h"

/* The longest line of a request, in bytes without its end. Cookies of 4 KiB are common. */
#define REQUEST_LINE_BYTES 8192

/* All lines of a request together, in bytes, with one for each line's end. */
#define REQUEST_BYTES (32 * 1024)

/* Header fields of a request. Browsers send about 15, proxies add a few. */
#define REQUEST_HEADERS 100

/* An accept key: 20 bytes of SHA-1 as 28 characters of Base64, and a null terminator. */
#define ACCEPT_KEY_BYTES 29

struct header {
    const char *name; /* as it was sent, in upper or lower case */
    const char *value;
};

/* A request. Its strings are in `text`. All of it is its worker's own. */
struct request {
    struct stream *stream;       /* set by the caller, whose they stay: */
    struct trace_source *source; /* the connection that the request comes from */

    const char *method;
    const char *path;   /* the target without scheme, host and query; %65 is "e" here */
    const char *query;  /* what follows the target's question mark; NULL: there is none */
    int version;        /* 10 times the major version and the minor: 11 is HTTP/1.1 */
    struct origin host; /* whom the request is for, from the Host field or the target */
    size_t header_count;
    struct header *headers; /* memory for REQUEST_HEADERS; request_free gives it back */

    struct deflate deflate; /* what was agreed on about compression */

    int status; /* why it is rejected; 0: it is not, or nobody can be told */
    const char *reason;
    size_t used; /* bytes of text that hold lines */
    char *text;  /* memory for REQUEST_BYTES and one more; request_free gives it back */
};

/* Reads a request up to its empty line, and not a byte further. Blocks. request_free must follow,
 * whatever it returns. Status 400, 408, 414, 431, 503 or 505. */
int request_read(struct request *r);

/* Gives the memory back; all strings of the request are gone then. May be called twice. */
void request_free(struct request *r);

/* The value of the nth header field (from 0) of that name, whatever its case; NULL: there is none. */
const char *request_header(const struct request *r, const char *name, size_t nth);

/* Whether one of the header fields of that name lists `token`, whatever its case. */
bool request_lists(const struct request *r, const char *name, const char *token);

/* Whether a request asks for a WebSocket (RFC 9110 section 7.8, RFC 6455 section 4.2.1). */
bool handshake_is_upgrade(const struct request *r);

/* Checks a request that asks for a WebSocket. `allowed` are the origins whose pages may connect,
 * besides those that this server serves itself. Status 426, 400 or 403. */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count);

/* Agrees with the client on compression, if the request offers something that we can accept. */
void handshake_negotiate(struct request *r);

/* Makes the accept key for a request's key: RFC 6455 section 4.2.2, step 5.4. */
void handshake_accept_key(const char *key, char accept[ACCEPT_KEY_BYTES]);

/* Writes the response 101 to a request that was checked; frames follow. STREAM_MORE in `flags`: the
 * server speaks first, so it may wait for that. Blocks as stream_write does. */
int handshake_switch(struct request *r, unsigned flags);

/* Writes the head of a response that is followed by `length` bytes. `extra` holds further header
 * fields, each with its CR LF, or is "". Blocks as stream_write does. */
int handshake_respond(struct request *r, int status, const char *extra, const char *type, size_t length);

/* Rejects a request with its status and its reason, or the default sentence of the status if it has none.
 * Blocks as stream_write does; whether it arrives is of no interest any more. */
void handshake_reject(struct request *r);

#endif
