/*
 * calls.c - see calls.h
 *
 * The linker leads the calls through here (--wrap). Each is noted for the thread that makes it.
 */
#include "calls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chat.h"
#include "clients.h"
#include "crash.h"
#include "frame.h"
#include "options.h"
#include "stream.h"
#include "todo.h"
#include "trace.h"

#ifndef FIRST_UNWRITTEN
#define FIRST_UNWRITTEN 99
#endif

static bool checked_time;     /* main's own: before this accept4 */
static bool accepting;        /* main's own: it has come to its first accept4 */
static atomic_bool unchecked; /* before some accept4 not: every worker looks at it */
static atomic_bool no_room;   /* some accept4 had less room than the client's address needs */
static bool create_failed;    /* main's own: it has no new thread's handle */
static atomic_bool detached;  /* such a handle was given to pthread_detach */

static _Thread_local struct {
    bool is_worker; /* else it is main */
    bool running, upgraded, freed, compressed, noted, closed, ended, left;
    bool noted_error;  /* a sentence was recorded */
    bool recorded;     /* a line of the 101 was recorded */
    bool client_left;  /* the handler is to end without a close code */
    bool kept_request; /* the handler has ended, and the request was not freed yet */
    bool wants_hiding, hidden;
    bool has_wrong_flags, has_last, has_wrong_limits;
    bool may_wait, sent_early; /* the 101 may wait for the first reply; it has not */
    bool has_wrong_close;      /* frame_close got something else than the handler has left */
    struct stream *stream;
    unsigned long waiting; /* bytes after the request */
    struct websocket *ws;  /* NULL: not begun */
    const char *reason;    /* NULL: the handler has not ended */
} made;

void calls_begin(void)
{
    memset(&made, 0, sizeof made);
    made.is_worker = true;
}

void calls_accept(void)
{
    accepting = true;
    if (!checked_time)
        unchecked = true;
    checked_time = false;
}

void calls_accepted(size_t room, size_t needed)
{
    if (room < needed)
        no_room = true;
}

void calls_create(bool succeeded)
{
    if (!made.is_worker)
        create_failed = !succeeded;
}

void calls_switch(const struct request *r, unsigned flags)
{
    bool speaks_first = strcmp(r->path, "/chat") == 0 || strcmp(r->path, "/wire") == 0;

    made.stream = r->stream;
    made.recorded = false;
    made.has_last = (flags & STREAM_LAST) != 0;
    made.has_wrong_flags = ((speaks_first ? STREAM_MORE : stream_more(r->stream)) & ~flags) != 0;
    made.may_wait = (flags & STREAM_MORE) != 0;
    made.wants_hiding = strcmp(r->path, "/wire") == 0;
    made.client_left = r->query != NULL && strcmp(r->query, "left") == 0;
}

bool calls_end_handler(const char *reason)
{
    if (made.ws == NULL)
        return false;
    made.kept_request = !made.freed;
    made.ws->close_code = made.client_left ? 0 : CLOSE_INTERNAL_ERROR;
    made.ws->reason = made.reason = reason;
    return true;
}

bool calls_handler_has_ended(void)
{
    return made.reason != NULL;
}

bool calls_has_websocket(void)
{
    return made.ws != NULL && !made.ended;
}

void calls_give_back(void)
{
    if (made.ws != NULL)
        frame_end(made.ws);
}

const char *calls_reason(void)
{
    return made.reason;
}

bool calls_has_noted_error(void)
{
    return made.noted_error;
}

/* What on_upgrade must have called before the handler runs. */
static const char *missing_before_handler(void)
{
    if (!made.freed || made.kept_request)
        return "on_upgrade must call request_free before the handler runs";
    if (made.ws == NULL)
        return "on_upgrade must call frame_begin before the handler runs";
    if (made.has_wrong_limits)
        return "on_upgrade must give frame_begin options.max_message and options.max_memory, in this "
               "order";
    if (!made.compressed)
        return "on_upgrade must call frame_compress after frame_begin, before the handler runs";
    return NULL;
}

/* What it must have called after the handler, which has ended with a close code or because the client left. */
static const char *missing_after_handler(void)
{
    if (made.client_left) {
        if (made.closed || made.noted)
            return "on_upgrade must call trace_note and frame_close only if the handler leaves a "
                   "close_code";
        if (made.stream != NULL && made.stream->cause == STREAM_CLOSED)
            return "on_upgrade must set the stream's cause only if the handler leaves a close_code";
        return NULL;
    }
    if (!made.closed)
        return "on_upgrade must call frame_close if the handler leaves a close_code";
    if (made.has_wrong_close)
        return "on_upgrade must give frame_close close_code, reason, and the reason's length: strlen";
    if (!made.noted)
        return "on_upgrade must call trace_note, with ws.reason, before frame_close";
    if (made.stream == NULL || made.stream->cause != STREAM_CLOSED)
        return "on_upgrade must set the stream's cause to STREAM_CLOSED after frame_close";
    return NULL;
}

