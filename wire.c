/*
 * wire.c - see wire.h for what is told, and to whom
 *
 *     workers ── tell ──► ring of events ──► watcher 1 (a client of /wire: its second thread)
 *                         one lock,      ──► watcher 2
 *                         one condition  ──► the thread of --verbose
 *
 * A watcher is no more than the number of the event that it gets next. The ring does not know its
 * watchers, so none of them can hold it up.
 */
#include "wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* How many events are kept for watchers that lag. A hundred messages at once make some 200; at
 * this size the ring takes 2.2 MiB, once somebody watches. */
#define WIRE_EVENTS 4096

/* Bytes of a frame's header, at most. */
#define HEADER_BYTES 14

static struct timespec started;
static bool view_offered;

atomic_uint wire_watchers;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t grown; /* there is an event more, or a watcher has ended */

    /* Under lock. */
    uint64_t next; /* the number of the next event; number n lies in events[n % WIRE_EVENTS] */
    struct wire_event events[WIRE_EVENTS];
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER, .grown = PTHREAD_COND_INITIALIZER, .next = 1};

/* ---- telling ---- */

/* Lesson 13, given. Starts the clock. */
void wire_begin(bool offered)
{
    view_offered = offered;
    clock_gettime(CLOCK_MONOTONIC, &started);
}

/* Lesson 13, given. Microseconds since wire_begin. */
static int64_t elapsed_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)(now.tv_sec - started.tv_sec) * 1000000 + (now.tv_nsec - started.tv_nsec) / 1000;
}

/* Lesson 13. Puts an event into the ring, over the oldest one, and wakes the watchers. The server
 * runs without it. */
static int publish(struct wire_event *event)
{
    struct wire_event *slot;

    pthread_mutex_lock(&ring.lock);
    event->t_us = elapsed_us(); /* under the lock, so that it grows as n does */
    event->n = ring.next++;
    slot = &ring.events[event->n % WIRE_EVENTS];
    memcpy(slot, event, offsetof(struct wire_event, bytes) + event->size);
    pthread_cond_broadcast(&ring.grown);
    pthread_mutex_unlock(&ring.lock);
    return 0;
}

/* Lesson 13, given. Copies bytes into an event, as many as there is room for. */
static void add_bytes(struct wire_event *event, const void *bytes, size_t size)
{
    if (size > sizeof event->bytes - event->size)
        size = sizeof event->bytes - event->size;
    if (size > 0)
        memcpy(event->bytes + event->size, bytes, size);
    event->size += size;
}

/* Lesson 13, given. Tells an event that is no more than a text. */
static void tell_text(const struct wire_tap *tap, enum wire_kind kind, enum wire_direction direction,
                      const char *text, size_t length)
{
    struct wire_event event; /* not set to zero: most of bytes[] is never looked at */

    event.conn = tap->conn;
    event.kind = kind;
    event.direction = direction;
    event.length = length;
    event.cut = length > sizeof event.bytes;
    event.size = 0;
    add_bytes(&event, text, length);
    publish(&event);
}

/* Lesson 13, given. Puts a connection into the view. */
void wire_open(struct wire_tap *tap, unsigned long conn, const char *address)
{
    tap->conn = conn;
    tap->hidden = tap->begun = false;
    snprintf(tap->address, sizeof tap->address, "%s", address);
}

/* Lesson 13, given. Tells that a connection has begun, when the first thing is told of it: by then
 * it is known not to be a watcher. Answers whether there is more to tell. */
static bool begin(struct wire_tap *tap)
{
    if (tap == NULL || tap->hidden)
        return false;
    if (!tap->begun && wire_is_watched())
        tell_text(tap, WIRE_CONNECTED, WIRE_IN, tap->address, strlen(tap->address));
    tap->begun = true;
    return wire_is_watched();
}

/* Lesson 13, given. Takes a connection out of the view. */
void wire_hide(struct wire_tap *tap)
{
    if (tap == NULL)
        return;
    if (tap->begun)
        wire_note(tap, WIRE_DISCONNECTED, "from now on it watches");
    tap->hidden = true;
}

/* Lesson 13, given. Puts a connection back into the view. */
void wire_show(struct wire_tap *tap)
{
    if (tap != NULL)
        tap->hidden = false;
}

/* Lesson 13, given. Whether a line asks for the view, so that its connection is about to watch. */
static bool asks_for_view(const char *line, size_t length)
{
    return view_offered && length > 9 && memcmp(line, "GET /wire", 9) == 0 &&
           (line[9] == ' ' || line[9] == '?');
}

/* Lesson 13, given. Tells a line of a request or a response. */
void wire_line(struct wire_tap *tap, enum wire_direction direction, const char *line, size_t length)
{
    if (length > 0 && line[length - 1] == '\r')
        length--; /* the line broke off before its LF */
    if (tap != NULL && !tap->begun && length == 0)
        return; /* an empty line before the first one says nothing yet */
    if (tap != NULL && !tap->begun && asks_for_view(line, length))
        tap->hidden = true;
    if (begin(tap))
        tell_text(tap, WIRE_LINE, direction, line, length);
}

