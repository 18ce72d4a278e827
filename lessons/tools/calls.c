/*
 * calls.c - see calls.h
 *
 * The linker leads the calls through here (--wrap). Each is noted for the thread that makes it.
 */
#include "calls.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "frame.h"
#include "options.h"
#include "stream.h"
#include "todo.h"
#include "trace.h"

static bool checked_time;     /* main's own: before this accept4 */
static bool accepting;        /* main's own: it has come to its first accept4 */
static atomic_bool unchecked; /* before some accept4 not: every worker looks at it */
static atomic_bool no_room;   /* some accept4 had no room for an address */

static _Thread_local struct {
    bool is_worker; /* else it is main */
    bool running, upgraded, freed, compressed, noted, closed, ended;
    bool wants_hiding, hidden;
    bool has_wrong_flags, has_wrong_limits;
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

void calls_accept(size_t room)
{
    accepting = true;
    if (room < sizeof(struct sockaddr_in))
        no_room = true;
    if (!checked_time)
        unchecked = true;
    checked_time = false;
}

void calls_switch(const struct request *r, unsigned flags)
{
    bool speaks_first = strcmp(r->path, "/chat") == 0 || strcmp(r->path, "/wire") == 0;

    made.stream = r->stream;
    made.has_wrong_flags = (flags & STREAM_LAST) != 0 ||
                           ((speaks_first ? STREAM_MORE : stream_more(r->stream)) & ~flags) != 0;
    made.wants_hiding = strcmp(r->path, "/wire") == 0;
}

bool calls_end_handler(const char *reason)
{
    if (made.ws == NULL)
        return false;
    made.ws->close_code = CLOSE_INTERNAL_ERROR;
    made.ws->reason = made.reason = reason;
    return true;
}

bool calls_handler_has_ended(void)
{
    return made.reason != NULL;
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

void calls_closed(void)
{
    made.closed = true;
}

/* What on_upgrade must have called before the handler runs. */
static const char *missing_before_handler(void)
{
    if (!made.freed)
        return "on_upgrade must call request_free before the handler runs";
    if (made.ws == NULL)
        return "on_upgrade must call frame_begin before the handler runs";
    if (made.has_wrong_limits)
        return "on_upgrade must give frame_begin options.max_message and options.max_memory, in this "
               "order";
    if (!made.compressed)
        return "on_upgrade must call frame_compress before the handler runs";
    return NULL;
}

/* What it must have called after the handler, which has ended with a close code. */
static const char *missing_after_handler(void)
{
    if (!made.closed)
        return "on_upgrade must call frame_close if the handler leaves a close_code";
    if (!made.noted)
        return "on_upgrade must call trace_note, with ws.reason, before frame_close";
    if (made.stream == NULL || made.stream->cause != STREAM_CLOSED)
        return "on_upgrade must set the stream's cause to STREAM_CLOSED after frame_close";
    if (!made.ended)
        return "on_upgrade must call frame_end at its end";
    return NULL;
}

static const char *missing_in_switch(void)
{
    if (!made.upgraded)
        return "switch_protocols must call clients_upgraded after the 101";
    if (made.has_wrong_flags)
        return "switch_protocols must give handshake_switch the route's flags and STREAM_MORE if there "
               "is a head";
    if (made.hidden != made.wants_hiding)
        return "switch_protocols must call trace_hide if the route is not traced, and only then";
    if (made.reason != NULL && stream_waiting(made.stream) < made.waiting)
        return "switch_protocols must leave in the stream what came after the request";
    return NULL;
}

const char *calls_left_out(bool is_end, int *lesson)
{
    const char *words = NULL;

    *lesson = 8;
    if (made.stream != NULL)
        words = missing_in_switch();
    if (words == NULL && made.stream != NULL)
        words = missing_before_handler();
    if (words == NULL && is_end && made.reason != NULL)
        words = missing_after_handler();
    if (words != NULL)
        return words;
    *lesson = 1;
    if (unchecked)
        return "accept_loop must call clients_check_time before each accept4";
    if (no_room)
        return "accept_loop must set length to the size of from before each accept4";
    *lesson = 2;
    return made.running || !made.is_worker
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

void __real_trace_note(const struct trace_source *source, enum trace_kind kind, const char *why);
void __wrap_trace_note(const struct trace_source *source, enum trace_kind kind, const char *why);
void __wrap_trace_note(const struct trace_source *source, enum trace_kind kind, const char *why)
{
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
    made.has_wrong_limits = max_message != options.max_message || max_memory != options.max_memory;
    __real_frame_begin(ws, stream, source, max_message, max_memory);
}

void __real_frame_compress(struct websocket *ws, unsigned window_bits);
void __wrap_frame_compress(struct websocket *ws, unsigned window_bits);
void __wrap_frame_compress(struct websocket *ws, unsigned window_bits)
{
    made.compressed = true;
    __real_frame_compress(ws, window_bits);
}

void __real_frame_end(struct websocket *ws);
void __wrap_frame_end(struct websocket *ws);
void __wrap_frame_end(struct websocket *ws)
{
    made.ended = true;
    __real_frame_end(ws);
}
