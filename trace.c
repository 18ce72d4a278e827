/* trace.c - see trace.h for what is recorded */
#include "trace.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

_Static_assert(sizeof(struct trace_event) <= BROADCAST_BYTES, "an event is a message of the ring");

static struct broadcast events = BROADCAST_EMPTY;

atomic_uint trace_subscribers;

/* ---- recording ---- */

/* Lesson 13, provided. Whether an event of a connection is to be recorded. */
static bool is_recorded(const struct trace_source *source)
{
    return trace_is_on() && !source->hidden;
}

/* Lesson 13, provided. Adds bytes to an event. */
static void add_bytes(struct trace_event *event, const void *bytes, size_t size)
{
    if (size > 0) /* memcpy from NULL is not allowed, not even of nothing */
        memcpy(event->bytes + event->size, bytes, size);
    event->size += size;
}

/* Lesson 13, provided. Records an event with at most `most` bytes of a payload, and publishes it without
 * the part of bytes[] that it does not use. */
static void record(const struct trace_source *source, enum trace_kind kind,
                   const struct trace_frame *frame, size_t most)
{
    size_t payload = frame->payload_size < most ? frame->payload_size : most;
    struct trace_event event; /* not set to zero: most of bytes[] is never looked at */

    event.connection = source->connection;
    event.kind = kind;
    event.direction = frame->direction;
    event.length = frame->length;
    event.cut = frame->cut || payload < frame->payload_size;
    event.size = 0;
    add_bytes(&event, frame->header, frame->header_size);
    add_bytes(&event, frame->payload, payload);
    broadcast_publish(&events, &event, offsetof(struct trace_event, bytes) + event.size);
}

/* Lesson 13, provided. Records a text, as a frame without a header. */
static void record_text(const struct trace_source *source, enum trace_kind kind,
                        enum trace_direction direction, const char *text, size_t length)
{
    struct trace_frame frame = {
        .direction = direction, .payload = text, .payload_size = length, .length = length};

    record(source, kind, &frame, TRACE_LINE_BYTES);
}

/* Lesson 13, provided. Makes the source for a connection, and records that it has begun. */
void trace_open(struct trace_source *source, unsigned long connection, const char *address)
{
    source->connection = connection;
    source->hidden = false;
    source->name[0] = '\0';
    snprintf(source->address, sizeof source->address, "%s", address);
    trace_note(source, TRACE_CONNECTED, source->address);
}

/* Lesson 13, provided. How many characters of a line may be shown: all of them, or only the name if the
 * value is a secret, or none if it may be the rest of one: RFC 9112 section 5.2. Cookies do not know ports:
 * those of other programs on this host come here too. */
static size_t shown_length(const char *line, size_t length)
{
    static const char *const secrets[] = {"Cookie", "Authorization", "Proxy-Authorization"};

    if (length > 0 && (line[0] == ' ' || line[0] == '\t'))
        return 0;
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        size_t colon = strlen(secrets[i]);
        if (length <= colon || strncasecmp(line, secrets[i], colon) != 0)
            continue;
        while (colon < length && (line[colon] == ' ' || line[colon] == '\t'))
            colon++; /* such a line is rejected, but it is recorded */
        if (colon < length && line[colon] == ':')
            return colon + 1;
    }
    return length;
}

/* Lesson 13, provided. Records a line of a request or a response. */
void trace_line(const struct trace_source *source, enum trace_direction direction, const char *line,
                size_t length)
{
    char masked[TRACE_LINE_BYTES];
    size_t shown;

    if (!is_recorded(source))
        return;
    if (length > 0 && line[length - 1] == '\r')
        length--; /* the line broke off before its LF */
    shown = shown_length(line, length);
    if (shown < length) {
        snprintf(masked, sizeof masked, "%.*s (%zu bytes, not shown)", (int)shown, line, length - shown);
        length = strlen(masked);
        line = masked;
    }
    record_text(source, TRACE_LINE, direction, line, length);
}

/* Lesson 13, provided. Records a frame. */
void trace_frame(const struct trace_source *source, const struct trace_frame *frame)
{
    if (is_recorded(source))
        record(source, TRACE_FRAME, frame, TRACE_PAYLOAD_BYTES);
}

/* Lesson 13, provided. Records what is neither a line nor a frame. */
void trace_note(const struct trace_source *source, enum trace_kind kind, const char *why)
{
    if (is_recorded(source))
        record_text(source, kind, TRACE_IN, why, strlen(why));
}

/* Lesson 13, provided. Records that a connection becomes a subscriber's. */
void trace_hide(struct trace_source *source)
{
    trace_note(source, TRACE_DISCONNECTED, "its frames are not recorded: it asked for the trace");
    source->hidden = true;
}

/* ---- subscribers ---- */

/* Lesson 13, provided. Begins a subscription, and counts it. */
unsigned trace_subscribe(struct subscriber *subscriber)
{
    broadcast_subscribe(&events, subscriber);
    return atomic_fetch_add(&trace_subscribers, 1) + 1;
}

/* Lesson 13, provided. Ends a subscription. The ring does not know its subscribers. */
void trace_unsubscribe(void)
{
    atomic_fetch_sub(&trace_subscribers, 1);
}

/* Lesson 13, provided. The subscriber's next event. */
int trace_next(struct subscriber *subscriber, struct trace_event *event, bool wait)
{
    if (broadcast_next(&events, subscriber, event, wait) != 0)
        return -1;
    if (subscriber->dropped > 0) {
        event->connection = 0;
        event->kind = TRACE_DROPPED;
        event->length = subscriber->dropped;
        event->size = 0;
    }
    event->number = subscriber->number + 1; /* the page counts from 1 */
    event->t_us = subscriber->t_us;
    return 0;
}

/* Lesson 13, provided. Ends a subscriber's waiting. */
void trace_end(struct subscriber *subscriber)
{
    broadcast_end(&events, subscriber);
}
