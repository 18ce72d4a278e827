/*
 * session.c - fuzzes what follows the handshake: the frames of a whole connection
 *
 * The server's own echo loop (on_upgrade, in server.c) talks with a peer in memory. A second
 * implementation, `predict` below, says what must come back: it has all the bytes before it, so it
 * needs no buffers, and is short enough to be compared with RFC 6455 by eye. Compared are
 * - what came back, byte by byte; only the reason of a Close frame that tells of a broken rule is the
 *   server's choice;
 * - and when: before each recv, exactly what the bytes so far, and what main has stored so far, ask for
 *   must have been sent: echoes, pongs, pings to an idle client, Close 1008 if there is no reply to one,
 *   Close 1001 if the server stops, after which nothing may follow.
 *
 * The input is a script and the frames, see script.h. It is run by tests/fuzz/run.py, or alone:
 * build/fuzz/session FILE.
 */
#define main server_main  /* all of the server is here, but its main is not called */
#include "../../server.c" // NOLINT(bugprone-suspicious-include): the echo loop is static
#undef main

#include <zlib.h>

#include "characters.h"
#include "script.h"

/* The most that a message can have if messages may be compressed, and the window's size then. */
#define COMPRESSED_LIMIT_BYTES (70 * 1024)
#define WINDOW_BITS 13

/* The longest message, in bytes, if the script asks for a low limit. Over 125, so that both
 * forms of length are tried; small, so that the fuzzer finds its way over it. */
#define LOW_LIMIT_BYTES 300

/* The memory for large messages, in bytes, if the script asks for little: less than one block of it. */
#define LOW_MEMORY_BYTES 100000

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* ---- what must come back ---- */

/* What the server must send once so many bytes were given to it. */
struct due {
    size_t given;
    size_t out_length;
};

static struct {
    size_t length;
    unsigned char bytes[SCRIPT_OUT_BYTES]; /* echoes and pongs, and the reply to a Close frame */
    size_t due_count;
    struct due due[SCRIPT_BYTES / 6 + 1]; /* a client's frame has 6 bytes and more */
    size_t close_given; /* the Close frame is due when these are given; SIZE_MAX: none is */
    int close_code;     /* if its reason is the server's choice; 0: bytes[] has it all */
} wanted;

/* The client's frame that is looked at, at `at`. */
struct client_frame {
    size_t at, header, length; /* header: its bytes, with the key */
    unsigned opcode;
    bool fin, rsv1;
    const unsigned char *key;
};

/* The message that is under way; opcode 0: none. */
struct client_message {
    unsigned opcode;
    size_t length;
    unsigned char bytes[SCRIPT_BYTES];
    struct characters text;
    bool compressed;
    z_stream inflating;
};

static bool is_control_frame(unsigned opcode)
{
    return opcode >= 8;
}

/* From so many given bytes on, the connection is closed with this code. */
static bool close_wanted(size_t given, int code)
{
    wanted.close_given = given;
    wanted.close_code = code;
    return false;
}

/* A frame of the server's own that is due when so many bytes were given. */
static void frame_wanted(size_t given, unsigned opcode, const unsigned char *payload, size_t length)
{
    unsigned char *p = wanted.bytes + wanted.length;

    *p++ = (unsigned char)(0x80 + opcode);
    if (length <= 125) {
        *p++ = (unsigned char)length;
    } else if (length <= 0xFFFF) {
        *p++ = 126;
        *p++ = (unsigned char)(length / 256);
        *p++ = (unsigned char)(length % 256);
    } else {
        *p++ = 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            *p++ = (unsigned char)((uint64_t)length >> shift);
    }
    if (length > 0)
        memcpy(p, payload, length);
    wanted.length = (size_t)(p - wanted.bytes) + length;
    wanted.due[wanted.due_count++] = (struct due){given, wanted.length};
}

