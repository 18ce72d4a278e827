/* 09_frame_header.c - a frame's header, bit by bit, and the rules it must keep */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "harness.h"

static struct stream s;
static const struct trace_source source = {.connection = 1};

/* Whether a text is in a local variable of a function that has returned to the one with that frame. */
static bool is_gone(const char *text, const void *frame)
{
    return (uintptr_t)text < (uintptr_t)frame && (uintptr_t)frame - (uintptr_t)text < 64 * 1024;
}

/* What is wrong with the reason that fail has stored; "": nothing. It goes into a Close frame. */
static const char *wrong_reason(const char *reason, const void *frame)
{
    if (reason == NULL)
        return ", but fail got no reason, which on_upgrade sends";
    if (is_gone(reason, frame))
        return ", but the reason is a local array, which is gone by then";
    if (*reason == '\0')
        return ", but fail got an empty reason, which on_upgrade sends";
    return strlen(reason) > CONTROL_BYTES - 2 ? ", but a Close frame has no room for so long a reason"
                                              : "";
}

/* What fail has stored for the last header; and whether it is told, because the header breaks no rule. */
static const char *reason;
static bool reason_is_told;

/* Reads one header from bytes in hex, and describes it: "fin opcode 1 length 5 key 37fa213d header_size 6", or the
 * close code with which it is rejected, or "end". A header with a close code must not return 0. */
static const char *header_told(const char *hex, size_t cut)
{
    static char told[200];
    unsigned char bytes[30];
    struct feeding f;
    struct websocket ws;
    struct frame frame;
    char script[80];
    size_t length;
    int result;

    snprintf(script, sizeof script, "=%s", hex);
    unsigned char *made = frames(script, &length);
    memcpy(bytes, made, length);
    free(made);
    feed_start(&f, bytes, length, cut, true);
    stream_open(&s, f.fd);
    frame_begin(&ws, &s, &source, 1000, 1000);
    memset(s.in, 0x5A, sizeof s.in);    /* what was there before is no header, */
    memset(&frame, 0x5A, sizeof frame); /* nor the same as in the last test */
    result = frame_read_header(&ws, &frame);
    if (result == 0 && ws.close_code != 0)
        snprintf(told, sizeof told, "0, although fail was called with %u", ws.close_code);
    else if (result == 0)
        snprintf(told, sizeof told, "%sopcode %u length %llu key %02x%02x%02x%02x header_size %zu",
                 frame.fin ? "fin " : "", frame.opcode, (unsigned long long)frame.length,
                 frame.masking_key[0], frame.masking_key[1], frame.masking_key[2], frame.masking_key[3],
                 frame.header_size);
    else if (ws.close_code != 0) {
        const char *wrong = wrong_reason(ws.reason, __builtin_frame_address(0));
        reason = *wrong == '\0' ? ws.reason : NULL;
        snprintf(told, sizeof told, "%u%s%s%s", ws.close_code, wrong,
                 reason_is_told && reason != NULL ? ": " : "",
                 reason_is_told && reason != NULL ? reason : "");
    } else if (s.cause == STREAM_OK)
        snprintf(told, sizeof told, "-1, but fail was not called: the client gets no Close frame");
    else
        snprintf(told, sizeof told, "%s", s.cause == STREAM_EOF ? "end" : stream_reason(&s));
    frame_end(&ws);
    feed_finish(&f);
    stream_close(&s);
    return told;
}

struct header_case {
    const char *hex, *told;
    const char *about; /* what the header is, or which rule it breaks */
};

static void expect_headers(const struct header_case *cases)
{
    for (; cases->hex != NULL; cases++) {
        size_t length = strlen(cases->hex) / 2;
        EXPECT_TEXT(header_told(cases->hex, FEED_WHOLE), cases->told, "%s: header %s", cases->about,
                    cases->hex);
        EXPECT_TEXT(header_told(cases->hex, FEED_EACH), cases->told,
                    "%s: header %s, byte by byte: one recv is not one header", cases->about, cases->hex);
        for (size_t cut = 1; cut < length; cut++)
            EXPECT_TEXT(header_told(cases->hex, cut), cases->told, "%s: header %s, cut at byte %zu",
                        cases->about, cases->hex, cut);
    }
}

