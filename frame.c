/*
 * frame.c - reads and writes WebSocket frames, and joins them to messages
 *
 *      0               1               2               3
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R R R|opcode |M| length      | extended length, 0, 2 or 8    |
 *     |I|S S S|       |A| (7 bits)    | bytes, if length is 126/127   |
 *     |N|V V V|       |S|             |                               |
 *     | |1 2 3|       |K|             |                               |
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     | masking key, 4 bytes, if MASK is set                          |
 *     +---------------------------------------------------------------+
 *     | payload                                                       |
 *     +---------------------------------------------------------------+
 *
 * How a connection closes:
 * 1. If the client breaks a rule, the function that notices it stores a code and a reason, and every
 *    caller returns -1, up to on_upgrade in server.c, which sends the Close frame.
 * 2. If the client sends a Close frame, handle_close replies with the same code and reason, and returns
 *    -1 as well; there is no close_code then, so on_upgrade sends nothing.
 * 3. If the server stops, the worker is woken while it reads; it sends Close 1001, and reads on until
 *    the client's Close frame has come.
 * 4. frame_close marks its write STREAM_LAST: the first Close frame is the last frame, whoever writes.
 * 5. stream_linger then waits for the client to close the connection.
 *
 * See frame.h for what the calls promise. Section numbers are those of RFC 6455.
 */
#include "frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Memory for a message begins with this many bytes, so that a client costs little. It grows as the bytes
 * arrive: in two large steps to MESSAGE_LARGE_BYTES, then by doubling. */
#define MESSAGE_START_BYTES 256

/* Bytes of a compressed payload that are read and inflated at once. They are on the worker's stack, where
 * more of them would cost every client that has got a message. */
#define COMPRESSED_PIECE_BYTES 1024

/* Messages are sent compressed from this many bytes on. JSON text of 128 bytes would become 97, of 256
 * 138; either costs some 10 µs, ten times as much as the rest of an echo outside the kernel, and crosses the
 * wire in one packet anyway. Control frames are shorter. */
#define COMPRESS_FROM_BYTES 256
_Static_assert(COMPRESS_FROM_BYTES > CONTROL_BYTES, "control frames are never compressed");

/* Longer messages are sent as they are: to compress this many takes up to 2 s, in which the worker cannot
 * notice that the server stops. */
#define COMPRESS_MOST_BYTES (16 * 1024 * 1024)

/* Bytes of memory that the large messages of all websockets take. Atomic, no lock. */
static atomic_size_t memory_used;

/* Lesson 9, provided. Begins speaking frames on a stream. */
void frame_begin(struct websocket *ws, struct stream *stream, const struct trace_source *source,
                 size_t max_message, size_t max_memory)
{
    ws->stream = stream;
    ws->source = source;
    ws->max_message = max_message;
    ws->max_memory = max_memory;
    ws->message = (struct message){.opcode = 0};
    ws->text = (struct utf8){.missing = 0};
    ws->inflater = NULL;
    ws->window_bits = 0;
    ws->pinged = false;
    ws->close_code = 0;
    ws->reason = NULL;
}

/* Lesson 15, provided. Says whether, and how, messages are compressed. */
void frame_compress(struct websocket *ws, unsigned window_bits)
{
    ws->window_bits = window_bits;
}

/* Lesson 14, provided. How much of so many bytes counts to memory_used: nothing, if they are few. */
static size_t counted(size_t capacity)
{
    return capacity <= MESSAGE_LARGE_BYTES ? 0 : capacity;
}

/* Lesson 14, provided. Counts memory that a large message wants, if there is so much left. */
static bool take_memory(const struct websocket *ws, size_t bytes)
{
    if (bytes == 0 || atomic_fetch_add(&memory_used, bytes) + bytes <= ws->max_memory)
        return true;
    memory_used -= bytes;
    return false;
}

/* Lesson 9, provided. Gives the message's memory back. */
static void free_message(struct websocket *ws)
{
    inflater_end(ws->inflater);
    ws->inflater = NULL;
    memory_used -= counted(ws->message.capacity);
    free(ws->message.memory);
    ws->message = (struct message){.opcode = 0};
}

