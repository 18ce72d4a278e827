/*
 * stream.h - a client's socket, with a buffer for reading and one for writing
 *
 * TCP delivers a stream of bytes, not messages: one recv may give half a line, or three frames
 * and a half. This layer turns "some bytes" into "a line" and "exactly n bytes", and gathers
 * what is written until it is worth a send. It is the only file that calls recv, send, poll or
 * shutdown on a client's socket.
 *
 * Who may call what: a stream has one reader, the client's own worker thread. Any thread may
 * write; the write lock keeps every write whole. What is written goes at once, unless its writer
 * says that more follows soon: then it may wait in the write buffer for company, until that is full
 * or the reader is about to wait for the peer. A second thread that writes so must call stream_flush
 * before it waits for something else.
 *
 * Every call answers 0 when it went well, else one of enum stream_result.
 */
#ifndef STREAM_H
#define STREAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes in each of the two buffers. 16 KiB takes in a few hundred small frames with one recv;
 * memory that no byte has reached yet is not counted to the process by Linux. */
#define STREAM_BUFFER_BYTES (16 * 1024)

/* Bytes of the longest last word: a close frame, 2 bytes of header and at most 125 of payload. */
#define STREAM_LAST_WORD_BYTES 127

/* Seconds that stream_finish waits for the peer to finish as well. Long enough for a slow line
 * to bring the peer our last bytes, short enough that nobody can hold a thread by staying. */
#define LINGER_S 2

enum stream_result {
    STREAM_OK = 0,
    STREAM_END,      /* the peer will send nothing more */
    STREAM_TIMEOUT,  /* nothing came in the time allowed */
    STREAM_STUCK,    /* the peer took none of our bytes in the time allowed */
    STREAM_ERROR,    /* the connection broke */
    STREAM_TOO_LONG, /* the line does not fit where it should go */
    STREAM_NOT_TEXT, /* the line holds a control byte, so it is no line of text */
    STREAM_OVER,     /* the last word was said before: what was to be written is dropped */
    STREAM_CUT,      /* stream_cut has ended it */
};

struct wire_tap;

/* What a stream says at its end. After a last word, nothing more is sent. */
struct last_word {
    size_t length;
    unsigned char bytes[STREAM_LAST_WORD_BYTES];
};

struct stream {
    int fd;
    struct wire_tap *tap; /* for those who tell what passes here; the stream never looks at it */
    int patience_ms;      /* how long one read or send may wait; 0: for ever. Set before any wait. */

    /* The reader's own; no lock. */
    int64_t deadline; /* the clock_ms at which reading must be over; 0: none */
    size_t in_start;  /* in[in_start] is the next byte to give out, */
    size_t in_end;    /* in[in_end] the first that is still free */

    /* Set by other threads; atomic, no lock. */
    const struct last_word *_Atomic owed; /* a last word to be said by whoever has the write lock */
    const struct last_word *_Atomic said; /* it has been said, and the reader does not know yet */
    atomic_bool cut;

    /* Under write_lock. */
    pthread_mutex_t write_lock;
    int write_error;     /* why nothing can be sent any more (a stream_result); 0: all is well */
    bool last_word_said; /* what is written from now on is dropped */
    size_t out_length;

    /* The buffers come last, and what is always in use lies close together in front of them: an idle
     * client then has few pages of memory in use. `in` is the reader's own, `out` under write_lock. */
    unsigned char in[STREAM_BUFFER_BYTES];
    unsigned char out[STREAM_BUFFER_BYTES + STREAM_LAST_WORD_BYTES];
};

/* Makes a stream of a connected socket, which the stream owns from now on. `tap` stays the caller's,
 * and may be NULL. Does not block. */
void stream_open(struct stream *s, int fd, struct wire_tap *tap);

/* Closes the socket at once. To let the peer read what was sent, call stream_finish before. */
void stream_close(struct stream *s);

/* Receives once into the read buffer: at least one byte. Blocks. STREAM_END, _TIMEOUT, _STUCK
 * (a send that had to go first), _ERROR. */
int stream_fill(struct stream *s);

/* Reads one line into `line`, without its end (CR LF, or LF alone), and puts a zero byte behind.
 * `size` counts that zero byte and a CR too. Blocks. Where it fails, *length says how much had come;
 * that is taken from the stream, so the line cannot be gone on with. Additional answers:
 * STREAM_TOO_LONG, STREAM_NOT_TEXT. */
int stream_read_line(struct stream *s, char *line, size_t size, size_t *length);

/* Reads exactly n bytes, n at most STREAM_BUFFER_BYTES, or takes none: after STREAM_TIMEOUT it may
 * be called again. Blocks. */
int stream_read_exactly(struct stream *s, void *to, size_t n);

/* Reads between 1 and `room` bytes, as many as are there, into `to`, and counts them in *got.
 * Blocks only where there are none. After STREAM_TIMEOUT it may be called again. */
int stream_read_some(struct stream *s, void *to, size_t room, size_t *got);

/* For the reader: whether bytes have come that nobody has read yet. Then another answer may follow
 * soon, and the one at hand may wait for it: a read sends it before it waits. Does not block. */
bool stream_has_input(const struct stream *s);

/* Writes two pieces as one; either may be empty. Where `more` follows soon and there is room, they
 * wait for it in the write buffer; else they are sent, behind what waits there. Blocks
 * where the peer reads slowly: STREAM_STUCK after patience_ms in which it took nothing, STREAM_ERROR
 * where the connection broke, STREAM_OVER behind the last word. */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, bool more);

/* Sends what waits in the write buffer. Blocks and answers as stream_write does. (A read does this
 * by itself before it waits.) */
int stream_flush(struct stream *s);

/* Writes the last word, or answers STREAM_OVER: one was said before. A flush sends it. Blocks only
 * while another thread is sending on this stream. */
int stream_say_last_word(struct stream *s, const struct last_word *word);

/* The same from another thread, without waiting for anyone: sends what goes at once. If a send
 * of the stream's own is under way, the last word follows it. `word` must stay as it is. */
void stream_farewell(struct stream *s, const struct last_word *word);

/* For the reader: a farewell that was said since it last asked; NULL: none. */
const struct last_word *stream_take_farewell(struct stream *s);

/* Sends what is owed, says that no more will follow, and reads and ignores what the peer still
 * sends, until it ends or LINGER_S have passed. Closing without this would answer unread bytes
 * with a reset, and a reset can overtake our last words. Blocks: for the sending as stream_write
 * does, then for LINGER_S at most. */
void stream_finish(struct stream *s);

/* Wakes a reader that waits, from any thread: it gets STREAM_END once it has read what is there
 * already. What is written still goes. */
void stream_end_reading(struct stream *s);

/* Ends both ways at once, from any thread, and so wakes whoever waits for this peer. */
void stream_cut(struct stream *s);

/* Sets how long a read may wait for the next byte, and a write for the peer to take one; 0 seconds:
 * for ever. STREAM_ERROR where the system refuses. */
int stream_set_patience(struct stream *s, int seconds);

/* From now on, reading must be over in so many seconds, all reads together; 0: no such limit. */
int stream_set_deadline(struct stream *s, int seconds);

/* Gives back to the system the memory that bursts have filled in the buffers, and that is not in
 * use now. For the reader, when it has heard nothing for long. Does not block. */
void stream_rest(struct stream *s);

/* What a result means, in words. */
const char *stream_describe(int result);

/* Waits until the peer has sent something (or ended), as long as the patience lasts. Blocks. */
int stream_await(struct stream *s);

#endif
