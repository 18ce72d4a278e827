/*
 * frame.h - WebSocket frames and messages: RFC 6455 sections 5, 7 and 8.1
 *
 * After the handshake both sides speak in frames. A frame is a header of 2 to 14 bytes and a payload.
 * One or more frames make a message. Between them may stand control frames, close, ping and pong,
 * which this layer handles by itself.
 *
 * A call that can fail returns 0, or -1. Then `close_code` of the websocket is the code with which the
 * connection should be closed, and `reason` says why; or `close_code` is 0, because the connection
 * ended: the stream knows why.
 *
 * Who may call what: any thread may call frame_write; everything else is for the client's worker alone.
 */
#ifndef FRAME_H
#define FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate.h"
#include "stream.h"
#include "trace.h"
#include "utf8.h"

/* The longest header: 2 bytes, 8 of extended length, 4 of masking key. */
#define FRAME_HEADER_BYTES 14

/* The longest payload of a control frame: RFC 6455 section 5.5. */
#define CONTROL_BYTES 125

/* Blocks of memory for a message beyond this are, as a rule, made of pages of their own (main asks the C
 * library for it), which cost nothing before a byte of them is used, and go back to the system when the
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

/* The bits of `rsv` in a struct frame. RSV1 says that a message is compressed, if that was agreed on: RFC
 * 7692 section 6. */
enum rsv { RSV1 = 0x4, RSV2 = 0x2, RSV3 = 0x1 };

/* Why a connection ends: RFC 6455 section 7.4.1. */
enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL_ERROR = 1002,
    CLOSE_NO_STATUS = 1005, /* never sent: stands for a Close frame without a code */
    CLOSE_INVALID_PAYLOAD = 1007,
    CLOSE_POLICY_VIOLATION = 1008,
    CLOSE_MESSAGE_TOO_BIG = 1009,
    CLOSE_INTERNAL_ERROR = 1011,
    CLOSE_TRY_AGAIN_LATER = 1013, /* of IANA's registry: the server is overloaded */
};

/* One frame, while it is read. */
struct frame {
    bool fin;     /* this frame ends its message */
    unsigned rsv; /* RSV1 to RSV3, as the number 0 to 7 */
    unsigned opcode;
    bool masked;
    unsigned char masking_key[4];
    uint64_t length;    /* bytes of payload, as the header says */
    uint64_t offset;    /* bytes of payload that have been read */
    size_t header_size; /* bytes of header, as far as it is known */

    /* For the trace; only kept while it is on. */
    size_t kept; /* bytes of header[] */
    unsigned char header[FRAME_HEADER_BYTES];
    bool compressed; /* the message does not hold the payload as it crossed the wire; `payload` does */
    unsigned char payload[TRACE_PAYLOAD_BYTES];
};

/* A message. It stays where it is until the next frame_read_message. */
struct message {
    unsigned opcode;      /* OPCODE_TEXT or OPCODE_BINARY; 0: no message has begun */
    unsigned char *bytes; /* in the stream's read buffer, or in `memory` */
    size_t length;
    unsigned char *memory; /* for messages that are gathered piece by piece; frame_end frees it */
    size_t capacity;       /* of memory */
};

/* A client after its handshake. The worker's own; no lock. */
struct websocket {
    struct stream *stream;             /* both stay the caller's, */
    const struct trace_source *source; /* and never change */
    size_t max_message, max_memory;    /* bytes; never change */

    struct message message;
    struct utf8 text;                     /* the state of the message's check */
    struct inflater *inflater;            /* while a compressed message is read; else NULL */
    unsigned char control[CONTROL_BYTES]; /* the payload of the control frame that is being read */

    /* What was agreed on; every thread may read it. Never changes after frame_compress. */
    unsigned window_bits; /* the size of the window that we compress with; 0: nothing is compressed */

    bool pinged;             /* a ping was sent, */
    unsigned long pinged_at; /* when so many bytes had been received */
    unsigned close_code;     /* why the connection should be closed; 0: it should not */
    const char *reason;      /* the same in words, for the Close frame */
};

/* Begins speaking frames on a stream. `max_message` bytes are the longest message; `max_memory` bytes,
 * what the large messages of all websockets may take together. frame_end gives the memory back. They do
 * not block. */
void frame_begin(struct websocket *ws, struct stream *stream, const struct trace_source *source,
                 size_t max_message, size_t max_memory);
void frame_end(struct websocket *ws);

/* Says that permessage-deflate was agreed on, with a window of this size (deflate.h); 0: it was not. From
 * now on messages may come compressed, and are sent so if they are long enough; who reads and writes them
 * need not know. Called before the first frame. */
void frame_compress(struct websocket *ws, unsigned window_bits);

/* Reads the next whole message into ws->message. Replies to pings and to a Close frame on the way; after
 * a Close frame it returns -1. Blocks. */
int frame_read_message(struct websocket *ws);

/* Writes a message, or a control frame, as one frame. STREAM_MORE in `flags`: more follows soon, so it
 * may wait for that. Blocks as stream_write does. After a Close frame nothing more is sent (RFC 6455
 * section 5.5.1), and it returns 0. */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length,
                unsigned flags);

/* Writes a Close frame with a code and a reason of at most 123 bytes; CLOSE_NO_STATUS: with neither.
 * Blocks as stream_write does. Only the first Close frame of a connection is sent. */
void frame_close(struct websocket *ws, unsigned code, const void *reason, size_t reason_length);

/* The parts, each of a lesson; they are public for whoever wants to try one alone. Only the first one
 * blocks. */

/* Reads a frame's header, and checks it. The header still waits in the stream then: header_size bytes.
 * It returns 0, or -1 as frame_read_message does. */
int frame_read_header(struct websocket *ws, struct frame *frame);

/* Takes the first two bytes of a header apart: flags, opcode, and the size of the whole header. */
void frame_decode_start(struct frame *frame, const unsigned char bytes[2]);

/* Takes the mask off `length` bytes of payload, the first of which is number `offset` of its frame
 * (RFC 6455 section 5.3). Masking and unmasking are the same. */
void frame_unmask(unsigned char *bytes, size_t length, const unsigned char key[4], uint64_t offset);

/* Whether a peer may send this close code: RFC 6455 section 7.4. */
bool frame_is_close_code(unsigned code);

#endif
