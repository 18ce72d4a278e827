/*
 * wire.h - the server's own view of its traffic
 *
 * The workers tell what crosses the wire: lines of requests and responses, frames, beginnings and
 * ends. The view keeps the last events in a ring. Watchers read the ring, each at its own pace: a
 * client of /wire, or the thread that prints for --verbose. Nobody who tells ever waits for a
 * watcher: one that is too slow misses events, and is told how many. While nobody watches, to tell
 * costs no more than a look at a counter, and nothing is kept.
 *
 * A client of /wire gets each event as a text message, an object of JSON with these fields:
 *
 *     n        number of the event; where one is left out, the watcher has missed it
 *     t        microseconds since the server's start
 *     conn     number of the connection
 *     event    what happened:
 *
 *       connected      with address, as "127.0.0.1:50312"; told with the first line
 *       line           with dir, "in" (from the client) or "out", and text, the line without its
 *                      end; at most WIRE_LINE_BYTES of it, then "cut": true. A byte of 0x80 or more
 *                      is the character of that number.
 *       frame          with dir, bytes (the frame's header and at most WIRE_PAYLOAD_BYTES of its
 *                      payload, as they crossed the wire, in hex), length (of the payload, in bytes,
 *                      as the header says), and "cut": true where more of the payload crossed than
 *                      is shown. Told when the frame has ended, was refused or broke off; there may
 *                      be less of it then, and where its header is not whole, length is what the
 *                      header's 7 bits of length say.
 *       ping-timeout   the client did not answer a ping; with why
 *       error          with why
 *       disconnected   with why
 *       missed         with count: this watcher was too slow for so many events. conn is 0, and n
 *                      is the number of the last of them.
 *
 * Connections that watch are not in the view: they would watch each other without end. A request
 * for /wire is held back until it is refused.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Bytes of a line that are kept. The longest usual line is a cookie, which says nothing here. */
#define WIRE_LINE_BYTES 512

/* Bytes of a frame's payload that are kept. */
#define WIRE_PAYLOAD_BYTES 64

/* Bytes for an address and port, such as "[fe80::1%eth0]:65535", with a zero byte. */
#define WIRE_ADDRESS_BYTES 80

/* Bytes of an event as JSON: a line, each byte of which may become six ("\u001b"), and the rest. */
#define WIRE_JSON_BYTES (6 * WIRE_LINE_BYTES + 256)

enum wire_kind {
    WIRE_CONNECTED,
    WIRE_LINE,
    WIRE_FRAME,
    WIRE_PING_TIMEOUT,
    WIRE_ERROR,
    WIRE_DISCONNECTED,
    WIRE_MISSED,
};

enum wire_direction { WIRE_IN, WIRE_OUT };

struct wire_event {
    uint64_t n;
    int64_t t_us;
    unsigned long conn;
    enum wire_kind kind;
    enum wire_direction direction;
    bool cut;
    uint64_t length;                      /* of the payload, in bytes; WIRE_MISSED: how many events */
    size_t size;                          /* of bytes[] */
    unsigned char bytes[WIRE_LINE_BYTES]; /* the line, the frame, the address, or why */
};

/* A connection's place in the view. Its worker's own, before any other thread sees it. */
struct wire_tap {
    unsigned long conn;
    bool hidden; /* it watches, or is about to: nothing is told of it */
    bool begun;  /* connected was told */
    char address[WIRE_ADDRESS_BYTES];
};

/* Somebody who watches. Under the view's lock. */
struct wire_watcher {
    uint64_t next; /* the number of the event that it gets next */
    bool ended;    /* it wants no more than what is there */
};

enum wire_result {
    WIRE_EVENT = 0,
    WIRE_NOTHING, /* there is none now */
    WIRE_ENDED,   /* there is none any more */
};

/* Starts the clock. `offered`: there is a /wire, so a request for it is a watcher's. */
void wire_begin(bool offered);

/* Puts a connection into the view. A tap of NULL is allowed in all calls: nothing is told then. */
void wire_open(struct wire_tap *tap, unsigned long conn, const char *address);

/* Takes it out again: it is a watcher. What was told of it before is ended, as if it had left. */
void wire_hide(struct wire_tap *tap);

/* Puts it back: it is none after all, for its request is refused. */
void wire_show(struct wire_tap *tap);

/* These tell. None of them blocks, but for the moment that the view's lock is held. */
void wire_line(struct wire_tap *tap, enum wire_direction direction, const char *line, size_t length);
void wire_frame(struct wire_tap *tap, enum wire_direction direction, const unsigned char *header,
                size_t header_size, const unsigned char *payload, size_t payload_size, uint64_t length,
                bool cut);
void wire_note(struct wire_tap *tap, enum wire_kind kind, const char *why);

/* How many watch. wire_watch and wire_stop_watching count; others ask wire_is_watched. Atomic, no lock. */
extern atomic_uint wire_watchers;

/* Whether anybody watches now, so that telling is worth some work. It stands here, so that to ask costs
 * no call: each frame asks. */
static inline bool wire_is_watched(void)
{
    return atomic_load(&wire_watchers) > 0;
}

/* Begins to watch, with the next event; wire_stop_watching must follow. */
void wire_watch(struct wire_watcher *watcher);
void wire_stop_watching(struct wire_watcher *watcher);

/* Lets a watcher that waits go on: once it has got all that is there, it gets WIRE_ENDED. */
void wire_end(struct wire_watcher *watcher);

/* The watcher's next event. Where there is none: waits if told so, else answers WIRE_NOTHING. */
enum wire_result wire_next(struct wire_watcher *watcher, struct wire_event *event, bool wait);

/* An event as JSON, in at most WIRE_JSON_BYTES with the zero byte. Answers the length. */
size_t wire_json(const struct wire_event *event, char *json);

/* An event as a line for people. What a client sent is escaped: it cannot play with a terminal. */
void wire_print(const struct wire_event *event, FILE *to);

#endif