static const char *missing_in_switch(void)
{
    if (!made.recorded)
        return "handshake_switch must call write_head, which records what the page shows";
    if (!made.upgraded)
        return "switch_protocols must call clients_upgraded after the 101, before on_upgrade";
    if (made.has_last)
        return "switch_protocols must add STREAM_MORE with |, not with +: twice STREAM_MORE is "
               "STREAM_LAST";
    if (made.has_wrong_flags)
        return "switch_protocols must give handshake_switch route->flags, and STREAM_MORE if there is a "
               "head";
    if (made.hidden != made.wants_hiding)
        return "switch_protocols must call trace_hide if the route is not traced, and only then";
    if (made.sent_early)
        return "with STREAM_MORE the 101 waits for a reply: write_head must get the flags; do not flush";
    if (made.reason != NULL && stream_waiting(made.stream) < made.waiting)
        return "switch_protocols must leave in the stream what came after the request";
    return NULL;
}

const char *calls_left_out(const char *function, bool is_end, int *lesson)
{
    bool has_switched = made.stream != NULL && strcmp(function, "handshake_switch") != 0;
    const char *words = NULL;

    *lesson = 8;
    if (has_switched)
        words = missing_in_switch();
    if (words == NULL && has_switched && strcmp(function, "on_upgrade") != 0)
        words = missing_before_handler();
    if (words == NULL && is_end && made.reason != NULL)
        words = missing_after_handler();
    if (words == NULL && is_end && calls_has_websocket())
        words = "on_upgrade must call frame_end at its end, with a close_code or without";
    if (words != NULL)
        return words;
    *lesson = 1;
    if (unchecked)
        return "accept_loop must call clients_check_time before each accept4";
    if (no_room)
        return "accept_loop must set length to the size of from, a struct sockaddr_storage, before each "
               "accept4";
    *lesson = 2;
    if (detached)
        return "start_worker must not call pthread_detach if pthread_create has failed";
    return made.running || !made.is_worker || strcmp(function, "worker") == 0
               ? NULL
               : "worker must call clients_running before it serves the client";
}

/* Whether a descriptor is a socket of ours that neither listens nor is connected. */
static bool is_left_open(int fd)
{
    struct sockaddr_storage address;
    int domain = 0, listens = 1;
    socklen_t length = sizeof address, size = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
           (domain == AF_INET || domain == AF_INET6) &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && !listens &&
           getpeername(fd, (struct sockaddr *)&address, &length) != 0;
}

/* At the end of a server that could not listen: a socket that is still there is one of open_socket's. */
__attribute__((destructor)) static void look_for_sockets(void)
{
    enum { MOST = 64 };

    for (int fd = STDERR_FILENO + 1; fd < MOST && !accepting && unwritten == NULL; fd++)
        if (is_left_open(fd)) {
            fprintf(stderr, "server: open_socket must close its socket when it fails (lesson 1)\n");
            return;
        }
}

/* ---- the calls ---- */

void __real_clients_check_time(void);
void __wrap_clients_check_time(void);
void __wrap_clients_check_time(void)
{
    checked_time = true;
    __real_clients_check_time();
}

int __real_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread)
{
    if (!made.is_worker && create_failed) {
        detached = true;
        return 0; /* the handle is whatever was in memory */
    }
    return __real_pthread_detach(thread);
}

/* Until it is written, it refuses the one name with which lesson 6 sees whether upgrade minds the result. */
int __real_chat_name(struct request *request) __attribute__((weak)); /* a challenge may do without it */
int __wrap_chat_name(struct request *request);
int __wrap_chat_name(struct request *request)
{
    if (FIRST_UNWRITTEN > 13 || request->query == NULL || strcmp(request->query, "name=%21") != 0)
        return __real_chat_name(request);
    request->status = 400;
    request->reason = "This name is not allowed.";
    return -1;
}

/* Until it is written: FF is in no character of UTF-8, and after C3 a byte is missing. With these two, lesson 11's
 * check tests handle_close. */
int __real_utf8_check(struct utf8 *text, const unsigned char *bytes, size_t length);
int __wrap_utf8_check(struct utf8 *text, const unsigned char *bytes, size_t length);
int __wrap_utf8_check(struct utf8 *text, const unsigned char *bytes, size_t length)
{
    unsigned before;
    int result;

    if (FIRST_UNWRITTEN > 12)
        return __real_utf8_check(text, bytes, length);
    before = text->missing;
    result = __real_utf8_check(text, bytes, length);
    if (length != 1 || result != 0)
        return result;
    if (text->missing == before) /* nobody has counted this byte */
        text->missing = before == 0 && *bytes == 0xC3 ? 1 : 0;
    return *bytes == 0xFF ? -1 : 0;
}

/* A client that leaves twice is counted twice, and what fails later does not say why. */
void __real_clients_leave(struct client *client);
void __wrap_clients_leave(struct client *client);
void __wrap_clients_leave(struct client *client)
{
    if (made.is_worker && made.left && crash_now != NULL)
        crash_now("left");
    made.left = true;
    __real_clients_leave(client);
}

