/*
 * frame.c - reads and writes WebSocket frames, and joins them to messages
 *
 *      0               1               2               3
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     |F|R R R|opcode |M| length      | extended length, 0, 2 or 8    |
 *     |I|S S S|       |A| (7 bits)    | bytes, when length is 126/127 |
 *     |N|V V V|       |S|             |                               |
 *     | |1 2 3|       |K|             |                               |
 *     +-+-+-+-+-------+-+-------------+-------------------------------+
 *     | masking key, 4 bytes, when MASK is set                        |
 *     +---------------------------------------------------------------+
 *     | payload                                                       |
 *     +---------------------------------------------------------------+
 *
 * See frame.h for what the calls promise. Section numbers are those of RFC 6455.
 */
#include "frame.h"

#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* Memory for a message begins with this many bytes, so that an idle client costs little. It grows as the
 * bytes arrive: in two large steps to MESSAGE_LARGE_BYTES, then by doubling. */
#define MESSAGE_START_BYTES 256

_Static_assert(FRAME_KEPT_BYTES == WIRE_PAYLOAD_BYTES, "the view shows all that is kept, no more");

/* Lesson 9, given. Begins speaking frames on a stream. */
void frame_begin(struct websocket *ws, struct stream *s, size_t max_message)
{
    ws->stream = s;
    ws->max_message = max_message;
    ws->message = (struct message){.bytes = NULL};
    ws->text = (struct utf8){.missing = 0};
    ws->problem = NULL;
}

/* Lesson 9, given. Gives the message's memory back. */
void frame_end(struct websocket *ws)
{
    free(ws->message.bytes);
    ws->message.bytes = NULL;
    ws->message.capacity = 0;
}

/* Lesson 9, given. Notes why the connection must be closed, and answers the close code. */
static int wrong(struct websocket *ws, int code, const char *problem)
{
    ws->problem = problem;
    return code;
}

/* Lesson 9, given. Whether an opcode is a control frame's: 5.5. */
static bool is_control(unsigned opcode)
{
    return opcode >= OPCODE_CLOSE;
}

/* Lesson 14. Called when the peer was silent for the stream's whole patience: sends a ping, and
 * waits as long again for any byte. The server runs without it. */
static int peer_silent(struct websocket *ws)
{
    int result;

    if (ws->message.opcode == 0) /* between messages: what a large one needed can go */
        frame_end(ws);
    stream_rest(ws->stream);
    result = frame_write(ws, OPCODE_PING, NULL, 0, false);
    if (result == 0)
        result = stream_await(ws->stream);
    if (result != STREAM_TIMEOUT)
        return result;
    wire_note(ws->stream->tap, WIRE_PING_TIMEOUT, "no answer to a ping");
    return wrong(ws, CLOSE_POLICY, "no answer to a ping");
}

/* ---- a frame's header ---- */

/* Lesson 9. Reads the next n bytes of a header, exactly. */
static int read_header_bytes(struct websocket *ws, struct frame *frame, size_t n)
{
    unsigned char *to = frame->header + frame->header_length;
    int result;

    do
        result = stream_read_exactly(ws->stream, to, n);
    while (result == STREAM_TIMEOUT && (result = peer_silent(ws)) == 0);
    if (result == 0)
        frame->header_length += n;
    return result;
}

/* Lesson 9, given. A number in network order, the most significant byte first: 5.2. */
static uint64_t big_endian(const unsigned char *bytes, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* Lesson 9. Reads the length: 7 bits, or 126 and 2 bytes more, or 127 and 8 bytes more. */
static int read_length(struct websocket *ws, struct frame *frame)
{
    size_t more = frame->length == 126 ? 2 : frame->length == 127 ? 8 : 0;
    uint64_t least = more == 2 ? 126 : 65536;
    int result;

    if (more == 0)
        return 0;
    result = read_header_bytes(ws, frame, more);
    if (result != 0)
        return result;
    frame->length = big_endian(frame->header + 2, more);
    if (frame->length < least) /* 5.2: the shortest form must be used */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "length not in its shortest form");
    if (frame->length >> 63 != 0) /* 5.2: the most significant bit must be 0 */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "length with its highest bit set");
    return 0;
}

