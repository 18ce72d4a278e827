/*
 * stream.c - see stream.h for what each call promises
 *
 * The read buffer:   in[ read | waiting to be read | free ]
 *                              ^ in_start          ^ in_end
 *
 * A byte's way from recv to send:
 * 1. stream_fill receives it into `in`, after the bytes that wait there.
 * 2. frame.c finds a whole header in `in` and, for a small message, the whole payload, and takes the
 *    mask off in place; a large payload is received straight into memory of its own.
 * 3. The handler gets the message and writes it: frame_write makes a header for it.
 * 4. stream_write copies both into `out` if there is more to read, because then more replies will
 *    follow soon; else it sends them with one call.
 * 5. What waits in `out` is sent with the last reply of the batch, and always before the next recv: a
 *    client that waits for its reply has it before we wait for the client.
 *
 * stdio's FILE would buffer too, but it does not tell an end from an error, or half a line from a whole
 * one. Here these differences are the point.
 */
#include "stream.h"

#include "clock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h> /* its struct tcp_info has more fields than that of netinet/tcp.h */
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes that are few enough to be joined on the stack without touching another page of it. */
#define SMALL_BYTES 512

/* Lesson 3, provided. Stores why a read has failed. Always returns -1. */
static int fail(struct stream *s, enum stream_cause cause)
{
    s->cause = cause;
    return -1;
}

/* Lesson 3, provided. The cause that errno stands for, after a recv or a send has failed. */
static enum stream_cause cause_of(int error)
{
    if (error == EINTR)
        return STREAM_INTERRUPTED;
    return error == ETIMEDOUT ? STREAM_WRITE_TIMEOUT : STREAM_ERROR;
}

/* Lesson 3, provided. Turns a connected socket into a stream. */
void stream_open(struct stream *s, int fd)
{
    int on = 1;

    s->fd = fd;
    s->cause = s->write_cause = STREAM_OK;
    s->in_start = s->in_end = s->out_length = 0;
    s->closed = false;
    atomic_init(&s->received, 0);
    atomic_init(&s->wake, 0);
    atomic_init(&s->aborted, 0);
    pthread_mutex_init(&s->write_lock, NULL);
    /* We gather small writes ourselves, so the kernel need not hold them back as well. If this fails,
     * everything still works, only slower. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Lesson 3, provided. Gives the socket and the lock back. */
void stream_close(struct stream *s)
{
    struct linger at_once = {.l_onoff = 1};
    unsigned abandon_ms = ABANDON_S * 1000;

    if (atomic_load(&s->aborted) != 0) /* a reset, which also drops what the client has not read */
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    else
        setsockopt(s->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &abandon_ms, sizeof abandon_ms);
    close(s->fd);
    pthread_mutex_destroy(&s->write_lock);
}

/* ---- writing: the functions named *_locked are called with the write lock held ---- */

/* Lesson 5, provided. Copies bytes, and returns how many. */
static size_t copy(unsigned char *to, const void *bytes, size_t length)
{
    if (length > 0) /* memcpy from NULL is not allowed, not even of nothing */
        memcpy(to, bytes, length);
    return length;
}

/* Lesson 5. Sends all the bytes, however many sends that takes: one send may take only a part of
 * them. After a failure nothing can be sent any more, so the reader is told as well, by the end of the
 * connection. MSG_MORE in `msg_more`: the kernel may keep the last bytes for those that follow. */
static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    const char *next = bytes;

    while (s->write_cause == STREAM_OK && length > 0) {
        /* MSG_NOSIGNAL: a client that has gone is an error here, not a SIGPIPE to the process. */
        ssize_t n = send(s->fd, next, length, msg_more | MSG_NOSIGNAL);
        if (n >= 0) {
            next += n;
            length -= (size_t)n;
        } else if (errno != EINTR) {
            s->write_cause = cause_of(errno);
            shutdown(s->fd, SHUT_RDWR);
        }
    }
    return s->write_cause == STREAM_OK ? 0 : -1;
}

/* Lesson 5, provided. Sends what waits in the write buffer, if anything does. */
static int flush_locked(struct stream *s, int msg_more)
{
    if (s->out_length > 0)
        send_all_locked(s, s->out, s->out_length, msg_more);
    s->out_length = 0;
    return s->write_cause == STREAM_OK ? 0 : -1;
}

/* Lesson 5, provided. Sends two small pieces with one call, when nothing waits. They are joined on the
 * stack, so that a client that is idle most of the time has no page of its write buffer in memory. */
static int send_small_locked(struct stream *s, const void *first, size_t first_length,
                             const void *second, size_t second_length)
{
    unsigned char both[SMALL_BYTES];
    size_t length = copy(both, first, first_length);

    length += copy(both + length, second, second_length);
    return send_all_locked(s, both, length, 0);
}

/* Lesson 5, provided. Sends what waits, and then two pieces, without a copy. */
static int send_large_locked(struct stream *s, const void *first, size_t first_length,
                             const void *second, size_t second_length)
{
    flush_locked(s, MSG_MORE);
    send_all_locked(s, first, first_length, second_length > 0 ? MSG_MORE : 0);
    return send_all_locked(s, second, second_length, 0);
}

