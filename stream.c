/*
 * stream.c - see stream.h for what a stream promises
 *
 * The read buffer:   in[ given out | waiting to be given out | free ]
 *                                  ^ in_start                ^ in_end
 *
 * What makes it fast: a peer that sends twenty small frames in one segment costs one recv and one
 * send, for answers gather in the write buffer while there is something left to read
 * (stream_has_input), and the last of them takes the others along. A large one is sent from where it
 * lies, without a copy. What is left in the write buffer goes before a read would wait (see receive): a
 * peer that waits for its answer always has it before we wait for it.
 *
 * stdio's FILE would buffer too, but it does not tell a timeout from an end, or half a line from
 * a whole one. Here, these differences are the point.
 */
#include "stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Bytes that are few enough to be put together on the stack without touching another page of it. */
#define SMALL_BYTES 512

/* Lesson 14, given. The time in milliseconds, on a clock that nobody can set back. */
static int64_t clock_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lesson 3, given. Makes a stream of a connected socket. */
void stream_open(struct stream *s, int fd, struct wire_tap *tap)
{
    int on = 1;

    s->fd = fd;
    s->tap = tap;
    s->patience_ms = 0;
    s->deadline = 0;
    s->in_start = s->in_end = 0;
    atomic_init(&s->owed, NULL);
    atomic_init(&s->said, NULL);
    atomic_init(&s->cut, false);
    pthread_mutex_init(&s->write_lock, NULL);
    s->write_error = 0;
    s->last_word_said = false;
    s->out_length = 0;
    /* We gather small writes ourselves; the kernel need not hold them back a second time.
     * Should this fail, all still works, only slower. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Lesson 3, given. Gives the socket and the lock back. */
void stream_close(struct stream *s)
{
    close(s->fd);
    pthread_mutex_destroy(&s->write_lock);
}

/* Lesson 3, given. What a result means, in words. */
const char *stream_describe(int result)
{
    static const char *const words[] = {
        [STREAM_OK] = "answered",
        [STREAM_END] = "the client has ended",
        [STREAM_TIMEOUT] = "nothing came in time",
        [STREAM_STUCK] = "the client takes nothing",
        [STREAM_ERROR] = "the connection broke",
        [STREAM_TOO_LONG] = "a line is too long",
        [STREAM_NOT_TEXT] = "a line is not text",
        [STREAM_OVER] = "the server has closed it",
        [STREAM_CUT] = "the server has cut it, and waits no longer",
    };

    return words[result];
}

/* ---- time ---- */

/* Lesson 14. Waits for the socket to become readable or writable, at most until clock_ms reaches
 * `until` (0: does not wait). The server runs without it. */
static int await(struct stream *s, short events, int64_t until)
{
    struct pollfd wanted = {.fd = s->fd, .events = events};
    int ready = 0;

    if (until == 0)
        return 0;
    do {
        int64_t left = until - clock_ms();
        if (left <= 0)
            return STREAM_TIMEOUT;
        ready = poll(&wanted, 1, (int)left);
    } while (ready == 0 || (ready < 0 && errno == EINTR));
    return ready > 0 ? 0 : STREAM_ERROR;
}

/* Lesson 14, given. When the patience of a wait that begins now will be over; 0: never. */
static int64_t end_of_patience(const struct stream *s)
{
    return s->patience_ms == 0 ? 0 : clock_ms() + s->patience_ms;
}

/* Lesson 14. Sets how long a read or a write may wait for the peer. A read waits in recv, so the
 * socket must know; a write waits in await. The server runs without it. */
int stream_set_patience(struct stream *s, int seconds)
{
    struct timeval patience = {.tv_sec = seconds};

    s->patience_ms = seconds * 1000;
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0)
        return 0;
    return STREAM_ERROR;
}

/* Lesson 14. Sets the time by which all reading must be over. The server runs without it. */
int stream_set_deadline(struct stream *s, int seconds)
{
    s->deadline = seconds == 0 ? 0 : clock_ms() + (int64_t)seconds * 1000;
    return 0;
}