/* Lesson 9. Checks the first two bytes of a header against the rules. */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    unsigned opcode = frame->opcode;

    if (frame->reserved != 0) /* 5.2: no extension was agreed on that gives them a meaning */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "reserved bits are set");
    if ((opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE) || opcode > OPCODE_PONG) /* 5.2 */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "unknown opcode");
    if (!frame->masked) /* 5.1: a client must mask */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "frame without a mask");
    if (is_control(opcode) && !frame->fin) /* 5.5 */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    if (is_control(opcode) && frame->length > CONTROL_BYTES) /* 5.5 */
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}

/* Lesson 9. Reads a frame's header, bit by bit, and checks it as early as can be. */
int frame_read_header(struct websocket *ws, struct frame *frame)
{
    int result;

    frame->header_length = frame->kept = 0;
    frame->length = frame->offset = 0;
    result = read_header_bytes(ws, frame, 2);
    if (result != 0)
        return result;
    frame->fin = (frame->header[0] & 0x80) != 0;
    frame->reserved = frame->header[0] >> 4 & 0x7;
    frame->opcode = frame->header[0] & 0xF;
    frame->masked = (frame->header[1] & 0x80) != 0;
    frame->length = frame->header[1] & 0x7F;
    result = check_rules(ws, frame);
    if (result == 0)
        result = read_length(ws, frame);
    if (result == 0)
        result = read_header_bytes(ws, frame, sizeof frame->masking_key);
    if (result == 0)
        memcpy(frame->masking_key, frame->header + frame->header_length - 4, 4);
    return result;
}

/* ---- payload ---- */

/* Bytes of payload that are taken from the stream at once, so that they are still in the processor's
 * cache when their mask is taken off and their text is checked. */
#define PIECE_BYTES (128 * 1024)

/* Numbers of 4 bytes that a mask is taken off at once: so many that compilers (gcc from 12 on, clang)
 * take vector registers for them, which hold 16 bytes or more on all usual processors. */
#define UNMASK_WORDS 16

/* Lesson 10. Takes the mask off: byte i of the payload was combined with byte i mod 4 of the key by
 * exclusive or. The last loop does it all. What stands before it does the same for 64 bytes at a time,
 * as 16 numbers, which is far faster: lesson 15. */
void frame_unmask(unsigned char *bytes, size_t length, const unsigned char key[4], uint64_t offset)
{
    unsigned char twice[8];
    const unsigned char *turned = twice + offset % 4; /* the key from the byte on that is next */
    uint32_t words[UNMASK_WORDS], mask;
    size_t i = 0;

    memcpy(twice, key, 4);
    memcpy(twice + 4, key, 4);
    memcpy(&mask, turned, sizeof mask);
    for (; length - i >= sizeof words; i += sizeof words) {
        memcpy(words, bytes + i, sizeof words); /* memcpy: the bytes may lie at any address */
        for (size_t k = 0; k < UNMASK_WORDS; k++)
            words[k] ^= mask;
        memcpy(bytes + i, words, sizeof words);
    }
    for (; i < length; i++)
        bytes[i] ^= turned[i % 4];
}

/* Lesson 13. Keeps the first bytes of a payload for the wire view, before their mask is taken off.
 * The server runs without it. */
static int keep_beginning(struct frame *frame, const unsigned char *bytes, size_t length)
{
    if (!wire_is_watched() || frame->kept != frame->offset)
        return 0; /* also where somebody began to watch in the middle: half a beginning is none */
    if (length > sizeof frame->beginning - frame->kept)
        length = sizeof frame->beginning - frame->kept;
    memcpy(frame->beginning + frame->kept, bytes, length);
    frame->kept += length;
    return 0;
}