/* Lesson 9, provided. The end of a websocket: its last message's memory is all that it holds. */
void frame_end(struct websocket *ws)
{
    free_message(ws);
}

/* Lesson 14, provided. Memory is kept for the next large message, unless it is scarce. */
static void free_if_scarce(struct websocket *ws)
{
    if (counted(ws->message.capacity) > 0 && memory_used > ws->max_memory / 2)
        free_message(ws);
}

/* Lesson 9, provided. Stores why the connection must be closed. Always returns -1. */
static int fail(struct websocket *ws, unsigned code, const char *reason)
{
    ws->close_code = code;
    ws->reason = reason;
    return -1;
}

/* Lesson 9, provided. Whether an opcode is a control frame's: 5.5. */
static bool is_control(unsigned opcode)
{
    return opcode >= OPCODE_CLOSE;
}

/* ---- when a read was woken ---- */

/* Lesson 14. Called when nothing has come for the whole timeout: sends a ping. If the client has got
 * that, and still nothing has come, gives the client up. The server runs without it. */
static int keepalive(struct websocket *ws)
{
    if (!stream_is_idle(ws->stream)) /* bytes are under way, and TCP looks after those */
        return 0;
    if (ws->pinged && ws->pinged_at == ws->stream->received)
        return fail(ws, CLOSE_POLICY_VIOLATION, "no reply to a ping");
    ws->pinged = true;
    ws->pinged_at = ws->stream->received;
    return frame_write(ws, OPCODE_PING, NULL, 0, 0);
}

/* Lesson 14, provided. Gives back what the last large message and the last burst needed. */
static void trim(struct websocket *ws)
{
    if (ws->message.opcode == 0)
        free_message(ws);
    stream_trim(ws->stream);
}

/* Lesson 14, provided. A read has failed. Returns 0 to read on: it was only woken, because the client is
 * idle, or because the server stops and wants to say so. */
static int read_on(struct websocket *ws)
{
    static const char stopping[] = "the server is stopping";

    switch (ws->stream->cause) {
    case STREAM_IDLE:
        trim(ws);
        return keepalive(ws);
    case STREAM_STOPPING:
        frame_close(ws, CLOSE_GOING_AWAY, stopping, strlen(stopping));
        return 0;
    default:
        return -1;
    }
}

/* ---- a frame's header ---- */

/* Lesson 9, provided. Makes the first n bytes of a frame wait in the read buffer. */
static int need(struct websocket *ws, size_t n)
{
    while (stream_waiting(ws->stream) < n)
        if (stream_need(ws->stream, n) != 0 && read_on(ws) != 0)
            return -1;
    return 0;
}

/* Lesson 9, provided. A number in network order, the most significant byte first: 5.2. */
static uint64_t big_endian(const unsigned char *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Lesson 9. Takes the first two bytes of a header apart, bit by bit. */
void frame_decode_start(struct frame *frame, const unsigned char bytes[2])
{
    frame->fin = (bytes[0] & 0x80) != 0;
    frame->rsv = bytes[0] >> 4 & 0x7;
    frame->opcode = bytes[0] & 0xF;
    frame->masked = (bytes[1] & 0x80) != 0;
    frame->length = bytes[1] & 0x7F;
    frame->header_size = 2 + (frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0);
    frame->header_size += frame->masked ? 4 : 0;
}

/* Lesson 15. Whether RSV1 is set where it may be: alone, on the first frame of a message, if compression
 * was agreed on (RFC 7692 section 6). The server runs without it. */
static bool is_compressed(const struct websocket *ws, const struct frame *frame)
{
    bool begins = frame->opcode == OPCODE_TEXT || frame->opcode == OPCODE_BINARY;

    return ws->window_bits != 0 && frame->rsv == RSV1 && begins;
}

/* Lesson 9. Checks the first two bytes of a header against the rules. */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    unsigned opcode = frame->opcode;

    if (frame->rsv != 0 && !is_compressed(ws, frame)) /* 5.2: nobody agreed on what they mean */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "RSV bits are set");
    if ((opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE) || opcode > OPCODE_PONG) /* 5.2 */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "unknown opcode");
    if (!frame->masked) /* 5.1: a client must mask */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "frame without a mask");
    if (is_control(opcode) && !frame->fin) /* 5.5 */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    if (is_control(opcode) && frame->length > CONTROL_BYTES) /* 5.5 */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}