/* Reads a frame's header: section 5.2. Returns false if the bytes or the connection end here. */
static bool predict_header(struct client_frame *frame)
{
    const unsigned char *p = script.bytes + frame->at;
    size_t left = script.length - frame->at, extended;
    uint64_t length;

    if (left < 2)
        return false;
    frame->fin = p[0] >= 0x80;
    frame->rsv1 = script.compresses && (p[0] & 0x70) == 0x40 && (p[0] % 16 == 1 || p[0] % 16 == 2);
    frame->opcode = p[0] % 16;
    length = p[1] % 128;
    if (((p[0] & 0x70) != 0 && !frame->rsv1) || p[1] < 0x80 ||
        strchr("\x1\x2\x8\x9\xA", p[0] % 16) == NULL)
        return close_wanted(frame->at + 2, 1002); /* strchr finds opcode 0 as well, at the end */
    if (is_control_frame(frame->opcode) && (!frame->fin || length > 125))
        return close_wanted(frame->at + 2, 1002);
    extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (left < 2 + extended)
        return false;
    if (extended > 0)
        length = 0;
    for (size_t i = 0; i < extended; i++)
        length = length * 256 + p[2 + i];
    if ((extended == 2 && length < 126) || (extended == 8 && length <= 0xFFFF) || length > INT64_MAX)
        return close_wanted(frame->at + 2 + extended, 1002);
    frame->header = 2 + extended + 4;
    frame->length = length;
    frame->key = p + 2 + extended;
    return left >= frame->header;
}

/* What a message comes back as: compressed, if that was agreed on, and it is long enough and becomes
 * shorter (RFC 7692 section 7.2.1). */
static void echo_wanted(size_t given, const struct client_message *message)
{
    static unsigned char out[2 * COMPRESSED_LIMIT_BYTES];
    z_stream z = {.next_in = (z_const Bytef *)message->bytes, .avail_in = (uInt)message->length};
    size_t length;

    z.next_out = out;
    z.avail_out = sizeof out;
    require(deflateInit2(&z, 6, Z_DEFLATED, -WINDOW_BITS, 6, Z_DEFAULT_STRATEGY) == Z_OK, "no memory");
    deflate(&z, Z_SYNC_FLUSH);
    length = sizeof out - z.avail_out;
    deflateEnd(&z);
    /* it has as much room as it had before, with the tail */
    if (script.compresses && message->length >= 256 && length < message->length)
        frame_wanted(given, 0x40 + message->opcode, out, length - 4);
    else
        frame_wanted(given, message->opcode, message->bytes, message->length);
}

/* Takes one byte of a compressed message: RFC 7692 section 7.2.2. Whatever it makes must be allowed. */
static bool predict_inflated(size_t given, struct client_message *message, unsigned char byte)
{
    z_stream *z = &message->inflating;
    size_t limit = options.max_message, before = message->length;
    int result;

    if (script.low_memory && limit > MESSAGE_LARGE_BYTES)
        limit = MESSAGE_LARGE_BYTES;
    z->next_in = &byte;
    z->avail_in = 1;
    z->next_out = message->bytes + message->length;
    z->avail_out = (uInt)(limit - message->length);
    while ((result = inflate(z, Z_SYNC_FLUSH)) == Z_STREAM_END)
        inflateReset(z); /* section 7.2.3.4 */
    message->length = limit - z->avail_out;
    for (size_t i = before; i < message->length; i++)
        if (message->opcode == 1 && !take_byte(&message->text, message->bytes[i]))
            return close_wanted(given, 1007);
    if (result != Z_OK && result != Z_BUF_ERROR)
        return close_wanted(given, 1007);
    if (z->avail_in > 0)
        return close_wanted(given, limit == options.max_message ? 1009 : 1013);
    return true;
}