/* Lesson 14, given. Waits for the peer's next byte, as long as the stream's patience lasts. */
int stream_await(struct stream *s)
{
    return await(s, POLLIN, end_of_patience(s));
}

/* ---- writing: the functions named *_locked are called with the write lock held ---- */

/* Lesson 5, given. Copies bytes, and answers how many. */
static size_t copy(unsigned char *to, const void *bytes, size_t length)
{
    if (length > 0) /* memcpy from NULL is not allowed, not even of nothing */
        memcpy(to, bytes, length);
    return length;
}

/* Lesson 5, given. Copies bytes behind those in the write buffer; the caller knows that they fit. */
static void append_locked(struct stream *s, const void *bytes, size_t length)
{
    s->out_length += copy(s->out + s->out_length, bytes, length);
}

/* Lesson 14, given. Says the last word that another thread has left for us, and sends what goes
 * without waiting. */
static void say_owed(struct stream *s)
{
    while (atomic_load(&s->owed) != NULL && pthread_mutex_trylock(&s->write_lock) == 0) {
        const struct last_word *word = atomic_exchange(&s->owed, NULL);
        if (s->write_error != 0) { /* half a frame may have gone: nothing can follow it */
            s->out_length = 0;
        } else if (word != NULL && !s->last_word_said) {
            append_locked(s, word->bytes, word->length);
            atomic_store(&s->said, word);
        }
        s->last_word_said = true;
        ssize_t n = 0;
        if (s->out_length > 0)
            n = send(s->fd, s->out, s->out_length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            s->out_length -= (size_t)n;
            memmove(s->out, s->out + n, s->out_length);
        }
        pthread_mutex_unlock(&s->write_lock);
    }
}

/* Lesson 5, given. Lets go of the write lock; whoever found it taken has left the last word. */
static void unlock_writing(struct stream *s)
{
    pthread_mutex_unlock(&s->write_lock);
    say_owed(s);
}

/* Lesson 5. Sends all the bytes, however many sends it takes: a send may take only a part. MSG_MORE:
 * the kernel may hold the last of them back for what is sent next. */
static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    const char *next = bytes;

    /* A send that waits in the kernel takes its time anew for every part; await counts it right.
     * MSG_NOSIGNAL: a peer that has gone is an error here, not a SIGPIPE to the process. */
    int flags = msg_more | MSG_NOSIGNAL | (s->patience_ms == 0 ? 0 : MSG_DONTWAIT);

    while (s->write_error == 0 && length > 0) {
        ssize_t n = send(s->fd, next, length, flags);
        if (n >= 0) {
            next += n;
            length -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            s->write_error = STREAM_ERROR;
        } else if (await(s, POLLOUT, end_of_patience(s)) != 0) {
            s->write_error = STREAM_STUCK;
        }
    }
    return s->write_error;
}

/* Lesson 5, given. Sends what waits in the write buffer, where something does. */
static int flush_locked(struct stream *s, int msg_more)
{
    if (s->out_length > 0)
        send_all_locked(s, s->out, s->out_length, msg_more);
    s->out_length = 0;
    return s->write_error;
}

/* Lesson 5, given. Sends two small pieces with one call, when nothing waits. They meet on the stack: a
 * client that is idle most of the time then has no page of its write buffer in memory. */
static int send_small_locked(struct stream *s, const void *first, size_t first_length,
                             const void *second, size_t second_length)
{
    unsigned char both[SMALL_BYTES];
    size_t length = copy(both, first, first_length);

    length += copy(both + length, second, second_length);
    return send_all_locked(s, both, length, 0);
}

/* Lesson 5, given. Sends what waits, and two pieces behind it from where they lie, without a copy. */
static int send_large_locked(struct stream *s, const void *first, size_t first_length,
                             const void *second, size_t second_length)
{
    flush_locked(s, MSG_MORE);
    send_all_locked(s, first, first_length, second_length > 0 ? MSG_MORE : 0);
    return send_all_locked(s, second, second_length, 0);
}

