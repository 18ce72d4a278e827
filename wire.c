/*
 * wire.c - see wire.h for what is sent and printed
 *
 *     workers ──► trace.c's ring ──► a client of /wire: its sender (sender.c)
 *                                ──► the thread of --verbose
 */
#include "wire.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "clients.h"
#include "clock.h"
#include "options.h"
#include "sender.h"

_Static_assert(TRACE_PAYLOAD_BYTES + FRAME_HEADER_BYTES <= TRACE_LINE_BYTES, "an event holds a frame");
_Static_assert(WIRE_JSON_BYTES <= SENDER_BYTES, "a sender has room for an event");

/* A client of /wire pauses for PAUSE_MS milliseconds when it has got all events, or its share of
 * PAUSE_EVENTS. Fifty pages that were woken by each event, or got all of 130,000 a second, would take
 * most of the processor. With the shares each of fifty gets 8,000 a second, and the echoes still come
 * more than half as fast as without a page. */
#define PAUSE_MS 5
#define PAUSE_EVENTS 2048

/* Bytes of a text that are printed in a line. */
#define PRINTED_BYTES 40

/* When the server started, on CLOCK_MONOTONIC. */
static int64_t started_us;

/* The subscriber of --verbose, and its thread. */
static struct subscriber printer;
static pthread_t printer_thread;
static atomic_bool is_printing; /* whether the printer is a subscriber */

/* Lesson 13, provided. Starts the clock. */
void wire_begin(void)
{
    started_us = clock_us();
}

/* ---- an event as JSON ---- */

/* What a kind of event is called, and the field that its bytes are written to; NULL: it has none. */
static const struct {
    const char *name, *field;
} kinds[] = {
    [TRACE_CONNECTED] = {"connected", "address"},
    [TRACE_LINE] = {"line", "text"},
    [TRACE_FRAME] = {"frame", "bytes"},
    [TRACE_PING_TIMEOUT] = {"ping-timeout", "why"},
    [TRACE_ERROR] = {"error", "why"},
    [TRACE_DISCONNECTED] = {"disconnected", "why"},
    [TRACE_DROPPED] = {"dropped", NULL},
};

/* Lesson 13, provided. Writes bytes as a text of JSON: each byte is the character of its number (RFC 8259
 * section 7). Returns what follows it. */
static char *write_text(char *to, const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] < ' ' || bytes[i] >= 0x7f) {
            to += sprintf(to, "\\u%04x", bytes[i]);
            continue;
        }
        if (bytes[i] == '"' || bytes[i] == '\\')
            *to++ = '\\';
        *to++ = (char)bytes[i];
    }
    return to;
}

/* Lesson 13, provided. Writes bytes in hex. Returns what follows. */
static char *write_hex(char *to, const unsigned char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 0xF];
    }
    return to;
}

/* Lesson 13, provided. Writes an event as JSON. */
size_t wire_json(const struct trace_event *event, char *json)
{
    bool is_frame = event->kind == TRACE_FRAME, crosses = is_frame || event->kind == TRACE_LINE;
    char *p = json;

    p += sprintf(p, "{\"n\":%llu,\"t\":%lld,\"conn\":%lu,\"event\":\"%s\"",
                 (unsigned long long)event->number, (long long)(event->t_us - started_us),
                 event->connection, kinds[event->kind].name);
    if (crosses)
        p += sprintf(p, ",\"dir\":\"%s\"", event->direction == TRACE_IN ? "in" : "out");
    if (is_frame || event->kind == TRACE_DROPPED)
        p +=
            sprintf(p, ",\"%s\":%llu", is_frame ? "length" : "count", (unsigned long long)event->length);
    if (kinds[event->kind].field != NULL) {
        p += sprintf(p, ",\"%s\":\"", kinds[event->kind].field);
        p = is_frame ? write_hex(p, event->bytes, event->size)
                     : write_text(p, event->bytes, event->size);
        *p++ = '"';
    }
    p += sprintf(p, "%s}", crosses && event->cut ? ",\"cut\":true" : "");
    return (size_t)(p - json);
}