static void good_headers(void)
{
    static const struct header_case cases[] = {
        {"818537fa213d7f9f4d5158", "fin opcode 1 length 5 key 37fa213d header_size 6",
         "the RFC's Hello (5.7)"},
        {"018000000000", "opcode 1 length 0 key 00000000 header_size 6", "a first fragment"},
        {"00fd01020304", "opcode 0 length 125 key 01020304 header_size 6",
         "the longest length of 7 bits"},
        {"82fe007e01020304", "fin opcode 2 length 126 key 01020304 header_size 8",
         "a length of 126, in 16 bits"},
        {"82feffff01020304", "fin opcode 2 length 65535 key 01020304 header_size 8",
         "a length of 65535, in 16 bits"},
        {"82ff000000000001000001020304", "fin opcode 2 length 65536 key 01020304 header_size 14",
         "a length of 65536, in 64 bits"},
        {"82ff7fffffffffffffff01020304",
         "fin opcode 2 length 9223372036854775807 key 01020304 header_size 14",
         "the largest length, of 63 bits: only the highest bit of the eight bytes must be 0"},
        {"82ff010203040506070801020304",
         "fin opcode 2 length 72623859790382856 key 01020304 header_size 14",
         "a length of eight different bytes"},
        {"88fd01020304", "fin opcode 8 length 125 key 01020304 header_size 6",
         "a Close of 125 bytes, the most that check_rules allows"},
        {"898001020304", "fin opcode 9 length 0 key 01020304 header_size 6", "a ping"},
        {"8a8001020304", "fin opcode 10 length 0 key 01020304 header_size 6", "a pong"},
        {NULL, NULL, NULL},
    };

    reason_is_told = true;
    expect_headers(cases);
    reason_is_told = false;
}

#define RSV_BITS "RSV bits that are set"
#define RSV_BITS_CONTROL "RSV bits that are set in a control frame, where check_rules must look too"
#define UNKNOWN_OPCODE "an unknown opcode"
#define NO_MASK "a frame without a mask"
#define FRAGMENT "a control frame in fragments"
#define LONG_CONTROL "a control frame over 125 bytes"
#define NOT_SHORTEST "a length that is not in its shortest form"
#define HIGHEST_BIT "a length with its highest bit set"

/* Each is rejected as soon as it can be: these are all the bytes there are, and the next thing is the end. */
static void bad_headers(void)
{
    static const struct header_case cases[] = {
        {"c180", "1002", RSV_BITS},
        {"a180", "1002", RSV_BITS},
        {"9180", "1002", RSV_BITS},
        {"c980", "1002", RSV_BITS_CONTROL},
        {"a880", "1002", RSV_BITS_CONTROL},
        {"9a80", "1002", RSV_BITS_CONTROL},
        {"8380", "1002", UNKNOWN_OPCODE},
        {"8480", "1002", UNKNOWN_OPCODE},
        {"8580", "1002", UNKNOWN_OPCODE},
        {"8680", "1002", UNKNOWN_OPCODE},
        {"8780", "1002", UNKNOWN_OPCODE},
        {"8b80", "1002", UNKNOWN_OPCODE},
        {"8c80", "1002", UNKNOWN_OPCODE},
        {"8d80", "1002", UNKNOWN_OPCODE},
        {"8e80", "1002", UNKNOWN_OPCODE},
        {"8f80", "1002", UNKNOWN_OPCODE},
        {"8105", "1002", NO_MASK},
        {"8100", "1002", NO_MASK},
        {"8900", "1002", NO_MASK},
        {"0880", "1002", FRAGMENT},
        {"0980", "1002", FRAGMENT},
        {"0a80", "1002", FRAGMENT},
        {"89fe", "1002", LONG_CONTROL},
        {"88ff", "1002", LONG_CONTROL},
        {"8afe", "1002", LONG_CONTROL},
        {"81fe007d", "1002", NOT_SHORTEST},
        {"81fe0000", "1002", NOT_SHORTEST},
        {"81ff000000000000ffff", "1002", NOT_SHORTEST},
        {"81ff000000000000007d", "1002", NOT_SHORTEST},
        {"81ff8000000000000000", "1002", HIGHEST_BIT},
        {"81ffffffffffffffffff", "1002", HIGHEST_BIT},
        {NULL, NULL, NULL},
    };

    expect_headers(cases);
    for (const struct header_case *one = cases; one->hex != NULL; one++) {
        char more[60];
        snprintf(more, sizeof more, "%s0102030405060708090a0b0c", one->hex);
        EXPECT_TEXT(header_told(more, FEED_WHOLE), one->told, "%s, and more after it: header %s",
                    one->about, more);
    }
}