/* Lesson 5. Writes two pieces as one: into the buffer, to wait there for what follows or to be sent
 * with what waits; or out at once, where they do not fit there, or are small and alone. */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, bool more)
{
    size_t length = first_length + second_length;
    int result;

    pthread_mutex_lock(&s->write_lock);
    result = s->last_word_said ? STREAM_OVER : s->write_error;
    if (result == 0 && length > STREAM_BUFFER_BYTES - s->out_length) {
        result = send_large_locked(s, first, first_length, second, second_length);
    } else if (result == 0 && !more && s->out_length == 0 && length <= SMALL_BYTES) {
        result = send_small_locked(s, first, first_length, second, second_length);
    } else if (result == 0) {
        append_locked(s, first, first_length);
        append_locked(s, second, second_length);
        if (!more)
            result = flush_locked(s, 0);
    }
    unlock_writing(s);
    return result;
}

/* Lesson 5, given. Sends what waits in the write buffer. */
int stream_flush(struct stream *s)
{
    int result;

    pthread_mutex_lock(&s->write_lock);
    result = flush_locked(s, 0);
    unlock_writing(s);
    return result;
}

/* Lesson 5, given. The same before a read; but where another thread has the lock, it is writing, which
 * may take long, and flushes after: reading must not wait for that. */
static int flush_before_waiting(struct stream *s)
{
    int result;

    if (pthread_mutex_trylock(&s->write_lock) != 0)
        return 0;
    result = flush_locked(s, 0);
    unlock_writing(s);
    return result;
}

/* ---- reading ---- */

/* Lesson 3, given. Whether the read buffer holds bytes that nobody has read. */
bool stream_has_input(const struct stream *s)
{
    return s->in_start < s->in_end;
}

/* Lesson 3. Receives once, at most `room` bytes, and tells an end, a timeout and an error apart.
 * What we owe the peer is sent first: it may be waiting for that before it speaks. */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    int64_t patience_ends;
    ssize_t n = -1;
    int result = flush_before_waiting(s);

    if (result == 0)
        result = await(s, POLLIN, s->deadline);
    patience_ends = end_of_patience(s);
    /* A signal, or a debugger, interrupts a recv that has a timeout: wait for the rest of it. */
    while (result == 0 && (n = recv(s->fd, to, room, 0)) < 0 && errno == EINTR)
        result = await(s, POLLIN, patience_ends);
    if (result != 0)
        return result;
    *got = n > 0 ? (size_t)n : 0;
    if (n < 0)
        return errno == EAGAIN ? STREAM_TIMEOUT : STREAM_ERROR;
    if (n == 0)
        return atomic_load(&s->cut) ? STREAM_CUT : STREAM_END;
    return 0;
}

/* Lesson 3. Receives more bytes behind those that wait in the read buffer. */
int stream_fill(struct stream *s)
{
    size_t got = 0;
    int result;

    if (s->in_start == s->in_end) {
        s->in_start = s->in_end = 0;
    } else if (s->in_end == sizeof s->in) { /* no room behind: move what waits to the front */
        memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
        s->in_end -= s->in_start;
        s->in_start = 0;
    }
    result = receive(s, s->in + s->in_end, sizeof s->in - s->in_end, &got);
    s->in_end += got;
    return result;
}

