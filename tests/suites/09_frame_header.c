/* 09_frame_header.c - a frame's header, bit by bit, and the rules it must keep */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "harness.h"

static struct stream s;
static const struct trace_source source = {.connection = 1};

/* Reads one header from bytes in hex, and describes it: "fin opcode 1 length 5 key 37fa213d of 6", or the
 * close code with which it is rejected, or "end". */
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
    if (result == 0)
        snprintf(told, sizeof told, "%sopcode %u length %llu key %02x%02x%02x%02x of %zu",
                 frame.fin ? "fin " : "", frame.opcode, (unsigned long long)frame.length,
                 frame.masking_key[0], frame.masking_key[1], frame.masking_key[2], frame.masking_key[3],
                 frame.header_size);
    else if (ws.close_code != 0)
        snprintf(told, sizeof told, "%u", ws.close_code);
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
        {"818537fa213d7f9f4d5158", "fin opcode 1 length 5 key 37fa213d of 6", "the RFC's Hello (5.7)"},
        {"018000000000", "opcode 1 length 0 key 00000000 of 6", "a first fragment"},
        {"00fd01020304", "opcode 0 length 125 key 01020304 of 6", "the longest length of 7 bits"},
        {"82fe007e01020304", "fin opcode 2 length 126 key 01020304 of 8", "a length of 126, in 16 bits"},
        {"82feffff01020304", "fin opcode 2 length 65535 key 01020304 of 8",
         "a length of 65535, in 16 bits"},
        {"82ff000000000001000001020304", "fin opcode 2 length 65536 key 01020304 of 14",
         "a length of 65536, in 64 bits"},
        {"82ff7fffffffffffffff01020304", "fin opcode 2 length 9223372036854775807 key 01020304 of 14",
         "the largest length, of 63 bits"},
        {"82ff010203040506070801020304", "fin opcode 2 length 72623859790382856 key 01020304 of 14",
         "a length of eight different bytes"},
        {"88fd01020304", "fin opcode 8 length 125 key 01020304 of 6", "a Close"},
        {"898001020304", "fin opcode 9 length 0 key 01020304 of 6", "a ping"},
        {"8a8001020304", "fin opcode 10 length 0 key 01020304 of 6", "a pong"},
        {NULL, NULL, NULL},
    };

    expect_headers(cases);
}

#define RSV_BITS "RSV bits that are set"
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

/* What the first two bytes of a header say, taken apart by division: no bit is shifted or masked here. */
static void describe_start(unsigned first, unsigned second, char text[100])
{
    unsigned length = second % 128, size = length == 126 ? 4 : length == 127 ? 10 : 2;

    snprintf(text, 100, "fin %u rsv %u opcode %u masked %u length %u of %u", first / 128, first / 16 % 8,
             first % 16, second / 128, length, size + second / 128 * 4);
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
        snprintf(got, sizeof got, "fin %d rsv %u opcode %u masked %d length %llu of %zu", frame.fin,
                 frame.rsv, frame.opcode, frame.masked, (unsigned long long)frame.length,
                 frame.header_size);
        describe_start(bytes[0], bytes[1], wanted);
        if (!EXPECT_TEXT(got, wanted, "frame_decode_start of the bytes %02x %02x", bytes[0], bytes[1]))
            return;
    }
}

/* The read buffer is full, and its last bytes are the first ones of a header: to receive the others, what
 * waits is moved to the front, and an address from before that is good no more. */
static void at_the_buffers_end(void)
{
    static const unsigned char header[14] = {0x82, 0xff, 0, 0, 0, 0, 0, 1, 2, 3, 9, 8, 7, 6};
    static unsigned char bytes[STREAM_BUFFER_BYTES + sizeof header];

    for (size_t there = 1; there < sizeof header; there++) {
        size_t before = STREAM_BUFFER_BYTES - there;
        struct feeding f;
        struct websocket ws;
        struct frame frame;
        bool whole, right;

        memset(bytes, 0x5A, before);
        memcpy(bytes + before, header, sizeof header);
        feed_start(&f, bytes, before + sizeof header, FEED_WHOLE, true);
        stream_open(&s, f.fd);
        frame_begin(&ws, &s, &source, 1000, 1000);
        whole = stream_need(&s, STREAM_BUFFER_BYTES) == 0;
        EXPECT(whole, "stream_need must be able to fill the whole buffer: %s", stream_reason(&s));
        stream_skip(&s, before);
        right = frame_read_header(&ws, &frame) == 0 && frame.length == 66051 &&
                memcmp(frame.masking_key, header + 10, 4) == 0;
        EXPECT(right,
               "%zu bytes of a header are the last ones in the buffer, so stream_fill moves them: "
               "length %llu instead of 66051, key %02x%02x%02x%02x instead of 09080706",
               there, (unsigned long long)frame.length, frame.masking_key[0], frame.masking_key[1],
               frame.masking_key[2], frame.masking_key[3]);
        frame_end(&ws);
        feed_finish(&f);
        stream_close(&s);
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
         "from "
         "what was there before."},
        {"headers of all three forms, in whatever pieces they come", good_headers, 9,
         "RFC 6455, section 5.2",
         "read_header wants two bytes first, and has frame_decode_start take them apart; read_length: "
         "126 "
         "means that the next 2 bytes are the length, 127 the next 8. Then comes the key."},
        {"headers that break a rule, rejected at the first byte that shows it", bad_headers, 9,
         "RFC 6455, sections 5.2 and 5.5",
         "check_rules looks at the first two bytes as soon as they are there, read_length at the length "
         "as soon as it is known."},
        {"a frame without a mask is rejected, whatever its length", no_mask, 9, "RFC 6455, section 5.1",
         "The highest bit of the second byte says whether there is a mask: a client must always set it. "
         "check_rules fails if it has not."},
        {"headers that are cut off", cut_off_headers, 9, "RFC 6455, section 7.1.7",
         "If stream_need fails, need, provided, returns -1: return that as it is, and store no close "
         "code."},
        {"a header that lies across the buffer's end", at_the_buffers_end, 9, "RFC 6455, section 5.2",
         "A call that receives may move what waits: read_length and read_header must ask for "
         "stream_next after need, and not keep it from before."},
        {"what had come is still there", need_keeps_what_came, 9, "man 2 recv",
         "stream_need only waits, it takes nothing. If stream_fill fails, it returns -1 and leaves "
         "cause "
         "and bytes as they are."},
        {"not a byte of the payload is taken", nothing_is_taken, 9, "RFC 6455, section 5.2",
         "need, provided, takes no bytes from the stream: read_header only looks at them, at "
         "stream_next."},
        {0},
    };

    int status = run_suite("09 a frame's header", tests);

    if (status == 0)
        printf("Your header, from the bytes 81 85 37 fa 21 3d: %s\n",
               header_told("818537fa213d", FEED_EACH));
    return status;
}