/* A frame without a mask, of every length and kind, is rejected at its second byte. */
static void no_mask(void)
{
    static const unsigned firsts[] = {0x81, 0x82, 0x01, 0x02, 0x80, 0x00, 0x88, 0x89, 0x8a};

    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++)
        for (unsigned second = 0; second < 0x80; second += i == 0 || second == 0x7d ? 1 : 0x7d) {
            char hex[5];
            snprintf(hex, sizeof hex, "%02x%02x", firsts[i], second);
            EXPECT_TEXT(header_told(hex, FEED_WHOLE), "1002", "header %s", hex);
        }
}

/* Neighbours break the same rule, or another one of the same function, and could share an array for the reason. */
static void reasons_are_kept(void)
{
    static const char *const headers[] = {
        "c180",
        "a180",
        "8380",
        "8b80",
        "8105",
        "8205",
        "0980",
        "0880",
        "89fe",
        "88ff",
        "81fe007d",
        "81fe0000",
        "81ff000000000000ffff",
        "81ff8000000000000000",
    };
    const char *kept = NULL;
    char first[CONTROL_BYTES];

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        reason = NULL;
        header_told(headers[i], FEED_WHOLE);
        if (kept != NULL)
            EXPECT_TEXT(kept, first,
                        "the reason why header %s is rejected, after another client has sent %s",
                        headers[i - 1], headers[i]);
        kept = reason;
        snprintf(first, sizeof first, "%s", reason != NULL ? reason : "");
    }
}

/* What the first two bytes of a header say, taken apart by division: no bit is shifted or masked here. */
static void describe_start(unsigned first, unsigned second, char text[100])
{
    unsigned length = second % 128, size = length == 126 ? 4 : length == 127 ? 10 : 2;

    snprintf(text, 100, "fin %u rsv %u opcode %u masked %u length %u header_size %u", first / 128,
             first / 16 % 8, first % 16, second / 128, length, size + second / 128 * 4);
}

/* Every pair of first bytes, also those that check_rules will reject. */
static void every_start(void)
{
    for (unsigned pair = 0; pair < 65536; pair++) {
        unsigned char bytes[2] = {(unsigned char)(pair >> 8), (unsigned char)pair};
        char got[100], wanted[100];
        struct frame frame;

        memset(&frame, 0x5A, sizeof frame);
        frame_decode_start(&frame, bytes);
        snprintf(got, sizeof got, "fin %d rsv %u opcode %u masked %d length %llu header_size %zu",
                 frame.fin, frame.rsv, frame.opcode, frame.masked, (unsigned long long)frame.length,
                 frame.header_size);
        describe_start(bytes[0], bytes[1], wanted);
        if (!EXPECT_TEXT(got, wanted, "frame_decode_start of the bytes %02x %02x", bytes[0], bytes[1]))
            return;
    }
}

/* The longest there is: 66051 bytes, and the key 09080706. */
static const unsigned char header[14] = {0x82, 0xff, 0, 0, 0, 0, 0, 1, 2, 3, 9, 8, 7, 6};

#define MOVED "%zu bytes of a header are the last ones in the buffer, so stream_fill moves them: "

/* The read buffer is full, and its last bytes are the first ones of a header: to receive the others, what
 * waits is moved to the front, and an address from before that is good no more. */