/* Lesson 3, given. Whether a byte is a control byte that no line of a request may hold. */
static bool is_control(unsigned char byte)
{
    return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

/* Lesson 3. Reads one line, however many recvs it takes; what came behind it stays buffered. */
int stream_read_line(struct stream *s, char *line, size_t size, size_t *length)
{
    int result;

    for (*length = 0;;) {
        if (s->in_start == s->in_end && (result = stream_fill(s)) != 0)
            return result;
        char byte = (char)s->in[s->in_start++];
        bool after_cr = *length > 0 && line[*length - 1] == '\r';
        if (byte == '\n') {
            *length -= after_cr ? 1 : 0;
            line[*length] = '\0';
            return 0;
        }
        if (after_cr || (is_control((unsigned char)byte) && byte != '\r'))
            return STREAM_NOT_TEXT; /* also a CR in the middle: RFC 9112 section 2.2 */
        if (*length + 1 == size)
            return STREAM_TOO_LONG;
        line[(*length)++] = byte;
    }
}

/* Lesson 9. Reads exactly n bytes, once all of them are there. */
int stream_read_exactly(struct stream *s, void *to, size_t n)
{
    while (s->in_end - s->in_start < n) {
        int result = stream_fill(s);
        if (result != 0)
            return result;
    }
    memcpy(to, s->in + s->in_start, n);
    s->in_start += n;
    return 0;
}

/* Lesson 10, given. Reads what is there: from the buffer, or, where there is nothing and the caller has
 * more room than the buffer, from the socket straight to the caller: a large message is copied once
 * less, and comes with few calls. */
int stream_read_some(struct stream *s, void *to, size_t room, size_t *got)
{
    int result = 0;

    if (s->in_start == s->in_end) {
        if (room >= sizeof s->in)
            return receive(s, to, room, got);
        result = stream_fill(s);
    }
    *got = s->in_end - s->in_start;
    if (*got > room)
        *got = room;
    memcpy(to, s->in + s->in_start, *got);
    s->in_start += *got;
    return result;
}

/* ---- memory ---- */

/* Lesson 14, given. Gives whole pages between two addresses back; they will read as zero. */
static void give_back(unsigned char *from, unsigned char *end)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)from + page - 1) / page * page, last = (uintptr_t)end / page * page;

    if (first < last)
        madvise((void *)first, last - first, MADV_DONTNEED);
}

/* Lesson 14, given. Gives back what the buffers do not hold now: a client that was busy once would
 * else keep all their pages. Where another thread writes, its buffer is in use. */
void stream_rest(struct stream *s)
{
    if (s->in_start == s->in_end)
        s->in_start = s->in_end = 0;
    give_back(s->in + s->in_end, s->in + sizeof s->in);
    if (pthread_mutex_trylock(&s->write_lock) != 0)
        return;
    give_back(s->out + s->out_length, s->out + sizeof s->out);
    unlock_writing(s);
}

/* ---- the end ---- */

/* Lesson 5. Ends in an orderly way: sends all, ends our direction, waits for the peer's end. */
void stream_finish(struct stream *s)
{
    size_t ignored;

    if (stream_flush(s) != 0 || shutdown(s->fd, SHUT_WR) != 0)
        return;
    stream_set_deadline(s, LINGER_S);
    while (receive(s, s->in, sizeof s->in, &ignored) == 0)
        ;
}

/* Lesson 11. Writes the last word, if none was said yet; the buffer has room set aside for it. */
int stream_say_last_word(struct stream *s, const struct last_word *word)
{
    int result;

    pthread_mutex_lock(&s->write_lock);
    result = s->last_word_said ? STREAM_OVER : 0;
    if (result == 0)
        append_locked(s, word->bytes, word->length);
    s->last_word_said = true;
    unlock_writing(s);
    return result;
}

/* Lesson 14, given. Leaves a last word where the holder of the write lock finds it, which may be us. */
void stream_farewell(struct stream *s, const struct last_word *word)
{
    atomic_store(&s->owed, word);
    say_owed(s);
}

/* Lesson 14, given. Hands the reader a farewell that was said, once. The server runs without it. */
const struct last_word *stream_take_farewell(struct stream *s)
{
    if (atomic_load(&s->said) == NULL)
        return NULL;
    return atomic_exchange(&s->said, NULL);
}

/* Lesson 14, given. Ends the reading: a recv that waits answers "end" at once. */
void stream_end_reading(struct stream *s)
{
    shutdown(s->fd, SHUT_RD);
}

/* Lesson 14, given. Ends both directions at once. */
void stream_cut(struct stream *s)
{
    atomic_store(&s->cut, true);
    shutdown(s->fd, SHUT_RDWR);
}