/* ---- an event for people ---- */

/* Lesson 13, provided. Whether a character could change how the rest of a line looks, or nobody would see
 * it: controls (C0, C1), marks without a width, and those that turn the direction of writing. The page
 * writes out the same ones (client/words.js). */
static bool is_unprintable(unsigned long c)
{
    return c < ' ' || (c >= 0x7F && c <= 0xA0) || c == 0xAD || c == 0x61C || c == 0x180E ||
           (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || c >= 0xE0000;
}

/* Lesson 13, provided. Prints the character at the beginning of a text, escaped if it is unprintable,
 * and any byte that is no UTF-8 in hex. Returns how many bytes it has printed. */
static size_t print_character(FILE *to, const unsigned char *bytes, size_t size)
{
    struct utf8 check = {.missing = 0};
    size_t n = 0;
    unsigned long c;

    do {
        if (n == size || utf8_check(&check, bytes + n, 1) != 0) {
            fprintf(to, "\\x%02x", *bytes);
            return 1;
        }
        n++;
    } while (check.missing > 0);
    c = n == 1 ? *bytes : *bytes & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (bytes[i] & 0x3F);
    if (is_unprintable(c))
        fprintf(to, "\\u{%lx}", c);
    else
        fwrite(bytes, 1, n, to);
    return n;
}

/* Lesson 13, provided. Prints a text, at most PRINTED_BYTES of it, in quotation marks. */
static void print_text(FILE *to, const unsigned char *bytes, size_t size, bool cut)
{
    size_t at = 0;

    fprintf(to, " \"");
    while (at < size && at < PRINTED_BYTES)
        at += print_character(to, bytes + at, size - at);
    fprintf(to, "\"%s", cut || at < size ? "..." : "");
}

/* Lesson 13, provided. Prints bytes in hex, at most PRINTED_BYTES / 3 of them. */
static void print_bytes(FILE *to, const unsigned char *bytes, size_t size, bool cut)
{
    size_t at = 0;

    for (; at < size && at < PRINTED_BYTES / 3; at++)
        fprintf(to, " %02x", bytes[at]);
    fprintf(to, "%s", cut || at < size ? " ..." : "");
}

/* Lesson 13, provided. Prints a frame: its kind, its length, and the beginning of its payload, of which
 * a copy is unmasked. */
static void print_frame(FILE *to, const struct trace_event *event)
{
    static const char *const names[16] = {
        "continuation", "text", "binary", [8] = "close", [9] = "ping", [10] = "pong"};
    unsigned char payload[TRACE_PAYLOAD_BYTES];
    unsigned char start[2] = {event->bytes[0], event->size > 1 ? event->bytes[1] : 0};
    struct frame frame;
    size_t size = 0;

    frame_decode_start(&frame, start);
    if (event->size > frame.header_size)
        size = event->size - frame.header_size;
    memcpy(payload, event->bytes + frame.header_size, size);
    if (frame.masked)
        frame_unmask(payload, size, event->bytes + frame.header_size - 4, 0);
    fprintf(to, "frame: %s%s%s, %llu bytes",
            names[frame.opcode] ? names[frame.opcode] : "unknown opcode",
            frame.fin ? "" : " (to be continued)", (frame.rsv & RSV1) != 0 ? ", RSV1" : "",
            (unsigned long long)event->length);
    if (frame.opcode == OPCODE_CLOSE && size >= 2) {
        fprintf(to, ", code %d", payload[0] << 8 | payload[1]);
        print_text(to, payload + 2, size - 2, false);
    } else if (frame.opcode == OPCODE_TEXT && frame.rsv == 0 && size > 0) {
        print_text(to, payload, size, event->cut);
    } else {
        print_bytes(to, payload, size, event->cut);
    }
}

/* Lesson 13, provided. Prints an event as one line. */
void wire_print(const struct trace_event *event, FILE *to)
{
    fprintf(to, "%11.6f  ", (double)(event->t_us - started_us) / 1e6);
    if (event->kind == TRACE_DROPPED) {
        fprintf(to, "%llu events are not shown: they came too fast\n",
                (unsigned long long)event->length);
        return;
    }
    fprintf(to, "client %-4lu ", event->connection);
    if (event->kind == TRACE_LINE || event->kind == TRACE_FRAME)
        fprintf(to, "%s  ", event->direction == TRACE_IN ? "in " : "out");
    if (event->kind == TRACE_FRAME) {
        print_frame(to, event);
    } else {
        fprintf(to, "%s: ", kinds[event->kind].name);
        for (size_t at = 0; at < event->size;)
            at += print_character(to, event->bytes + at, event->size - at);
        fprintf(to, "%s", event->cut ? "..." : "");
    }
    fprintf(to, "\n");
}

/* ---- subscribers ---- */

/* Lesson 13, provided. Whether to pause: the number of the last event is a multiple of the share. */
static bool is_pause(const struct subscriber *subscriber)
{
    return subscriber->number % (PAUSE_EVENTS / trace_subscribers + 1) == 0;
}

/* Lesson 13, provided. A subscriber's next event, as JSON. */
static int next_json(struct subscriber *subscriber, char *text, size_t *length, bool wait)
{
    struct trace_event event;

    if (wait || is_pause(subscriber))
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000}, NULL);
    if (trace_next(subscriber, &event, wait) != 0)
        return -1;
    *length = wire_json(&event, text);
    return 0;
}