/* The same for a frame, and behind the last one for what the client has removed. */
static bool predict_compressed(const struct client_frame *frame, struct client_message *message)
{
    size_t payload = frame->at + frame->header;
    bool goes_on = true;

    for (size_t i = 0; goes_on && i < frame->length; i++) {
        if (payload + i == script.length)
            return false;
        goes_on =
            predict_inflated(payload + i + 1, message, script.bytes[payload + i] ^ frame->key[i % 4]);
    }
    for (size_t i = 0; goes_on && frame->fin && i < 4; i++)
        goes_on = predict_inflated(payload + frame->length, message, i < 2 ? 0x00 : 0xFF);
    if (goes_on && frame->fin && (message->inflating.data_type & 128) == 0)
        goes_on = close_wanted(payload + frame->length, 1007);
    return goes_on;
}

static bool predict_plain(const struct client_frame *frame, struct client_message *message)
{
    size_t payload = frame->at + frame->header;

    if (frame->length > options.max_message - message->length)
        return close_wanted(payload, 1009);
    for (size_t i = 0; i < frame->length; i++) {
        if (script.low_memory && message->length == MESSAGE_LARGE_BYTES)
            return close_wanted(payload + i, 1013);
        if (payload + i == script.length)
            return false;
        unsigned char byte = script.bytes[payload + i] ^ frame->key[i % 4];
        message->bytes[message->length++] = byte;
        if (message->opcode == 1 && !take_byte(&message->text, byte))
            return close_wanted(payload + i + 1, 1007);
    }
    return true;
}

/* Takes a data frame: sections 5.4, 5.6 and 8.1. */
static bool predict_data(const struct client_frame *frame, struct client_message *message)
{
    size_t payload = frame->at + frame->header;

    if ((frame->opcode == 0) != (message->opcode != 0)) /* a continuation follows, and nothing else */
        return close_wanted(payload, 1002);
    if (frame->opcode != 0) {
        message->opcode = frame->opcode;
        message->length = message->text.length = 0;
        message->compressed = frame->rsv1;
        inflateEnd(&message->inflating);
        message->inflating = (z_stream){0};
        require(inflateInit2(&message->inflating, -15) == Z_OK, "there is no memory to inflate");
    }
    if (!(message->compressed ? predict_compressed : predict_plain)(frame, message))
        return false;
    if (!frame->fin)
        return true;
    if (message->opcode == 1 && message->text.length > 0)
        return close_wanted(payload + frame->length, 1007);
    echo_wanted(payload + frame->length, message);
    message->opcode = 0;
    return true;
}

/* Whether a code may be sent: section 7.4, and what IANA has added to it (1012 to 1014). */
static bool code_is_legal(unsigned code)
{
    static const unsigned defined[] = {1000, 1001, 1002, 1003, 1007, 1008,
                                       1009, 1010, 1011, 1012, 1013, 1014};

    for (size_t i = 0; i < sizeof defined / sizeof defined[0]; i++)
        if (code == defined[i])
            return true;
    return code / 1000 == 3 || code / 1000 == 4;
}

/* Whether a text is UTF-8 from its beginning to its end. */
static bool is_text(const unsigned char *bytes, size_t length)
{
    struct characters text = {.length = 0};

    for (size_t i = 0; i < length; i++)
        if (!take_byte(&text, bytes[i]))
            return false;
    return text.length == 0;
}

/* Takes a Close frame: sections 5.5.1 and 7.4. The reply is the same, if it may be sent. */
static bool predict_close(size_t given, const unsigned char *payload, size_t length)
{
    if (length == 1 || (length >= 2 && !code_is_legal(payload[0] * 256u + payload[1])))
        return close_wanted(given, 1002);
    if (length > 2 && !is_text(payload + 2, length - 2))
        return close_wanted(given, 1007);
    frame_wanted(given, 8, payload, length);
    return close_wanted(given, 0);
}

/* Takes a control frame: section 5.5. */
static bool predict_control(const struct client_frame *frame)
{
    unsigned char payload[125];
    size_t end = frame->at + frame->header + frame->length;

    if (end > script.length)
        return false;
    for (size_t i = 0; i < frame->length; i++)
        payload[i] = script.bytes[frame->at + frame->header + i] ^ frame->key[i % 4];
    if (frame->opcode == 8)
        return predict_close(end, payload, frame->length);
    if (frame->opcode == 9)
        frame_wanted(end, 10, payload, frame->length);
    return true;
}