/* Lesson 10. Reads some of a frame's payload, as much as is there, and takes its mask off. */
static int read_piece(struct websocket *ws, struct frame *frame, unsigned char *to, size_t room,
                      size_t *got)
{
    int result;

    if (room > frame->length - frame->offset)
        room = (size_t)(frame->length - frame->offset);
    if (room > PIECE_BYTES)
        room = PIECE_BYTES;
    do
        result = stream_read_some(ws->stream, to, room, got);
    while (result == STREAM_TIMEOUT && (result = peer_silent(ws)) == 0);
    if (result != 0)
        return result;
    keep_beginning(frame, to, *got);
    frame_unmask(to, *got, frame->masking_key, frame->offset);
    frame->offset += *got;
    return 0;
}

/* Lesson 10, given. Makes room for at least one more byte of a message. Memory grows with the bytes
 * that came, not with what a header claims. */
static int make_room(struct websocket *ws)
{
    struct message *m = &ws->message;
    size_t capacity = m->capacity * (m->capacity < MESSAGE_LARGE_BYTES ? 16 : 2);
    unsigned char *bytes;

    if (m->length < m->capacity)
        return 0;
    if (m->capacity == 0)
        capacity = MESSAGE_START_BYTES;
    bytes = realloc(m->bytes, capacity);
    if (bytes == NULL)
        return wrong(ws, CLOSE_INTERNAL_ERROR, "out of memory");
    m->bytes = bytes;
    m->capacity = capacity;
    return 0;
}

/* ---- messages: fragments, size, text ---- */

/* Lesson 12. Checks that fragments follow each other: a first one, then continuations (5.4). */
static int join_fragment(struct websocket *ws, const struct frame *frame)
{
    bool under_way = ws->message.opcode != 0;

    if (frame->opcode == OPCODE_CONTINUATION && !under_way)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "continuation of nothing");
    if (frame->opcode != OPCODE_CONTINUATION && under_way)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "new message inside another");
    return 0;
}

/* Lesson 12. Checks a frame's claim against the limit, before a byte of it is stored. The server
 * runs without it. */
static int too_big(struct websocket *ws, const struct frame *frame)
{
    if (frame->length <= ws->max_message - ws->message.length)
        return 0;
    return wrong(ws, CLOSE_TOO_BIG, "message over the server's limit");
}

/* Lesson 12. Checks one byte of a text; low and high keep out overlong forms, surrogates and what
 * is beyond U+10FFFF (RFC 3629 section 4). */
static int check_utf8_byte(struct utf8 *text, unsigned char byte)
{
    if (text->missing > 0) {
        if (byte < text->low || byte > text->high)
            return -1;
        text->missing--;
        text->low = 0x80;
        text->high = 0xBF;
        return 0;
    }
    if (byte < 0x80)
        return 0;
    if (byte < 0xC2 || byte > 0xF4)
        return -1;
    text->missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    text->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    text->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return 0;
}

/* Lesson 12, given. How many bytes can be stepped over because they are ASCII, which most text is:
 * no byte of such a run has its highest bit set. Looks at 32 bytes at once. */
static size_t skip_ascii(const unsigned char *bytes, size_t length)
{
    uint64_t words[4];
    size_t i = 0;

    for (; length - i >= sizeof words; i += sizeof words) {
        memcpy(words, bytes + i, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080) != 0)
            break;
    }
    return i;
}

/* Lesson 12. Checks the next bytes of a text. The server runs without it. */
int frame_check_utf8(struct utf8 *text, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text->missing == 0)
            i += skip_ascii(bytes + i, length - i);
        if (i < length && check_utf8_byte(text, bytes[i]) != 0)
            return -1;
    }
    return 0;
}

/* Lesson 12. Checks that a text does not end in the middle of a character (8.1). The server runs
 * without it. */