/* Lesson 9. Reads the length: 7 bits, or 126 and 2 bytes more, or 127 and 8 bytes more. */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    uint64_t least = more == 2 ? 126 : 65536;

    if (more == 0)
        return 0;
    if (need(ws, 2 + more) != 0)
        return -1;
    frame->length = big_endian(stream_next(ws->stream) + 2, more);
    if (frame->length < least) /* 5.2: the shortest form must be used */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "length not in its shortest form");
    if (frame->length >> 63 != 0) /* 5.2: the most significant bit must be 0 */
        return fail(ws, CLOSE_PROTOCOL_ERROR, "length with its highest bit set");
    return 0;
}

/* Lesson 9. Reads a frame's header in place, in the read buffer, and checks it as early as it can:
 * what is wrong is rejected before the rest has come. */
static int read_header(struct websocket *ws, struct frame *frame)
{
    if (need(ws, 2) != 0)
        return -1;
    frame_decode_start(frame, stream_next(ws->stream));
    if (check_rules(ws, frame) != 0 || read_length(ws, frame) != 0)
        return -1;
    if (need(ws, frame->header_size) != 0)
        return -1;
    memcpy(frame->masking_key, stream_next(ws->stream) + frame->header_size - 4, 4);
    return 0;
}

/* Lesson 9, provided. Reads a header into a frame of which nothing is known yet. */
int frame_read_header(struct websocket *ws, struct frame *frame)
{
    frame->header_size = 2; /* at least */
    frame->kept = 0;
    frame->length = frame->offset = 0;
    return read_header(ws, frame);
}

/* Lesson 13, provided. Keeps as much of a header as was looked at, for the trace. */
static void keep_header(struct websocket *ws, struct frame *frame)
{
    size_t there = stream_waiting(ws->stream);

    frame->kept = frame->header_size < there ? frame->header_size : there;
    memcpy(frame->header, stream_next(ws->stream), frame->kept);
    frame->compressed = false;
}

/* ---- payload ---- */

/* Lesson 10. Takes the mask off: byte i of the payload was combined with byte i mod 4 of the key by
 * exclusive or. The last loop alone would do; the one before it does the same for 16 bytes at a time,
 * which is far faster: lesson 16. */
void frame_unmask(unsigned char *bytes, size_t length, const unsigned char key[4], uint64_t offset)
{
    unsigned char twice[8];
    const unsigned char *turned = twice + offset % 4; /* the key, rotated to start at the next byte */
    uint64_t mask, words[2];
    uint32_t four;
    size_t i = 0;

    memcpy(twice, key, 4);
    memcpy(twice + 4, key, 4);
    memcpy(&four, turned, sizeof four);
    mask = (uint64_t)four << 32 | four;
    for (; length - i >= sizeof words; i += sizeof words) {
        memcpy(words, bytes + i, sizeof words); /* memcpy: the bytes may be at any address */
        words[0] ^= mask;
        words[1] ^= mask;
        memcpy(bytes + i, words, sizeof words);
    }
    for (; i < length; i++)
        bytes[i] ^= turned[i % 4];
}

/* Lesson 10. Reads some of a frame's payload, as much as is there, and takes its mask off. */
static int read_piece(struct websocket *ws, struct frame *frame, unsigned char *to, size_t room,
                      size_t *got)
{
    if (room > frame->length - frame->offset)
        room = (size_t)(frame->length - frame->offset);
    while (stream_read_some(ws->stream, to, room, got) != 0)
        if (read_on(ws) != 0)
            return -1;
    frame_unmask(to, *got, frame->masking_key, frame->offset);
    frame->offset += *got;
    return 0;
}