/* Lesson 5. Writes two pieces as one: too large for the buffer, they are sent without a copy;
 * small and alone, they are sent at once; else they are added to the buffer. */
static int write_locked(struct stream *s, const void *first, size_t first_length, const void *second,
                        size_t second_length, unsigned flags)
{
    size_t length = first_length + second_length;
    bool more = (flags & STREAM_MORE) != 0;

    if (length > STREAM_BUFFER_BYTES - s->out_length)
        return send_large_locked(s, first, first_length, second, second_length);
    if (!more && s->out_length == 0 && length <= SMALL_BYTES)
        return send_small_locked(s, first, first_length, second, second_length);
    s->out_length += copy(s->out + s->out_length, first, first_length);
    s->out_length += copy(s->out + s->out_length, second, second_length);
    return more ? 0 : flush_locked(s, 0);
}

/* Lesson 5, provided. Writes under the lock, unless nothing may follow any more. */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, unsigned flags)
{
    int result = -1;

    pthread_mutex_lock(&s->write_lock);
    if (!s->closed && s->write_cause == STREAM_OK)
        result = write_locked(s, first, first_length, second, second_length, flags);
    if ((flags & STREAM_LAST) != 0)
        s->closed = true;
    pthread_mutex_unlock(&s->write_lock);
    return result;
}

/* Lesson 5, provided. Sends what waits in the write buffer. */
int stream_flush(struct stream *s)
{
    int result;

    pthread_mutex_lock(&s->write_lock);
    result = flush_locked(s, 0);
    pthread_mutex_unlock(&s->write_lock);
    return result;
}

/* Lesson 11, provided. Whether the last write has been made. */
bool stream_is_closed(struct stream *s)
{
    bool closed;

    pthread_mutex_lock(&s->write_lock);
    closed = s->closed;
    pthread_mutex_unlock(&s->write_lock);
    return closed;
}

/* ---- reading ---- */

/* Lesson 3. Receives once, at most `room` bytes, and tells an end, an interruption and an error apart. */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    ssize_t n = recv(s->fd, to, room, 0);

    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 0;
    return fail(s, n == 0 ? STREAM_EOF : cause_of(errno));
}

/* Lesson 5, provided. Sends what is pending before a read waits. If another thread has the lock, it is
 * writing, which may take long, and it will flush: reading must not wait for that. */
static int flush_before_waiting(struct stream *s)
{
    int result;

    if (pthread_mutex_trylock(&s->write_lock) != 0)
        return 0;
    result = flush_locked(s, 0);
    if (result != 0)
        s->cause = s->write_cause;
    pthread_mutex_unlock(&s->write_lock);
    return result;
}

/* Lesson 14, provided. Fails if main wants this reader to stop waiting, once for each time. */
static int check_wake(struct stream *s)
{
    if (atomic_load_explicit(&s->wake, memory_order_relaxed) == 0)
        return 0;
    return fail(s, (enum stream_cause)atomic_exchange(&s->wake, 0));
}

/* Lesson 3, provided. Receives, and does what belongs to waiting: what is pending is sent first, and a
 * signal that interrupts recv has come either from main, which has left a cause, or for nothing. */
static int wait_and_receive(struct stream *s, void *to, size_t room, size_t *got)
{
    int result = flush_before_waiting(s);

    *got = 0;
    if (result != 0)
        return result;
    do
        result = check_wake(s) == 0 ? receive(s, to, room, got) : -1;
    while (result != 0 && s->cause == STREAM_INTERRUPTED);
    if (result != 0)
        return -1;
    s->cause = STREAM_OK; /* not that of an interruption before */
    /* an addition, not an atomic one: nobody else writes it */
    atomic_store_explicit(&s->received, s->received + *got, memory_order_relaxed);
    return 0;
}

/* Lesson 3. Receives more bytes, after those that wait in the read buffer. */
int stream_fill(struct stream *s)
{
    size_t got;
    int result;

    if (s->in_start == s->in_end) {
        s->in_start = s->in_end = 0;
    } else if (s->in_end == sizeof s->in) { /* no room after it: move what waits to the front */
        memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
        s->in_end -= s->in_start;
        s->in_start = 0;
    }
    result = wait_and_receive(s, s->in + s->in_end, sizeof s->in - s->in_end, &got);
    s->in_end += got;
    return result;
}