/* Lesson 13, given. Tells a frame. */
void wire_frame(struct wire_tap *tap, enum wire_direction direction, const unsigned char *header,
                size_t header_size, const unsigned char *payload, size_t payload_size, uint64_t length,
                bool cut)
{
    struct wire_event event;

    if (!begin(tap))
        return;
    if (payload_size > WIRE_PAYLOAD_BYTES)
        payload_size = WIRE_PAYLOAD_BYTES;
    event.conn = tap->conn;
    event.kind = WIRE_FRAME;
    event.direction = direction;
    event.length = length;
    event.cut = cut;
    event.size = 0;
    add_bytes(&event, header, header_size);
    add_bytes(&event, payload, payload_size);
    publish(&event);
}

/* Lesson 13, given. Tells what is neither a line nor a frame. */
void wire_note(struct wire_tap *tap, enum wire_kind kind, const char *why)
{
    if (begin(tap))
        tell_text(tap, kind, WIRE_IN, why, strlen(why));
}

/* ---- watching ---- */

/* Lesson 13. Begins to watch: from the next event on. */
void wire_watch(struct wire_watcher *watcher)
{
    pthread_mutex_lock(&ring.lock);
    watcher->next = ring.next;
    watcher->ended = false;
    pthread_mutex_unlock(&ring.lock);
    atomic_fetch_add(&wire_watchers, 1);
}

/* Lesson 13, given. Stops watching. */
void wire_stop_watching(struct wire_watcher *watcher)
{
    (void)watcher; /* the ring does not know its watchers; it only counts them */
    atomic_fetch_sub(&wire_watchers, 1);
}

/* Lesson 13. Ends a watcher's waiting. */
void wire_end(struct wire_watcher *watcher)
{
    pthread_mutex_lock(&ring.lock);
    watcher->ended = true;
    pthread_cond_broadcast(&ring.grown);
    pthread_mutex_unlock(&ring.lock);
}

/* Lesson 13. Takes a watcher's next event out of the ring; where the ring has gone round meanwhile,
 * says how many events were missed. Called with the lock held. */
static void take_next_locked(struct wire_watcher *watcher, struct wire_event *event)
{
    const struct wire_event *slot = &ring.events[watcher->next % WIRE_EVENTS];
    uint64_t behind = ring.next - watcher->next;

    if (behind <= WIRE_EVENTS) {
        memcpy(event, slot, offsetof(struct wire_event, bytes) + slot->size);
        watcher->next++;
        return;
    }
    /* Half a ring further, not just onto the oldest event: that one is about to be gone as well. */
    event->length = behind - WIRE_EVENTS / 2;
    watcher->next += event->length;
    event->n = watcher->next - 1;
    event->t_us = ring.events[watcher->next % WIRE_EVENTS].t_us;
    event->conn = 0;
    event->kind = WIRE_MISSED;
    event->size = 0;
}

/* Lesson 13. Waits, or looks, for a watcher's next event. */
enum wire_result wire_next(struct wire_watcher *watcher, struct wire_event *event, bool wait)
{
    enum wire_result result = WIRE_EVENT;

    pthread_mutex_lock(&ring.lock);
    while (wait && watcher->next == ring.next && !watcher->ended)
        pthread_cond_wait(&ring.grown, &ring.lock);
    if (watcher->next != ring.next)
        take_next_locked(watcher, event);
    else
        result = watcher->ended ? WIRE_ENDED : WIRE_NOTHING;
    pthread_mutex_unlock(&ring.lock);
    return result;
}

/* ---- an event as JSON ---- */

static const char *const kind_names[] = {
    [WIRE_CONNECTED] = "connected", [WIRE_LINE] = "line",
    [WIRE_FRAME] = "frame",         [WIRE_PING_TIMEOUT] = "ping-timeout",
    [WIRE_ERROR] = "error",         [WIRE_DISCONNECTED] = "disconnected",
    [WIRE_MISSED] = "missed",
};

/* The field that an event's bytes are written to, where they are text. */
static const char *const text_fields[] = {
    [WIRE_CONNECTED] = "address", [WIRE_LINE] = "text", [WIRE_FRAME] = NULL,
    [WIRE_PING_TIMEOUT] = "why",  [WIRE_ERROR] = "why", [WIRE_DISCONNECTED] = "why",
    [WIRE_MISSED] = NULL,
};

/* Lesson 13, given. Writes bytes as a string of JSON, without its quotation marks: each byte is the
 * character of its number (RFC 8259 section 7). Answers the length. */
static size_t write_text(char *to, const unsigned char *bytes, size_t size)
{
    char *p = to;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\') {
            *p++ = '\\';
            *p++ = (char)bytes[i];
        } else if (bytes[i] < ' ' || bytes[i] >= 0x7f) {
            p += sprintf(p, "\\u%04x", bytes[i]);
        } else {
            *p++ = (char)bytes[i];
        }
    }
    *p = '\0';
    return (size_t)(p - to);
}

/* Lesson 13, given. Writes a field whose value is a text. Answers the length. */
static size_t write_field(char *to, const char *name, const unsigned char *bytes, size_t size)
{
    char *p = to + sprintf(to, ",\"%s\":\"", name);

    p += write_text(p, bytes, size);
    p += sprintf(p, "\"");
    return (size_t)(p - to);
}