/* Lesson 10, provided. Makes room for at least one more byte of a message. Memory grows with the bytes
 * that have come, not with what a header claims. */
static int make_room(struct websocket *ws)
{
    struct message *m = &ws->message;
    size_t capacity = m->capacity * (m->capacity < MESSAGE_LARGE_BYTES ? 16 : 2), more;
    unsigned char *memory;

    if (m->length < m->capacity)
        return 0;
    if (m->capacity == 0)
        capacity = MESSAGE_START_BYTES;
    more = counted(capacity) - counted(m->capacity);
    if (!take_memory(ws, more))
        return fail(ws, CLOSE_TRY_AGAIN_LATER, "the server has no memory for large messages now");
    memory = realloc(m->memory, capacity);
    if (memory == NULL) {
        memory_used -= more;
        return fail(ws, CLOSE_INTERNAL_ERROR, "out of memory");
    }
    m->memory = m->bytes = memory;
    m->capacity = capacity;
    return 0;
}

/* ---- messages: fragments, size, text ---- */

/* Lesson 12. Checks that fragments follow each other: a first one, then continuations (5.4). */
static int join_fragment(struct websocket *ws, const struct frame *frame)
{
    bool has_begun = ws->message.opcode != 0;

    if (frame->opcode == OPCODE_CONTINUATION && !has_begun)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "continuation of nothing");
    if (frame->opcode != OPCODE_CONTINUATION && has_begun)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "new message inside another");
    return 0;
}

/* Lesson 12. Checks the length that a frame claims against the limit, before a byte of it is stored. The
 * server runs without it. */
static int check_size(struct websocket *ws, const struct frame *frame)
{
    if (frame->length <= ws->max_message - ws->message.length)
        return 0;
    return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the server's limit");
}

/* Lesson 12, provided. Checks the last bytes of a message, if it is text. */
static int check_text(struct websocket *ws, const unsigned char *bytes, size_t length)
{
    if (ws->message.opcode != OPCODE_TEXT || length == 0)
        return 0;
    if (utf8_check(&ws->text, bytes, length) == 0)
        return 0;
    return fail(ws, CLOSE_INVALID_PAYLOAD, "text that is not UTF-8");
}

/* Lesson 12. Checks that a text does not end inside a character (8.1). The server runs without it. */
static int check_text_end(struct websocket *ws)
{
    if (ws->message.opcode == OPCODE_TEXT && ws->text.missing > 0)
        return fail(ws, CLOSE_INVALID_PAYLOAD, "text ends inside a character");
    return 0;
}

/* Lesson 10, provided. Takes a payload in place, when all of it is in the read buffer: most messages
 * are small, and need no memory of their own. */
static int take_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;

    m->bytes = stream_next(ws->stream);
    m->length = (size_t)frame->length;
    stream_skip(ws->stream, m->length);
    frame_unmask(m->bytes, m->length, frame->masking_key, 0);
    frame->offset = frame->length;
    return check_text(ws, m->bytes, m->length);
}

/* Lesson 10. Reads a frame's payload to the end of the message. A text is checked piece by piece, so
 * that a bad byte is rejected when it comes, not when the frame ends. */
static int read_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;

    m->bytes = m->memory;
    while (frame->offset < frame->length) {
        size_t got;
        if (make_room(ws) != 0)
            return -1;
        if (read_piece(ws, frame, m->bytes + m->length, m->capacity - m->length, &got) != 0)
            return -1;
        m->length += got;
        if (check_text(ws, m->bytes + m->length - got, got) != 0)
            return -1;
    }
    return 0;
}

/* ---- compressed messages ---- */

/* Lesson 15, provided. Keeps the beginning of a compressed payload, for the trace; frame->offset is after
 * the piece. */
static void keep_payload(struct frame *frame, const unsigned char *piece, size_t length)
{
    uint64_t at = frame->offset - length;

    for (size_t i = 0; frame->kept > 0 && i < length && at + i < sizeof frame->payload; i++)
        frame->payload[at + i] = piece[i];
}