static int text_cut_off(struct websocket *ws)
{
    if (ws->message.opcode == OPCODE_TEXT && ws->text.missing > 0)
        return wrong(ws, CLOSE_BAD_TEXT, "text ends inside a character");
    return 0;
}

/* Lesson 10. Reads a frame's payload to the end of the message. A text is checked piece by piece, so
 * that a bad byte is refused when it comes, not when the frame ends. */
static int read_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;
    int result = 0;

    while (result == 0 && frame->offset < frame->length) {
        size_t got = 0;
        result = make_room(ws);
        if (result == 0)
            result = read_piece(ws, frame, m->bytes + m->length, m->capacity - m->length, &got);
        if (m->opcode == OPCODE_TEXT && frame_check_utf8(&ws->text, m->bytes + m->length, got) != 0)
            result = wrong(ws, CLOSE_BAD_TEXT, "text that is not UTF-8");
        m->length += got;
    }
    return result;
}

/* Lesson 10, given. Takes a data frame into the message that it begins, or goes on with. */
static int data_frame(struct websocket *ws, struct frame *frame)
{
    int result = 0;

    if (!frame->fin || frame->opcode == OPCODE_CONTINUATION || ws->message.opcode != 0)
        result = join_fragment(ws, frame);
    if (ws->message.opcode == 0)
        ws->message.opcode = frame->opcode;
    if (result == 0)
        result = too_big(ws, frame);
    if (result == 0)
        result = read_payload(ws, frame);
    if (result == 0 && frame->fin)
        result = text_cut_off(ws);
    return result;
}

/* ---- control frames ---- */

/* Lesson 11. Whether a peer may send this close code: 7.4.1, 7.4.2, and the registry for 1012 to
 * 1014. The others are unassigned, or stand for what was never sent. */
bool frame_is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

/* Lesson 11. Makes a close frame: a code of two bytes, then a reason (5.5.1). */
void frame_make_close(struct last_word *word, int code, const void *reason, size_t reason_length)
{
    size_t length = code == CLOSE_NO_CODE ? 0 : 2 + reason_length;

    word->length = 2 + length;
    word->bytes[0] = 0x80 | OPCODE_CLOSE; /* 0x80: FIN */
    word->bytes[1] = (unsigned char)length;
    if (length == 0)
        return;
    word->bytes[2] = (unsigned char)(code >> 8);
    word->bytes[3] = (unsigned char)code;
    if (reason_length > 0)
        memcpy(word->bytes + 4, reason, reason_length);
}

/* Lesson 11, given. Tells the wire view of a close frame that was sent. */
static void tell_last_word(const struct websocket *ws, const struct last_word *word)
{
    size_t length = word->length - 2; /* of the payload; the header has two bytes */

    wire_frame(ws->stream->tap, WIRE_OUT, word->bytes, 2, word->bytes + 2, length, length,
               length > WIRE_PAYLOAD_BYTES);
}

/* Lesson 11, given. Says the last word, and tells of it. */
static int say_last_word(struct websocket *ws, const struct last_word *word)
{
    int result = stream_say_last_word(ws->stream, word);

    if (result == 0)
        tell_last_word(ws, word);
    return result;
}

/* Lesson 11. Sends a close frame that says what is wrong. */
int frame_send_close(struct websocket *ws, int code)
{
    const char *reason = ws->problem != NULL ? ws->problem : "";
    struct last_word word;

    frame_make_close(&word, code, reason, strlen(reason));
    return say_last_word(ws, &word);
}

/* Lesson 11. Answers a close frame with its own code and reason (5.5.1, 7.1.5). Nothing may come
 * behind it, so it ends the reading. */
