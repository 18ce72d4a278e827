/*
 * stream.h - a client's socket, with a buffer for reading and one for writing
 *
 * TCP delivers a stream of bytes, not messages: one recv may return half a line, or three frames
 * and a half. This layer turns "some bytes" into "a line" and "n bytes", and gathers small writes
 * until they are worth a send. It is the only file that calls recv, send or shutdown on a client's
 * socket.
 *
 * Who may call what: a stream has one reader, the client's own worker thread. Any thread may write;
 * the write lock keeps each write whole. A write marked STREAM_MORE may wait in the write buffer for
 * the next one. The reader sends what waits there before it waits itself; any other thread that
 * writes so must call stream_flush before it waits for something else.
 *
 * A call that can fail returns 0, or -1 after it has stored why: in `cause` if it reads, in
 * `write_cause` if it writes. A read that was woken (STREAM_IDLE, STREAM_STOPPING) has lost nothing:
 * it can be repeated.
 */
#ifndef STREAM_H
#define STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in each of the two buffers. 16 KiB holds a few hundred small frames from one recv. Linux
 * does not count memory to the process until a byte of it is used. */
#define STREAM_BUFFER_BYTES (16 * 1024)

/* Seconds that stream_linger waits for the client to close as well. Long enough for a slow line to
 * carry our last bytes, short enough that a client cannot hold a thread by staying. */
#define LINGER_S 2

/* Seconds without progress after which the kernel drops what a client has not read, once its connection
 * is closed. */
#define ABANDON_S 30

/* Why a call has failed, or why the connection has ended. */
enum stream_cause {
    STREAM_OK = 0,
    STREAM_EOF,           /* the client will send nothing more */
    STREAM_ERROR,         /* the connection broke */
    STREAM_WRITE_TIMEOUT, /* the client acknowledged none of our bytes for too long */
    STREAM_INTERRUPTED,   /* a signal interrupted the call */
    STREAM_IDLE,          /* woken: the client's time is up */
    STREAM_STOPPING,      /* woken: the server stops */
    STREAM_TOO_LONG,      /* the line does not fit */
    STREAM_NOT_TEXT,      /* the line holds a control character */
    STREAM_CLOSED,        /* the server has closed the connection */
};

/* What else a writer may say; 0: nothing. */
enum stream_flags {
    STREAM_MORE = 1, /* more follows soon: this write may wait for it */
    STREAM_LAST = 2, /* nothing may follow: later writes are dropped */
};

struct stream {
    int fd; /* never changes */

    /* The reader's own; no lock. */
    enum stream_cause cause; /* why the last read failed; at the end, why the connection ended */
    size_t in_start;         /* in[in_start] is the next unread byte, */
    size_t in_end;           /* in[in_end] the first free one */

    /* Shared by the reader and main; atomic, no lock. */
    atomic_ulong received; /* bytes so far; only the reader writes it */
    atomic_int wake;       /* main: the reader is to stop waiting, for this cause; 0: go on waiting */
    atomic_int aborted;    /* main: the connection was aborted, for this cause; 0: it was not */

    /* Under write_lock. */
    pthread_mutex_t write_lock;
    enum stream_cause write_cause; /* why nothing can be sent any more; STREAM_OK: it can */
    bool closed;                   /* the write with STREAM_LAST has been made */
    size_t out_length;

    /* The buffers come last, and what is always in use lies close together before them, so that an
     * idle client uses few pages of memory. `in` is the reader's own, `out` is under write_lock. */
    unsigned char in[STREAM_BUFFER_BYTES];
    unsigned char out[STREAM_BUFFER_BYTES];
};

/* Turns a connected socket into a stream, which owns it from now on. Does not block. */
void stream_open(struct stream *s, int fd);

/* Closes the socket at once. To let the client read what was sent, call stream_linger first. */
void stream_close(struct stream *s);

/* ---- reading: for the client's worker alone ---- */

/* Receives once into the read buffer, which is not full: at least one byte. Blocks. */
int stream_fill(struct stream *s);

/* Reads one line into `line`, without its end (CR LF, or LF alone), and adds a null terminator.
 * `size` counts that terminator and a CR too. Blocks. If it fails, *length is the number of
 * characters that had come; they have been taken from the stream, so the line cannot be continued. */
int stream_read_line(struct stream *s, char *line, size_t size, size_t *length);

/* Makes n bytes wait in the read buffer, at most STREAM_BUFFER_BYTES. Blocks until they are there. */
int stream_need(struct stream *s, size_t n);

/* How many bytes wait in the read buffer, where they are, and that n of them have been read. A
 * pointer is good until the next call that receives. These do not block. */
static inline size_t stream_waiting(const struct stream *s)
{
    return s->in_end - s->in_start;
}

static inline unsigned char *stream_next(struct stream *s)
{
    return s->in + s->in_start;
}

static inline void stream_skip(struct stream *s, size_t n)
{
    s->in_start += n;
}

/* The flag for a reply: STREAM_MORE if more has come to be read, because then another reply may follow
 * soon; else 0. */
static inline unsigned stream_more(const struct stream *s)
{
    return stream_waiting(s) > 0 ? STREAM_MORE : 0;
}

/* Reads between 1 and `room` bytes into `to`, as many as are there, and stores their number in *got.
 * Blocks only if there are none. */
int stream_read_some(struct stream *s, void *to, size_t room, size_t *got);

/* Whether nothing is under way on the connection: no byte that we have not read yet, and none of ours
 * that the client has not acknowledged. Does not block. */
bool stream_is_idle(const struct stream *s);

/* How far a client is with what was written to it. */
struct stream_progress {
    uint64_t acknowledged; /* bytes so far */
    bool pending;          /* there are more, which it has not acknowledged yet: */
    bool under_way; /* some of them have left; else all wait here, for room at the client's side */
};

/* Looks how far the client is. Does not block. */
struct stream_progress stream_progress(const struct stream *s);

/* Gives memory back to the system that bursts have used in the buffers and that is free now. Does
 * not block. */
void stream_trim(struct stream *s);

/* ---- writing: for any thread ---- */

/* Writes two pieces as one; either may be empty. `flags` are of enum stream_flags. Blocks while the
 * client's side has no room. -1 without a write_cause: dropped, because a write with STREAM_LAST was
 * made before. */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, unsigned flags);

/* Sends what waits in the write buffer. Blocks as stream_write does. */
int stream_flush(struct stream *s);

/* Whether the last write has been made. Blocks only while another thread is sending. */
bool stream_is_closed(struct stream *s);

/* ---- the end ---- */

/* Sends what is pending, says that no more will follow, and reads and ignores what the client still
 * sends, until it closes too or LINGER_S have passed (twice that at most). To close at once would
 * answer unread bytes with a reset, which can overtake our last bytes. What the client has not read when
 * this returns, the kernel keeps sending, for ABANDON_S at most. Blocks: for sending as
 * stream_write does, then for that time. */
void stream_linger(struct stream *s);

/* Ends both directions at once, from any thread, which ends every call that waits for this client. What
 * was not sent yet is lost. */
void stream_abort(struct stream *s, enum stream_cause cause);

/* Why the connection ended, in words. */
const char *stream_reason(struct stream *s);

#endif