/* Lesson 15, provided. Stores why a message cannot be inflated, which errno says. Always returns -1. */
static int fail_inflating(struct websocket *ws)
{
    if (errno == ENOMEM)
        return fail(ws, CLOSE_INTERNAL_ERROR, "out of memory");
    return fail(ws, CLOSE_INVALID_PAYLOAD, "compressed data that is broken");
}

/* Lesson 15, provided. How many more bytes the message may have, and has memory for. */
static size_t room_left(const struct websocket *ws)
{
    const struct message *m = &ws->message;

    return (m->capacity < ws->max_message ? m->capacity : ws->max_message) - m->length;
}

/* Lesson 15. Inflates a piece of a message, after what has come of it. Makes at most max_message bytes,
 * however many the piece stands for, and checks a text as it comes out. */
static int inflate_piece(struct websocket *ws, const unsigned char *piece, size_t length)
{
    struct message *m = &ws->message;
    size_t made;

    for (;;) {
        if (inflater_run(ws->inflater, &piece, &length, m->bytes + m->length, room_left(ws), &made) != 0)
            return fail_inflating(ws);
        m->length += made;
        if (check_text(ws, m->bytes + m->length - made, made) != 0)
            return -1;
        if (length == 0) /* else this would become more bytes */
            return 0;
        if (m->length == ws->max_message)
            return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the server's limit, once inflated");
        if (make_room(ws) != 0)
            return -1;
    }
}

/* Lesson 15. Reads a compressed frame's payload. Behind the message's last frame belongs the tail, which
 * the client has removed (RFC 7692 section 7.2.2). */
static int read_compressed(struct websocket *ws, struct frame *frame)
{
    unsigned char piece[COMPRESSED_PIECE_BYTES];
    size_t got;

    while (frame->offset < frame->length) {
        if (read_piece(ws, frame, piece, sizeof piece, &got) != 0)
            return -1;
        keep_payload(frame, piece, got);
        if (inflate_piece(ws, piece, got) != 0)
            return -1;
    }
    if (!frame->fin)
        return 0;
    return inflate_piece(ws, (const unsigned char *)DEFLATE_TAIL, DEFLATE_TAIL_BYTES);
}

/* Lesson 15, provided. Takes a frame of a compressed message. The first one has RSV1, which holds for all.
 * Not inlined, so that the stack of a client that sends none is not as deep. */
static __attribute__((noinline)) int read_compressed_message(struct websocket *ws, struct frame *frame)
{
    ws->message.bytes = ws->message.memory;
    frame->compressed = true;
    if (frame->rsv != 0)
        ws->inflater = inflater_begin();
    if (ws->inflater == NULL)
        return fail(ws, CLOSE_INTERNAL_ERROR, "out of memory");
    if (make_room(ws) != 0 || read_compressed(ws, frame) != 0)
        return -1;
    if (!frame->fin)
        return 0;
    if (!inflater_is_complete(ws->inflater))
        return fail(ws, CLOSE_INVALID_PAYLOAD, "compressed data that ends too early");
    inflater_end(ws->inflater);
    ws->inflater = NULL;
    return 0;
}

/* ---- data frames ---- */

/* Lesson 10, provided. Reads a payload that is not compressed, if the message may have it. */
static int read_plain(struct websocket *ws, struct frame *frame, bool is_whole)
{
    if (check_size(ws, frame) != 0)
        return -1;
    if (is_whole && frame->length <= stream_waiting(ws->stream))
        return take_payload(ws, frame);
    return read_payload(ws, frame);
}

/* Lesson 10, provided. Takes a data frame into the message that it begins or continues. A whole message
 * needs no join_fragment, so the server works before that is written. */
static int read_data(struct websocket *ws, struct frame *frame)
{
    bool is_whole = frame->fin && frame->opcode != OPCODE_CONTINUATION && ws->message.opcode == 0;
    int result;

    if (!is_whole && join_fragment(ws, frame) != 0)
        return -1;
    if (ws->message.opcode == 0)
        ws->message.opcode = frame->opcode;
    if (frame->rsv != 0 || ws->inflater != NULL)
        result = read_compressed_message(ws, frame);
    else
        result = read_plain(ws, frame, is_whole);
    return result == 0 && frame->fin ? check_text_end(ws) : result;
}