static void at_the_buffers_end(void)
{
    static unsigned char bytes[STREAM_BUFFER_BYTES + sizeof header];

    for (size_t there = 1; there < sizeof header; there++) {
        size_t before = STREAM_BUFFER_BYTES - there;
        struct feeding f;
        struct websocket ws;
        struct frame frame;
        bool whole, read;

        memset(bytes, 0x5A, before);
        memcpy(bytes + before, header, sizeof header);
        feed_start(&f, bytes, before + sizeof header, FEED_WHOLE, true);
        stream_open(&s, f.fd);
        frame_begin(&ws, &s, &source, 1000, 1000);
        whole = stream_need(&s, STREAM_BUFFER_BYTES) == 0;
        EXPECT(whole, "stream_need must be able to fill the whole buffer: %s", stream_reason(&s));
        stream_skip(&s, before);
        read = frame_read_header(&ws, &frame) == 0;
        EXPECT(s.in_end <= sizeof s.in,
               "%zu bytes of a header are the last ones in the buffer: stream_need has received %zu "
               "bytes more, past the buffer's end; stream_fill makes room for them first",
               there, s.in_end - sizeof s.in);
        EXPECT(read,
               "%zu bytes of a header are the last ones in the buffer: stream_need must receive with "
               "stream_fill, which makes room for the others, but they did not come: %s",
               there, stream_reason(&s));
        EXPECT(!read || frame.length == 66051, MOVED "length %llu instead of 66051", there,
               (unsigned long long)frame.length);
        EXPECT(!read || memcmp(frame.masking_key, header + 10, 4) == 0,
               MOVED "key %02x%02x%02x%02x instead of 09080706", there, frame.masking_key[0],
               frame.masking_key[1], frame.masking_key[2], frame.masking_key[3]);
        frame_end(&ws);
        feed_finish(&f);
        stream_close(&s);
    }
}

/* Main wakes the worker after each number of bytes: need, provided, reads on then. */
static void woken(void)
{
    for (size_t came = 0; came < sizeof header; came++) {
        struct websocket ws;
        struct frame frame;
        int ends[2];

        EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
        stream_open(&s, ends[0]);
        frame_begin(&ws, &s, &source, 1000, 1000);
        send_bytes(ends[1], header, came);
        stream_need(&s, came);
        atomic_store(&s.wake, STREAM_IDLE);
        send_bytes(ends[1], header + came, sizeof header - came);
        EXPECT(frame_read_header(&ws, &frame) == 0,
               "a worker that was woken after %zu bytes of a header must read on: call need, which does "
               "so, and not stream_need",
               came);
        frame_end(&ws);
        stream_close(&s);
        close(ends[1]);
    }
}

/* If the connection ends too early, what had come is still there. */
static void need_keeps_what_came(void)
{
    for (size_t came = 0; came < 6; came++) {
        struct feeding f;
        bool right;

        feed_start(&f, "\x81\x85\x37\xfa\x21\x3d", came, FEED_EACH, true);
        stream_open(&s, f.fd);
        right = came == 0 || (stream_need(&s, came) == 0 && stream_waiting(&s) == came);
        EXPECT(right,
               "stream_need of the %zu bytes that come one by one: %zu wait; one recv is not one "
               "header",
               came, stream_waiting(&s));
        right = stream_need(&s, came + 1) == -1 && s.cause == STREAM_EOF;
        EXPECT(
            right,
            "stream_need of %zu bytes, but only %zu come and then the end: it must return -1, and the "
            "cause is that of stream_fill, not: %s",
            came + 1, came, stream_reason(&s));
        EXPECT(stream_waiting(&s) == came, "after that the %zu bytes must still wait, not %zu", came,
               stream_waiting(&s));
        feed_finish(&f);
        stream_close(&s);
    }
}

static void cut_off_headers(void)
{
    static const char about[] = "a header that is cut off";
    static const struct header_case cases[] = {
        {"", "end", about},           {"81", "end", about},     {"8185", "end", about},
        {"818537fa21", "end", about}, {"82fe00", "end", about}, {"82ff00000000000100", "end", about},
        {NULL, NULL, NULL},
    };

    expect_headers(cases);
}