/* Lesson 3, provided. Whether a byte is a control character that no line of a request may hold. */
static bool is_control(unsigned char byte)
{
    return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

/* Lesson 3. Reads one line, however many recvs that takes; what follows it stays in the buffer. */
int stream_read_line(struct stream *s, char *line, size_t size, size_t *length)
{
    for (*length = 0;;) {
        if (s->in_start == s->in_end && stream_fill(s) != 0)
            return -1;
        char byte = (char)s->in[s->in_start++];
        bool after_cr = *length > 0 && line[*length - 1] == '\r';
        if (byte == '\n') {
            *length -= after_cr ? 1 : 0;
            line[*length] = '\0';
            return 0;
        }
        if (after_cr || (is_control((unsigned char)byte) && byte != '\r'))
            return fail(s, STREAM_NOT_TEXT); /* also a CR inside a line: RFC 9112 section 2.2 */
        if (*length + 1 == size)
            return fail(s, STREAM_TOO_LONG);
        line[(*length)++] = byte;
    }
}

/* Lesson 9. Makes n bytes wait in the read buffer, however many recvs that takes. */
int stream_need(struct stream *s, size_t n)
{
    while (s->in_end - s->in_start < n)
        if (stream_fill(s) != 0)
            return -1;
    return 0;
}

/* Lesson 10, provided. Reads what is there: from the buffer or, if that is empty and the caller has more
 * room than it, from the socket straight to the caller. A large message is then copied once less, and
 * comes with fewer calls. */
int stream_read_some(struct stream *s, void *to, size_t room, size_t *got)
{
    *got = 0;
    if (s->in_start == s->in_end) {
        if (room >= sizeof s->in)
            return wait_and_receive(s, to, room, got);
        if (stream_fill(s) != 0)
            return -1;
    }
    *got = stream_waiting(s) < room ? stream_waiting(s) : room;
    memcpy(to, stream_next(s), *got);
    stream_skip(s, *got);
    return 0;
}

/* Lesson 14, provided. Asks the kernel what has come and was not received, and what the client has not
 * acknowledged (tcp(7)). */
bool stream_is_idle(const struct stream *s)
{
    int unread = 0, unacknowledged = 0;

    ioctl(s->fd, FIONREAD, &unread);
    ioctl(s->fd, SIOCOUTQ, &unacknowledged);
    return unread == 0 && unacknowledged == 0;
}

/* Lesson 14, provided. Asks the kernel: what was handed to it in a send that still waits counts, too. */
struct stream_progress stream_progress(const struct stream *s)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;

    getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return (struct stream_progress){.acknowledged = info.tcpi_bytes_acked,
                                    .pending = info.tcpi_unacked > 0 || info.tcpi_notsent_bytes > 0,
                                    .under_way = info.tcpi_unacked > 0};
}

/* ---- memory ---- */

/* Lesson 14, provided. Gives the whole pages between two addresses back; they will read as zero. */
static void give_back(unsigned char *from, unsigned char *end)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)from + page - 1) / page * page, last = (uintptr_t)end / page * page;

    if (first < last)
        madvise((void *)first, last - first, MADV_DONTNEED);
}

/* Lesson 14, provided. Gives back the part of the buffers that is not in use. If another thread is
 * writing, it is using the write buffer. */
void stream_trim(struct stream *s)
{
    if (s->in_start == s->in_end)
        s->in_start = s->in_end = 0;
    give_back(s->in + s->in_end, s->in + sizeof s->in);
    if (pthread_mutex_trylock(&s->write_lock) != 0)
        return;
    give_back(s->out + s->out_length, s->out + sizeof s->out);
    pthread_mutex_unlock(&s->write_lock);
}

/* ---- the end ---- */

/* Lesson 5. Ends in an orderly way: sends everything, ends our direction, waits for the client's end.
 * SO_RCVTIMEO limits each recv, the clock all of them together. */
void stream_linger(struct stream *s)
{
    struct timeval limit = {.tv_sec = LINGER_S};
    int64_t end_ms = clock_ms() + LINGER_S * 1000;
    ssize_t n;

    if (stream_flush(s) != 0 || shutdown(s->fd, SHUT_WR) != 0 ||
        setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
        return;
    do
        n = recv(s->fd, s->in, sizeof s->in, 0);
    while ((n > 0 || (n < 0 && errno == EINTR)) && clock_ms() < end_ms);
}

/* Lesson 14, provided. Ends both directions at once. */
void stream_abort(struct stream *s, enum stream_cause cause)
{
    atomic_store(&s->aborted, cause);
    shutdown(s->fd, SHUT_RDWR);
}

/* Lesson 3, provided. Why the connection ended, in words. A failed write says more than the read that
 * ended because of it. */
const char *stream_reason(struct stream *s)
{
    static const char *const reasons[] = {
        [STREAM_OK] = "the request was answered",
        [STREAM_EOF] = "the client closed the connection",
        [STREAM_ERROR] = "the connection broke",
        [STREAM_WRITE_TIMEOUT] = "the client stopped reading",
        [STREAM_INTERRUPTED] = "a signal interrupted it",
        [STREAM_IDLE] = "the client was idle for too long",
        [STREAM_STOPPING] = "the server is stopping",
        [STREAM_TOO_LONG] = "a line is too long",
        [STREAM_NOT_TEXT] = "a line is not text",
        [STREAM_CLOSED] = "the server closed the connection",
    };
    enum stream_cause cause;

    pthread_mutex_lock(&s->write_lock);
    cause = s->write_cause != STREAM_OK ? s->write_cause : s->cause;
    pthread_mutex_unlock(&s->write_lock);
    if (atomic_load(&s->aborted) != 0)
        cause = (enum stream_cause)atomic_load(&s->aborted);
    return reasons[cause];
}