void __real_clients_running(struct client *client);
void __wrap_clients_running(struct client *client);
void __wrap_clients_running(struct client *client)
{
    made.running = true;
    __real_clients_running(client);
}

void __real_clients_upgraded(struct client *client);
void __wrap_clients_upgraded(struct client *client);
void __wrap_clients_upgraded(struct client *client)
{
    made.upgraded = true;
    __real_clients_upgraded(client);
}

/* A look at the clients' time may come early. With $SLOW_CLOCK, main's clock loses 20 ms a second. It must
 * not go back, because clients_stop waits until it has reached a time. */
int64_t __real_clock_ms(void);
int64_t __wrap_clock_ms(void);
int64_t __wrap_clock_ms(void)
{
    static int64_t begun_ms; /* main's own */
    int64_t now_ms = __real_clock_ms();

    if (made.is_worker || getenv("SLOW_CLOCK") == NULL)
        return now_ms;
    if (begun_ms == 0)
        begun_ms = now_ms;
    return now_ms - (now_ms - begun_ms) / 50;
}

/* A signal that comes just before recv has no effect. With $LOSE_SIGNALS, the first one of all comes then. */
int __real_pthread_kill(pthread_t thread, int number);
int __wrap_pthread_kill(pthread_t thread, int number);
int __wrap_pthread_kill(pthread_t thread, int number)
{
    static atomic_bool lost;

    if (getenv("LOSE_SIGNALS") != NULL && !atomic_exchange(&lost, true))
        return 0;
    return __real_pthread_kill(thread, number);
}

void __real_request_free(struct request *r);
void __wrap_request_free(struct request *r);
void __wrap_request_free(struct request *r)
{
    made.freed = true;
    __real_request_free(r);
}

int __real_handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count);
int __wrap_handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count);
int __wrap_handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    made.waiting = stream_waiting(r->stream);
    return __real_handshake_check(r, allowed, allowed_count);
}

void __real_trace_hide(struct trace_source *source);
void __wrap_trace_hide(struct trace_source *source);
void __wrap_trace_hide(struct trace_source *source)
{
    made.hidden = true;
    __real_trace_hide(source);
}

void __real_trace_line(const struct trace_source *source, enum trace_direction direction,
                       const char *line, size_t length);
void __wrap_trace_line(const struct trace_source *source, enum trace_direction direction,
                       const char *line, size_t length);
void __wrap_trace_line(const struct trace_source *source, enum trace_direction direction,
                       const char *line, size_t length)
{
    made.recorded = made.recorded || direction == TRACE_OUT;
    __real_trace_line(source, direction, line, length);
}

void __real_trace_note(const struct trace_source *source, enum trace_kind kind, const char *why);
void __wrap_trace_note(const struct trace_source *source, enum trace_kind kind, const char *why);
void __wrap_trace_note(const struct trace_source *source, enum trace_kind kind, const char *why)
{
    made.noted_error = made.noted_error || (kind == TRACE_ERROR && why != NULL);
    made.noted = made.noted || (made.reason != NULL && why == made.reason && !made.closed);
    __real_trace_note(source, kind, why);
}

void __real_frame_begin(struct websocket *ws, struct stream *stream, const struct trace_source *source,
                        size_t max_message, size_t max_memory);
void __wrap_frame_begin(struct websocket *ws, struct stream *stream, const struct trace_source *source,
                        size_t max_message, size_t max_memory);
void __wrap_frame_begin(struct websocket *ws, struct stream *stream, const struct trace_source *source,
                        size_t max_message, size_t max_memory)
{
    made.ws = ws;
    made.sent_early = made.may_wait && stream->out_length == 0;
    made.has_wrong_limits = max_message != options.max_message || max_memory != options.max_memory;
    __real_frame_begin(ws, stream, source, max_message, max_memory);
}

void __real_frame_compress(struct websocket *ws, unsigned window_bits);
void __wrap_frame_compress(struct websocket *ws, unsigned window_bits);
void __wrap_frame_compress(struct websocket *ws, unsigned window_bits)
{
    made.compressed = made.ws != NULL; /* frame_begin would forget it */
    __real_frame_compress(ws, window_bits);
}

void __real_frame_close(struct websocket *ws, unsigned code, const void *reason, size_t reason_length);
void __wrap_frame_close(struct websocket *ws, unsigned code, const void *reason, size_t reason_length);
void __wrap_frame_close(struct websocket *ws, unsigned code, const void *reason, size_t reason_length)
{
    if (made.reason != NULL) {
        made.closed = true;
        made.has_wrong_close = code != CLOSE_INTERNAL_ERROR || reason != made.reason ||
                               reason_length != strlen(made.reason);
    }
    __real_frame_close(ws, code, reason, reason_length);
}

void __real_frame_end(struct websocket *ws);
void __wrap_frame_end(struct websocket *ws);
void __wrap_frame_end(struct websocket *ws)
{
    made.ended = true;
    __real_frame_end(ws);
}