/* ---- control frames ---- */

/* Lesson 11. Whether a peer may send this close code: 7.4.1, 7.4.2, and the registry for 1012 to 1014.
 * The others are unassigned, or stand for what was never sent. */
bool frame_is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* Lesson 11. Writes a Close frame: a code of two bytes, then a reason (5.5.1). */
void frame_close(struct websocket *ws, unsigned code, const void *reason, size_t reason_length)
{
    unsigned char payload[CONTROL_BYTES] = {(unsigned char)(code >> 8), (unsigned char)code};
    size_t length = code == CLOSE_NO_STATUS ? 0 : 2 + reason_length;

    if (length > 2)
        memcpy(payload + 2, reason, reason_length);
    frame_write(ws, OPCODE_CLOSE, payload, length, STREAM_LAST);
}

/* Lesson 11. Replies to a Close frame with its own code and reason (5.5.1, 7.1.5). Nothing may follow
 * it, so it ends the reading. */
static int handle_close(struct websocket *ws, size_t length)
{
    const unsigned char *payload = ws->control;
    unsigned code = length < 2 ? CLOSE_NO_STATUS : (unsigned)big_endian(payload, 2);
    struct utf8 reason = {.missing = 0};

    if (length == 1)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "close code cut in half");
    if (length >= 2 && !frame_is_close_code(code))
        return fail(ws, CLOSE_PROTOCOL_ERROR, "close code that may not be sent");
    if (length > 2 && (utf8_check(&reason, payload + 2, length - 2) != 0 || reason.missing > 0))
        return fail(ws, CLOSE_INVALID_PAYLOAD, "close reason that is not UTF-8");
    frame_close(ws, code, payload + 2, length < 2 ? 0 : length - 2);
    ws->stream->cause = STREAM_EOF;
    return -1;
}

/* Lesson 11. Reads a control frame's payload, all of it. */
static int read_control(struct websocket *ws, struct frame *frame)
{
    while (frame->offset < frame->length) {
        size_t got;
        if (read_piece(ws, frame, ws->control + frame->offset, CONTROL_BYTES, &got) != 0)
            return -1;
    }
    return 0;
}

/* Lesson 11. Replies to a Close frame and a ping, and ignores a pong (5.5). */
static int handle_control(struct websocket *ws, const struct frame *frame)
{
    size_t length = (size_t)frame->length;

    if (frame->opcode == OPCODE_CLOSE)
        return handle_close(ws, length);
    if (frame->opcode == OPCODE_PING)
        return frame_write(ws, OPCODE_PONG, ws->control, length, stream_more(ws->stream));
    return 0;
}

/* ---- reading and writing messages ---- */

/* Lesson 13, provided. Where the first bytes of a frame's payload are, after it was read. */
static const unsigned char *payload_of(const struct websocket *ws, const struct frame *frame)
{
    const struct message *m = &ws->message;

    if (is_control(frame->opcode))
        return ws->control;
    return frame->compressed ? frame->payload : m->bytes + m->length - frame->offset;
}

/* Lesson 13, provided. Records a frame that was read, be it whole, rejected or broken off, with its mask
 * on again as it crossed the wire. */
static void record_frame(const struct websocket *ws, const struct frame *frame)
{
    size_t length = frame->offset < TRACE_PAYLOAD_BYTES ? (size_t)frame->offset : TRACE_PAYLOAD_BYTES;
    unsigned char payload[TRACE_PAYLOAD_BYTES];

    if (frame->kept == 0)
        return;
    if (length > 0) {
        memcpy(payload, payload_of(ws, frame), length);
        frame_unmask(payload, length, frame->masking_key, 0);
    }
    trace_frame(ws->source, &(struct trace_frame){.direction = TRACE_IN,
                                                  .header = frame->header,
                                                  .header_size = frame->kept,
                                                  .payload = payload,
                                                  .payload_size = length,
                                                  .length = frame->length,
                                                  .cut = length < frame->offset});
}