/* Lesson 13, given. Writes bytes in hex, as a field. Answers the length. */
static size_t write_hex_field(char *to, const char *name, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *p = to + sprintf(to, ",\"%s\":\"", name);

    for (size_t i = 0; i < size; i++) {
        *p++ = digits[bytes[i] >> 4];
        *p++ = digits[bytes[i] & 0xF];
    }
    p += sprintf(p, "\"");
    return (size_t)(p - to);
}

/* Lesson 13, given. Writes an event as JSON. */
size_t wire_json(const struct wire_event *event, char *json)
{
    bool crosses = event->kind == WIRE_LINE || event->kind == WIRE_FRAME;
    char *p = json;

    p += sprintf(p, "{\"n\":%llu,\"t\":%lld,\"conn\":%lu,\"event\":\"%s\"", (unsigned long long)event->n,
                 (long long)event->t_us, event->conn, kind_names[event->kind]);
    if (crosses)
        p += sprintf(p, ",\"dir\":\"%s\"", event->direction == WIRE_IN ? "in" : "out");
    if (event->kind == WIRE_FRAME || event->kind == WIRE_MISSED)
        p += sprintf(p, ",\"%s\":%llu", event->kind == WIRE_FRAME ? "length" : "count",
                     (unsigned long long)event->length);
    if (event->kind == WIRE_FRAME)
        p += write_hex_field(p, "bytes", event->bytes, event->size);
    else if (text_fields[event->kind] != NULL)
        p += write_field(p, text_fields[event->kind], event->bytes, event->size);
    p += sprintf(p, "%s}", crosses && event->cut ? ",\"cut\":true" : "");
    return (size_t)(p - json);
}

/* ---- an event for people ---- */

/* Lesson 13, given. Prints bytes in quotation marks, escaped, at most 40 of them. */
static void print_text(FILE *to, const unsigned char *bytes, size_t size, bool more)
{
    char text[6 * 40 + 1];

    if (size > 40) {
        size = 40;
        more = true;
    }
    write_text(text, bytes, size);
    fprintf(to, " \"%s\"%s", text, more ? "..." : "");
}

/* Lesson 13, given. Takes the mask off a copy of what an event has of a payload. Answers its size. */
static size_t plain_payload(const struct wire_event *event, unsigned char *to)
{
    const unsigned char *p = event->bytes, *key = NULL;
    unsigned length = event->size > 1 ? p[1] & 0x7F : 0;
    size_t header = 2 + (length == 126 ? 2u : length == 127 ? 8u : 0u), size;

    if (event->size > 1 && (p[1] & 0x80) != 0) {
        key = p + header;
        header += 4;
    }
    if (event->size <= header)
        return 0;
    size = event->size - header;
    for (size_t i = 0; i < size; i++)
        to[i] = key != NULL ? p[header + i] ^ key[i % 4] : p[header + i];
    return size;
}

/* Lesson 13, given. Prints a frame: its kind, its length, and the beginning of its payload. */
static void print_frame(FILE *to, const struct wire_event *event)
{
    static const char *const names[16] = {
        "continuation", "text", "binary", [8] = "close", [9] = "ping", [10] = "pong"};
    unsigned char payload[WIRE_PAYLOAD_BYTES + HEADER_BYTES];
    size_t size = plain_payload(event, payload);
    unsigned first = event->size > 0 ? event->bytes[0] : 0;
    const char *name = names[first & 0xF];

    fprintf(to, "frame: %s%s, %llu bytes", name != NULL ? name : "unknown opcode",
            first & 0x80 ? "" : " (to be continued)", (unsigned long long)event->length);
    if ((first & 0xF) == 8 && size >= 2) {
        fprintf(to, ", code %d", payload[0] << 8 | payload[1]);
        print_text(to, payload + 2, size - 2, false);
    } else if (size > 0) {
        print_text(to, payload, size, event->cut);
    }
}

/* Lesson 13, given. Prints an event as one line. */
void wire_print(const struct wire_event *event, FILE *to)
{
    char text[6 * WIRE_LINE_BYTES + 1];

    write_text(text, event->bytes, event->kind == WIRE_FRAME ? 0 : event->size);
    fprintf(to, "%11.6f  ", (double)event->t_us / 1e6);
    if (event->kind == WIRE_MISSED) {
        fprintf(to, "%llu events are not shown: they came too fast\n",
                (unsigned long long)event->length);
        return;
    }
    fprintf(to, "client %-4lu ", event->conn);
    if (event->kind <= WIRE_FRAME && event->kind != WIRE_CONNECTED)
        fprintf(to, "%s  ", event->direction == WIRE_IN ? "in " : "out");
    if (event->kind == WIRE_FRAME)
        print_frame(to, event);
    else if (event->kind == WIRE_LINE)
        fprintf(to, "line: %s%s", text, event->cut ? "..." : "");
    else
        fprintf(to, "%s: %s", kind_names[event->kind], text);
    fprintf(to, "\n");
}