/* Says what must come back for all the bytes that the peer sends. */
static void predict(void)
{
    static struct client_message message;
    struct client_frame frame = {.at = 0};
    bool goes_on = true;

    wanted.length = wanted.due_count = 0;
    close_wanted(SIZE_MAX, 0);
    message.opcode = 0;
    while (goes_on && predict_header(&frame)) {
        goes_on =
            is_control_frame(frame.opcode) ? predict_control(&frame) : predict_data(&frame, &message);
        frame.at += frame.header + frame.length;
    }
}

/* ---- what came back ---- */

/* The last frame, if the server stops. */
static const unsigned char going_away[] = "\x88\x18\x03\xe9the server is stopping";
#define GOING_AWAY_BYTES (sizeof going_away - 1)

/* How far what came back was compared. */
static struct {
    size_t out;  /* so far, in what came back */
    size_t same; /* and so far in what was wanted: pings come between */
    size_t due;  /* the next in wanted.due[] */
    size_t pings, pings_wanted;
    size_t pinged_at;       /* what was given when the last one was wanted; SIZE_MAX: none was */
    bool closed;            /* no frame may come any more: there was a Close frame, */
    bool going_away;        /* which says that the server stops, */
    bool going_away_wanted; /* as it must */
} compared;

/* How many of the wanted bytes are due, with the bytes that are given now. */
static size_t due_length(void)
{
    while (compared.due < wanted.due_count && wanted.due[compared.due].given <= script.given)
        compared.due++;
    return compared.due == 0 ? 0 : wanted.due[compared.due - 1].out_length;
}

/* Says what must come back because the server has noticed what main stored. While bytes are under way,
 * nothing need be asked of the client. */
static void predict_wake(enum stream_cause wake)
{
    if (wake == STREAM_STOPPING) {
        compared.going_away_wanted = true;
    } else if (script.unread > 0 || script.unacknowledged > 0) {
        return;
    } else if (compared.pinged_at != script.given) {
        compared.pinged_at = script.given;
        compared.pings_wanted++;
    } else {
        wanted.length = due_length();
        close_wanted(script.given, 1008);
    }
}

/* The length of the server's frame at the place that was reached; 0: it is not complete. */
static size_t next_frame(void)
{
    const unsigned char *p = script.out + compared.out;
    size_t left = script.out_length - compared.out;
    size_t extended = left < 2 || p[1] < 126 ? 0 : p[1] == 126 ? 2 : 8, length = 0;

    if (left < 2 + extended)
        return 0;
    require(p[1] < 0x80, "at %zu, the server has masked a frame", compared.out);
    for (size_t i = 0; i < extended; i++)
        length = length * 256 + p[2 + i];
    length = extended == 0 ? p[1] : length;
    return length <= left - 2 - extended ? 2 + extended + length : 0;
}

/* Compares the Close frame that tells of a broken rule. */
static void compare_close(const unsigned char *frame, size_t length)
{
    unsigned code = length < 4 ? 0 : frame[2] * 256u + frame[3];

    require(wanted.close_code != 0 && compared.same == wanted.length, "an early close, code %u", code);
    require((int)code == wanted.close_code, "a close with code %u, not %d", code, wanted.close_code);
    require(code_is_legal(code), "a close with code %u, which may not be sent", code);
    require(length > 4 && length <= 127, "a close with %zu bytes in all", length);
    require(is_text(frame + 4, length - 4), "a close with a reason that is not UTF-8");
}