/* Lesson 10, provided. Reads one frame: a data frame into the message, a control frame by itself. */
static int read_frame(struct websocket *ws, struct frame *frame)
{
    bool control = false;
    int result = frame_read_header(ws, frame);

    if (trace_is_on())
        keep_header(ws, frame);
    if (result == 0) {
        stream_skip(ws->stream, frame->header_size);
        control = is_control(frame->opcode);
        result = control ? read_control(ws, frame) : read_data(ws, frame);
    }
    if (trace_is_on())
        record_frame(ws, frame);
    return result == 0 && control ? handle_control(ws, frame) : result;
}

/* Lesson 10. Reads frames until a message is complete. */
int frame_read_message(struct websocket *ws)
{
    struct frame frame;

    ws->message.opcode = 0;
    ws->message.length = 0;
    free_if_scarce(ws);
    do
        if (read_frame(ws, &frame) != 0)
            return -1;
    while (is_control(frame.opcode) || !frame.fin);
    return 0;
}

/* Lesson 10. Makes the header of a frame that the server sends; it does not mask (5.1). Returns its
 * size. */
static size_t make_header(unsigned char header[FRAME_HEADER_BYTES], unsigned opcode, size_t length)
{
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;

    header[0] = (unsigned char)(0x80 | opcode); /* 0x80: FIN */
    header[1] = (unsigned char)(extended == 0 ? length : extended == 2 ? 126 : 127);
    for (size_t i = 0; i < extended; i++) /* in network order, as in big_endian */
        header[2 + i] = (unsigned char)((uint64_t)length >> 8 * (extended - 1 - i));
    return 2 + extended;
}

/* Lesson 10, provided. Records one frame, and writes it: the client may answer it before this thread goes on.
 * So the last one that is recorded may not have been sent, if the connection has just ended. */
static int write_frame(struct websocket *ws, unsigned opcode, const void *payload, size_t length,
                       unsigned flags)
{
    unsigned char header[FRAME_HEADER_BYTES];
    size_t size = make_header(header, opcode, length);

    if (trace_is_on() && !stream_is_closed(ws->stream))
        trace_frame(ws->source, &(struct trace_frame){.direction = TRACE_OUT,
                                                      .header = header,
                                                      .header_size = size,
                                                      .payload = payload,
                                                      .payload_size = length,
                                                      .length = length});
    if (stream_write(ws->stream, header, size, payload, length, flags) != 0)
        return stream_is_closed(ws->stream) ? 0 : -1;
    return 0;
}

/* Lesson 15, provided. Writes a message compressed, if it becomes shorter, and there is time and memory for
 * that; else as it is, which is always allowed (RFC 7692 section 6). Not inlined, so that messages that are
 * not compressed do not pay for its registers. */
static __attribute__((noinline)) int write_compressed(struct websocket *ws, unsigned opcode,
                                                      const void *payload, size_t length, unsigned flags)
{
    unsigned char *bytes;
    size_t size;
    int result;

    if (length > COMPRESS_MOST_BYTES || memory_used > ws->max_memory / 2 || /* others need it more */
        !take_memory(ws, counted(length)))
        return write_frame(ws, opcode, payload, length, flags);
    bytes = deflate_compress(ws->window_bits, payload, length, &size);
    if (bytes != NULL)
        result = write_frame(ws, opcode | RSV1 << 4, bytes, size, flags);
    else
        result = write_frame(ws, opcode, payload, length, flags);
    free(bytes);
    memory_used -= counted(length);
    return result;
}

/* Lesson 10, provided. Writes a message or a control frame. */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length,
                unsigned flags)
{
    if (ws->window_bits != 0 && length >= COMPRESS_FROM_BYTES)
        return write_compressed(ws, opcode, payload, length, flags);
    return write_frame(ws, opcode, payload, length, flags);
}