static void nothing_is_taken(void)
{
    struct feeding f;
    struct websocket ws;
    struct frame frame;
    static const unsigned char bytes[] = {0x81, 0x81, 1, 2, 3, 4, 'x'};

    feed_start(&f, bytes, sizeof bytes, FEED_WHOLE, true);
    stream_open(&s, f.fd);
    frame_begin(&ws, &s, &source, 1000, 1000);
    EXPECT(frame_read_header(&ws, &frame) == 0 && frame.header_size == 6, "a good header");
    EXPECT(stream_need(&s, sizeof bytes) == 0 && memcmp(stream_next(&s), bytes, sizeof bytes) == 0,
           "header and payload must still be in the stream");
    frame_end(&ws);
    feed_finish(&f);
    stream_close(&s);
}

int main(void)
{
    static const struct test tests[] = {
        {"every pair of first bytes, taken apart", every_start, 9, "RFC 6455, section 5.2",
         "frame_decode_start sets fin, rsv, opcode, masked, length and header_size, and none of them "
         "from what was there before."},
        {"headers of all three forms, in whatever pieces they come", good_headers, 9,
         "RFC 6455, section 5.2",
         "If a good header gets 1002: check_rules or read_length has called fail, with the reason "
         "after the code. read_header wants two bytes first, and has frame_decode_start take them "
         "apart; read_length: 126 means that the next 2 bytes are the length, 127 the next 8. Then "
         "comes the key. The payload may come late, and read_header does not wait for it."},
        {"headers that break a rule, rejected at the first byte that shows it", bad_headers, 9,
         "RFC 6455, sections 5.2 and 5.5",
         "read_header has check_rules look at the first two bytes as soon as they are there, before it "
         "waits for more; read_length looks at the length as soon as it is known. Each returns what "
         "fail returns. fail keeps the address of the reason: give it a string constant of at most 123 "
         "bytes."},
        {"a frame without a mask is rejected, whatever its length", no_mask, 9, "RFC 6455, section 5.1",
         "The highest bit of the second byte says whether there is a mask: a client must always set it. "
         "check_rules fails if it has not."},
        {"headers that are cut off", cut_off_headers, 9, "RFC 6455, section 7.1.7",
         "stream_need must return -1 as soon as stream_fill does, or it runs in circles. need, "
         "provided, then returns -1: return that as it is, and store no close code."},
        {"a header that lies across the buffer's end", at_the_buffers_end, 9, "RFC 6455, section 5.2",
         "stream_need receives with stream_fill, and not by itself. A call that receives may move what "
         "waits: read_length and read_header must ask for stream_next after need, and not keep it from "
         "before. stream_need counts from in_start: what is before that has been read."},
        {"what had come is still there", need_keeps_what_came, 9, "man 2 recv",
         "stream_need only waits, it takes nothing. If stream_fill fails, it returns -1 and leaves "
         "cause and bytes as they are."},
        {"a worker that was woken reads on", woken, 9, "lesson 14: when things go wrong",
         "read_length and read_header wait with need. stream_need fails when main wakes the worker, "
         "because the client is idle, say; need then calls it again."},
        {"not a byte of the payload is taken", nothing_is_taken, 9, "RFC 6455, section 5.2",
         "need, provided, takes no bytes from the stream: read_header only looks at them, at "
         "stream_next."},
        {"the reason stays, whatever other clients send", reasons_are_kept, 9, "RFC 6455, section 7.1.6",
         "In check_rules and read_length, the reason is a string constant. A static array is shared by "
         "all clients: the next one that is rejected overwrites it, before the first has got its Close "
         "frame."},
        {0},
    };

    int status = run_suite("09 a frame's header", tests);

    if (status == 0)
        printf("Your header, from the bytes 81 85 37 fa 21 3d: %s\n",
               header_told("818537fa213d", FEED_EACH));
    return status;
}
