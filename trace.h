/*
 * trace.h - records what crosses the wire: lines, frames, beginnings and ends of connections
 *
 * The workers record events in a ring (broadcast.h), where subscribers find them: the clients of /wire
 * and the thread of --verbose, both in wire.c. While there is no subscriber, recording costs a look at a
 * counter, and nothing is kept.
 *
 * A frame is recorded before it is sent, so that no reply to it comes first.
 *
 * A subscriber's own connection is not recorded from its 101 on: each event sent to it would be an
 * event again, without end.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broadcast.h"

/* Bytes of a line that are kept. The longest usual line is a cookie, which says nothing here. */
#define TRACE_LINE_BYTES 512

/* Bytes of a frame's payload that are kept: what the longest header, 14 bytes, leaves of an event. */
#define TRACE_PAYLOAD_BYTES (TRACE_LINE_BYTES - 14)

/* Bytes for a client's name, with a null terminator. */
#define TRACE_NAME_BYTES 33

/* Bytes for an address and port, such as "[fe80::1%eth0]:65535", with a null terminator. */
#define TRACE_ADDRESS_BYTES 80

enum trace_kind {
    TRACE_CONNECTED,
    TRACE_LINE,
    TRACE_FRAME,
    TRACE_PING_TIMEOUT,
    TRACE_ERROR,
    TRACE_DISCONNECTED,
    TRACE_DROPPED, /* made by trace_next, for the events that a subscriber has lost */
};

enum trace_direction { TRACE_IN, TRACE_OUT };

struct trace_event {
    uint64_t number; /* set by trace_next, */
    int64_t t_us;    /* like this: on CLOCK_MONOTONIC */
    unsigned long connection;
    enum trace_kind kind;
    enum trace_direction direction;
    bool cut;                              /* there was more than is kept */
    uint64_t length;                       /* of the payload, in bytes; TRACE_DROPPED: how many events */
    size_t size;                           /* of bytes[] */
    unsigned char bytes[TRACE_LINE_BYTES]; /* the line, the frame, the address, or why */
};

/* A connection, as its events tell of it. Written by its worker alone, and not any more after the
 * handshake, so that every thread may record frames of it. */
struct trace_source {
    unsigned long connection;
    bool hidden; /* it is a subscriber's: nothing more is recorded */
    char address[TRACE_ADDRESS_BYTES];
    char name[TRACE_NAME_BYTES]; /* what the client calls itself; only clients of /chat have a name */
};

/* A frame, or as much of it as there is, with its mask as it crossed the wire. */
struct trace_frame {
    enum trace_direction direction;
    const void *header, *payload;
    size_t header_size, payload_size; /* bytes that there are; of the payload, some are enough */
    uint64_t length;                  /* of the payload, as the header says */
    bool cut;                         /* more of the payload crossed than is given here */
};

/* How many subscribers there are. Only trace_subscribe and trace_unsubscribe write it. Atomic, no lock. */
extern atomic_uint trace_subscribers;

/* Whether anybody wants events now, so that recording is worth some work. It is defined here so that the
 * question, which every frame asks, costs no call. */
static inline bool trace_is_on(void)
{
    return atomic_load_explicit(&trace_subscribers, memory_order_relaxed) > 0;
}

/* Makes the source for a connection, and records that the connection has begun. */
void trace_open(struct trace_source *source, unsigned long connection, const char *address);

/* Each records an event, if there is a subscriber. None of them blocks. A line's end does not count to
 * it; the values of fields that hold secrets, such as cookies, are left out. */
void trace_line(const struct trace_source *source, enum trace_direction direction, const char *line,
                size_t length);
void trace_frame(const struct trace_source *source, const struct trace_frame *frame);
void trace_note(const struct trace_source *source, enum trace_kind kind, const char *why);

/* Records the last event of a connection that becomes a subscriber's. */
void trace_hide(struct trace_source *source);

/* Begins a subscription, with the next event; trace_unsubscribe must follow. Returns how many there are then:
 * of two that begin at the same moment, one gets the larger number. */
unsigned trace_subscribe(struct subscriber *subscriber);
void trace_unsubscribe(void);

/* The subscriber's next event, be it that events were lost; returns and blocks as broadcast_next does. */
int trace_next(struct subscriber *subscriber, struct trace_event *event, bool wait);

/* Ends a subscriber's waiting, as broadcast_end does. */
void trace_end(struct subscriber *subscriber);

#endif
