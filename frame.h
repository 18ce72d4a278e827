/*
 * frame.h - WebSocket frames and messages: RFC 6455 sections 5, 7 and 8.1
 *
 * After the handshake both sides speak in frames. A frame is a header of 2 to 14 bytes and a
 * payload. One or more frames make a message. Between them may stand control frames: close, ping
 * and pong, which this layer answers by itself.
 *
 * A call that reads answers 0 to go on; else a close code of 1000 and more, with which the
 * connection should be closed (ws->problem then says why); else the stream_result that ended it.
 *
 * Who may call what: any thread may call frame_write; all else is for the client's worker alone.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream.h"

/* The longest header: 2 bytes, 8 of extended length, 4 of masking key. */
#define FRAME_HEADER_BYTES 14

/* The longest payload of a control frame: RFC 6455 section 5.5. */
#define CONTROL_BYTES 125

/* Bytes of a payload that are kept for the wire view, which shows no more. */
#define FRAME_KEPT_BYTES 64

/* Blocks of memory for a message beyond this are, as a rule, made of pages of their own (main asks the
 * C library for it), which cost nothing before a byte reaches them, and go back to the system when the
 * block is freed. */
#define MESSAGE_LARGE_BYTES (64 * 1024)

/* What a frame is: RFC 6455 section 5.2. */
enum opcode {
    OPCODE_CONTINUATION = 0x0,
    OPCODE_TEXT = 0x1,
    OPCODE_BINARY = 0x2,
    OPCODE_CLOSE = 0x8,
    OPCODE_PING = 0x9,
    OPCODE_PONG = 0xA,
};

/* Why a connection ends: RFC 6455 section 7.4.1. */
enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL_ERROR = 1002,
    CLOSE_NO_CODE = 1005, /* never sent: stands for a close frame without a code */
    CLOSE_BAD_TEXT = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_BIG = 1009,
    CLOSE_INTERNAL_ERROR = 1011,
};

/* One frame, while it is read. */
struct frame {
    size_t header_length; /* bytes of header[] that were read */
    unsigned char header[FRAME_HEADER_BYTES];
    bool fin;          /* this frame ends its message */
    unsigned reserved; /* RSV1 to RSV3, as the number 0 to 7 */
    unsigned opcode;
    bool masked;
    unsigned char masking_key[4];
    uint64_t length; /* bytes of payload, as the header claims */
    uint64_t offset; /* bytes of payload that were read */
    size_t kept;     /* bytes of the payload's beginning that were kept for the wire view, as they */
    unsigned char beginning[FRAME_KEPT_BYTES]; /* came, with the mask on */
};

/* A message, while it is gathered from its frames. */
struct message {
    unsigned opcode; /* OPCODE_TEXT or OPCODE_BINARY; 0: no message is under way */
    unsigned char *bytes;
    size_t length;
    size_t capacity;
};

/* The state of a text's check between two pieces of it. All zero: at its beginning. */
struct utf8 {
    unsigned missing;        /* bytes that the last character still lacks; 0: it is whole */
    unsigned char low, high; /* the next of them must lie between these two */
};

/* A client after its handshake. The reader's own; no lock. */
struct websocket {
    struct stream *stream;
    size_t max_message; /* bytes */
    struct message message;
    struct utf8 text;
    unsigned char control[CONTROL_BYTES]; /* the payload of the control frame that is being read */
    const char *problem; /* why the connection is being closed, a sentence for the close frame */
};

/* Begins speaking frames on a stream, which stays the caller's. frame_end gives memory back. */
void frame_begin(struct websocket *ws, struct stream *s, size_t max_message);
void frame_end(struct websocket *ws);

/* Reads the next whole message into ws->message, where it stays until the next call. Answers
 * pings and closes on the way. Blocks. STREAM_END also stands for a close frame that came. */
int frame_read_message(struct websocket *ws);

/* Writes a message, or a control frame, as one frame. `more` follows soon: it may wait for that.
 * Blocks and answers as stream_write does. After a close frame nothing more is sent (RFC 6455
 * section 5.5.1), and the answer is 0. */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length, bool more);

/* Writes a close frame with a code and ws->problem as its reason. Blocks as stream_say_last_word
 * does. */
int frame_send_close(struct websocket *ws, int code);

/* Makes a close frame. CLOSE_NO_CODE: an empty one. reason_length is at most 123 bytes. */
void frame_make_close(struct last_word *word, int code, const void *reason, size_t reason_length);

/* The parts, each of a lesson; they are public for whoever wants to try one alone. */

/* Reads a frame's header and checks it against the rules. Blocks. */
int frame_read_header(struct websocket *ws, struct frame *frame);

/* Takes the mask off `length` bytes of payload, the first of which is number `offset` of its
 * frame (RFC 6455 section 5.3). Masking and unmasking are the same. */
void frame_unmask(unsigned char *bytes, size_t length, const unsigned char key[4], uint64_t offset);

/* Checks the next bytes of a text. Answers 0, or -1: this can be no UTF-8 (RFC 3629). */
int frame_check_utf8(struct utf8 *text, const unsigned char *bytes, size_t length);

/* Whether a peer may send this close code: RFC 6455 section 7.4. */
bool frame_is_close_code(unsigned code);

#endif