static int answer_close(struct websocket *ws, size_t length)
{
    const unsigned char *payload = ws->control;
    int code = length < 2 ? CLOSE_NO_CODE : (int)big_endian(payload, 2);
    struct utf8 reason = {.missing = 0};
    struct last_word word;

    if (length == 1)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "close code cut in half");
    if (length >= 2 && !frame_is_close_code((unsigned)code))
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "close code that may not be sent");
    if (length > 2 && (frame_check_utf8(&reason, payload + 2, length - 2) != 0 || reason.missing > 0))
        return wrong(ws, CLOSE_BAD_TEXT, "close reason that is not UTF-8");
    frame_make_close(&word, code, payload + 2, length < 2 ? 0 : length - 2);
    say_last_word(ws, &word);
    return STREAM_END;
}

/* Lesson 11. Reads a control frame's payload, all of it. */
static int read_control(struct websocket *ws, struct frame *frame)
{
    int result = 0;

    while (result == 0 && frame->offset < frame->length) {
        size_t got;
        result = read_piece(ws, frame, ws->control + frame->offset, CONTROL_BYTES, &got);
    }
    return result;
}

/* Lesson 11. Answers a close and a ping, and lets a pong pass (5.5). */
static int answer_control(struct websocket *ws, const struct frame *frame)
{
    size_t length = (size_t)frame->length;

    if (frame->opcode == OPCODE_CLOSE)
        return answer_close(ws, length);
    if (frame->opcode == OPCODE_PING)
        return frame_write(ws, OPCODE_PONG, ws->control, length, stream_has_input(ws->stream));
    return 0;
}

/* ---- reading and writing messages ---- */

/* Lesson 14, given. Tells of a close frame that was sent from another thread, when the server stopped.
 * The server runs without it. */
static int tell_farewell(struct websocket *ws)
{
    const struct last_word *word = stream_take_farewell(ws->stream);

    if (word != NULL)
        tell_last_word(ws, word);
    return 0;
}

/* Lesson 10, given. Reads one frame: a data frame into the message, a control frame to its answer. */
static int read_frame(struct websocket *ws, struct frame *frame)
{
    bool control = false;
    int result = frame_read_header(ws, frame);

    if (result == 0) {
        control = is_control(frame->opcode);
        result = control ? read_control(ws, frame) : data_frame(ws, frame);
    }
    tell_farewell(ws);
    if (wire_is_watched() && frame->header_length > 0) /* also of one that was refused, or cut off */
        wire_frame(ws->stream->tap, WIRE_IN, frame->header, frame->header_length, frame->beginning,
                   frame->kept, frame->length, frame->kept < frame->offset);
    return result == 0 && control ? answer_control(ws, frame) : result;
}

/* Lesson 10. Reads frames until a message is whole. */
int frame_read_message(struct websocket *ws)
{
    struct frame frame;
    int result;

    ws->message.opcode = 0;
    ws->message.length = 0;
    do
        result = read_frame(ws, &frame);
    while (result == 0 && (is_control(frame.opcode) || !frame.fin));
    return result;
}

/* Lesson 10. Writes one frame. A server does not mask (5.1). */
int frame_write(struct websocket *ws, unsigned opcode, const void *payload, size_t length, bool more)
{
    unsigned char header[FRAME_HEADER_BYTES] = {(unsigned char)(0x80 | opcode)}; /* 0x80: FIN */
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
    int result;

    header[1] = (unsigned char)(extended == 0 ? length : extended == 2 ? 126 : 127);
    for (size_t i = 0; i < extended; i++) /* in network order, as in big_endian */
        header[2 + i] = (unsigned char)((uint64_t)length >> 8 * (extended - 1 - i));
    result = stream_write(ws->stream, header, 2 + extended, payload, length, more);
    if (result == 0 && wire_is_watched()) /* wire_frame asks too; but here it saves a call */
        wire_frame(ws->stream->tap, WIRE_OUT, header, 2 + extended, payload, length, length,
                   length > WIRE_PAYLOAD_BYTES);
    return result == STREAM_OVER ? 0 : result;
}