/* Compares a whole frame of the server's. */
static void compare_frame(const unsigned char *frame, size_t length)
{
    bool is_wanted = length <= wanted.length - compared.same &&
                     memcmp(frame, wanted.bytes + compared.same, length) == 0;

    require(!compared.closed, "at %zu, a frame %02x after the close", compared.out, frame[0]);
    if (length == 2 && frame[0] == 0x89) { /* the client is never echoed a ping, so it is our own */
        compared.pings++;
    } else if (compared.going_away_wanted && length == GOING_AWAY_BYTES &&
               memcmp(frame, going_away, length) == 0) {
        compared.going_away = true;
    } else if (is_wanted) {
        compared.same += length;
    } else {
        require(frame[0] == 0x88, "at %zu, a frame %02x of %zu bytes, which is not the one wanted",
                compared.out, frame[0], length);
        compare_close(frame, length);
    }
    compared.closed = frame[0] == 0x88;
    compared.out += length;
}

/* Compares what has come since the last time: whole frames only. */
static void compare_out(void)
{
    while (compared.out < script.out_length) {
        size_t length = next_frame();
        require(length > 0, "at %zu, a frame was sent in part", compared.out);
        compare_frame(script.out + compared.out, length);
    }
    require(compared.going_away == compared.going_away_wanted, "no close 1001, but the server stops");
    require(compared.pings == compared.pings_wanted, "%zu pings, not %zu", compared.pings,
            compared.pings_wanted);
}

/* Before a recv: all that is due must have been sent, and nothing else. */
static void compare_before_recv(void)
{
    bool had_closed = compared.closed;

    compare_out();
    require(wanted.close_given > script.given, "with %zu bytes given, the server has not closed yet",
            script.given);
    if (had_closed)
        return; /* the server stops, and compare_frame lets nothing more come */
    require(compared.same == due_length(), "with %zu bytes given, %zu have come back, not %zu",
            script.given, compared.same, due_length());
    require(!compared.closed || compared.going_away, "after its close, the server reads further frames");
}

/* ---- a session ---- */

/* Requires that the echo loop has not ended before it had a reason to. */
static void check_reason_to_end(void)
{
    if (wanted.close_given == SIZE_MAX)
        require(script.given >= script.length, "the session has ended before the peer has");
    else
        require(script.given >= wanted.close_given, "the session was closed too early, at %zu",
                script.given);
}

/* Has the session: the echo loop, and the orderly end that serve gives it. */
static void have_session(struct stream *s, struct trace_source *source)
{
    struct request request = {.stream = s, .source = source, .path = "/echo"};
    struct head head = {.length = 0};

    request.deflate.window_bits = script.compresses ? WINDOW_BITS : 0;
    on_upgrade(&request, s, &head, &routes[1]);
    script_note_wake();
    check_reason_to_end();
    script.on_recv = NULL;  /* what is still read is ignored, */
    script.no_wakes = true; /* and nobody is woken */
    stream_linger(s);
    compare_out();
    require(script.no_more_out, "the server has not ended its direction");
    if (compared.going_away)
        return;
    require(compared.same == wanted.length, "%zu bytes have come back, not %zu", compared.same,
            wanted.length);
    require(compared.closed == (wanted.close_given != SIZE_MAX), "%s",
            compared.closed ? "a close that was not wanted" : "the close is missing");
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct trace_source source;
    struct stream *s = malloc(sizeof *s);

    require(s != NULL, "there is no memory for a stream");
    script_read(input, size);
    script_start(s, false);
    options.max_message = script.low_limit ? LOW_LIMIT_BYTES : 1024 * 1024;
    if (script.compresses && !script.low_limit)
        options.max_message = COMPRESSED_LIMIT_BYTES;
    options.max_memory = script.low_memory ? LOW_MEMORY_BYTES : 1024 * 1024;
    predict();
    memset(&compared, 0, sizeof compared);
    compared.pinged_at = SIZE_MAX;
    script.on_recv = compare_before_recv;
    script.on_noticed = predict_wake;
    script_begin_trace();
    trace_open(&source, 1, "127.0.0.1:50312");
    stream_open(s, SCRIPT_FD);
    have_session(s, &source);
    stream_close(s);
    free(s);
    script_end_trace();
    return 0;
}