/* Lesson 13, provided. Serves a client of /wire, unless it is one too many. The thread of --verbose does
 * not count. What such a client says means nothing. */
void wire_serve(struct websocket *ws)
{
    struct sender sender = {.ws = ws, .next = next_json};
    unsigned subscribers = trace_subscribe(&sender.subscriber);

    if (subscribers > options.max_watchers + (is_printing ? 1 : 0)) {
        ws->close_code = CLOSE_TRY_AGAIN_LATER;
        ws->reason = "too many pages show all traffic";
    } else if (sender_start(&sender) == 0) {
        while (frame_read_message(ws) == 0)
            ;
        trace_end(&sender.subscriber);
        sender_join(&sender);
    }
    trace_unsubscribe();
}

/* Lesson 13, provided. Nobody reads standard output any more, or its disk is full: no event is recorded for
 * it from here on. */
static void *give_up_printing(void)
{
    fprintf(stderr, "server: cannot write to standard output: %s; --verbose ends\n", strerror(errno));
    trace_unsubscribe();
    is_printing = false;
    return NULL;
}

/* Lesson 13, provided. The thread of --verbose. It is a subscriber like any other, so a terminal that is
 * paused holds up this thread and no worker. */
static void *print_events(void *ignored)
{
    struct trace_event event;

    (void)ignored;
    pthread_setname_np(pthread_self(), "printer");
    for (;;) {
        if (trace_next(&printer, &event, false) != 0) {
            if (fflush(stdout) != 0 && errno != EAGAIN) /* a terminal that is slow, and does not block */
                return give_up_printing();
            if (trace_next(&printer, &event, true) != 0)
                return NULL;
        }
        wire_print(&event, stdout);
    }
}

/* Lesson 13, provided. Starts printing, in a thread that gets none of main's signals: one would interrupt its
 * write, and stdio would drop what it was to write. */
int wire_start_printing(void)
{
    sigset_t mains;
    int error;

    trace_subscribe(&printer);
    is_printing = true;
    sigemptyset(&mains);
    sigaddset(&mains, SIGINT);
    sigaddset(&mains, SIGTERM);
    sigaddset(&mains, SIGHUP);
    sigaddset(&mains, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &mains, NULL); /* the new thread has it from us */
    error = pthread_create(&printer_thread, &thread_attributes, print_events, NULL);
    pthread_sigmask(SIG_UNBLOCK, &mains, NULL);
    if (error == 0)
        return 0;
    fprintf(stderr, "server: no thread for --verbose\n");
    return -1;
}

/* Lesson 13, provided. Ends the printing. */
int wire_stop_printing(int seconds)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    trace_end(&printer);
    return pthread_timedjoin_np(printer_thread, NULL, &until) == 0 ? 0 : -1;
}
