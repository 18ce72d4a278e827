/*
 * 15_compression.c - permessage-deflate: what is offered and agreed on, inflated and compressed
 *
 * What the server is sent is made here with zlib, or by hand, and what it sends is inflated here, each
 * message with a window of its own: a server that keeps its context is found out.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "deflate.h"
#include "frame.h"
#include "frames.h"
#include "harness.h"

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate\r\n"
#define AGREED \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; " \
    "client_no_context_takeover"

/* The longest message here. */
#define LONG_BYTES ((size_t)1 << 20)

/* ---- making and reading compressed messages ---- */

/* What zlib is to do differently: a larger window than usual there is not. */
struct way {
    int level, window_bits, memory_level, strategy;
    size_t flush_every; /* an empty block after so many bytes; 0: only at the end */
};
static const struct way usual = {6, 15, 8, Z_DEFAULT_STRATEGY, 0};

/* Compresses a message and removes its tail. The caller frees it. */
static unsigned char *compress_as(const void *bytes, size_t length, const struct way *way, size_t *size)
{
    size_t room = 12 * length + 1000, step = way->flush_every > 0 ? way->flush_every : length + 1;
    unsigned char *out = malloc(room);
    z_stream z = {.next_in = (z_const Bytef *)bytes, .next_out = out, .avail_out = (uInt)room};
    bool well;

    if (out == NULL)
        abort();
    well = deflateInit2(&z, way->level, Z_DEFLATED, -way->window_bits, way->memory_level,
                        way->strategy) == Z_OK;
    for (size_t at = 0; well && (at < length || at == 0); at += step) {
        z.avail_in = (uInt)(length - at < step ? length - at : step);
        well = deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_out > 0;
    }
    *size = room - z.avail_out - 4;
    if (!EXPECT(well && memcmp(out + *size, "\x00\x00\xff\xff", 4) == 0, "zlib must work for the test"))
        *size = 0;
    deflateEnd(&z);
    return out;
}

static unsigned char *compress_message(const void *bytes, size_t length, size_t *size)
{
    return compress_as(bytes, length, &usual, size);
}

/* Inflates one message with an empty window of so many bits. Returns its length, or -1. `to` has room
 * for LONG_BYTES and one more. zlib gets little room at a time: else it would find what is further back
 * than its window among the bytes that it has just made. */
static ssize_t inflate_message(const unsigned char *bytes, size_t length, int window_bits,
                               unsigned char *to)
{
    unsigned char *whole = malloc(length + 4);
    z_stream z = {.next_out = to};
    int result = Z_MEM_ERROR;
    bool complete;

    if (whole != NULL && inflateInit2(&z, -window_bits) == Z_OK) {
        memcpy(whole, bytes, length);
        memcpy(whole + length, "\x00\x00\xff\xff", 4);
        z.next_in = whole;
        z.avail_in = (uInt)length + 4;
        do {
            size_t room = LONG_BYTES + 1 - (size_t)(z.next_out - to);
            z.avail_out = (uInt)(room < 64 ? room : 64);
            result = inflate(&z, Z_SYNC_FLUSH);
        } while (result == Z_OK && z.avail_in > 0);
        inflateEnd(&z);
    }
    complete = result == Z_OK && z.avail_in == 0 && (z.data_type & 128) != 0;
    free(whole);
    return complete ? (ssize_t)(z.next_out - to) : -1;
}

/* Sends a frame with such a first byte, masked. */
static bool send_frame(int fd, unsigned first, const unsigned char *payload, size_t length)
{
    struct bytes frame = {NULL, 0};
    bool sent;

    add_frame(&frame, first, example_key, payload, length);
    sent = send_bytes(fd, frame.bytes, frame.length);
    free(frame.bytes);
    return sent;
}

/* A frame that the server sent. */
static struct reply {
    unsigned first; /* its first byte */
    size_t length;
    unsigned char payload[LONG_BYTES + 1000];
} reply;

/* What a Close frame says, for a test that expected something else. */
static const char *close_reason(void)
{
    static char words[200];

    if (reply.first != 0x88 || reply.length < 2)
        return "";
    snprintf(words, sizeof words, ", a Close frame, %d \"%.*s\"",
             reply.payload[0] << 8 | reply.payload[1], (int)reply.length - 2,
             (const char *)reply.payload + 2);
    return words;
}

static bool receive_reply(int fd)
{
    uint64_t length;

    if (!receive_frame_header(fd, &reply.first, &length))
        return EXPECT(false, "a reply must come: %s", end_words());
    reply.length = (size_t)length;
    if (reply.length > LONG_BYTES)
        return EXPECT(false, "the reply has %zu bytes", reply.length);
    return EXPECT(receive_bytes(fd, reply.payload, reply.length), "the reply must come whole");
}

/* Receives the echo of a message, which may be compressed. */
static bool expect_echo(int fd, unsigned opcode, const void *bytes, size_t length, int window_bits)
{
    static unsigned char text[LONG_BYTES + 1];
    bool compressed;
    ssize_t n;

    if (!receive_reply(fd))
        return false;
    compressed = (reply.first & 0x40) != 0;
    if (!EXPECT(
            (reply.first & ~0x40u) == (0x80 | opcode),
            "the echo must be one whole frame with the opcode of the message: its first byte is %02x%s",
            reply.first, close_reason()))
        return false;
    if (!compressed)
        return EXPECT(reply.length == length && memcmp(reply.payload, bytes, length) == 0,
                      "the echo must be what was sent, %zu bytes: it has %zu", length, reply.length);
    if (!EXPECT(reply.length < 4 || memcmp(reply.payload + reply.length - 4, "\x00\x00\xff\xff", 4) != 0,
                "deflate_compress must remove the tail, 00 00 ff ff"))
        return false;
    n = inflate_message(reply.payload, reply.length, window_bits, text);
    if (!EXPECT(n >= 0,
                "the compressed echo cannot be inflated by itself, with an empty window of 2^%d bytes: "
                "is it whole, does it keep to the window of window_bits, and does deflate_compress "
                "begin anew with each message?",
                window_bits))
        return false;
    return EXPECT((size_t)n == length && memcmp(text, bytes, length) == 0,
                  "the inflated echo must be what was sent, %zu bytes: it has %zd", length, n);
}

/* Sends a message compressed in one frame, and receives its echo. */
static bool echo_compressed(int fd, unsigned opcode, const void *bytes, size_t length)
{
    size_t size;
    unsigned char *compressed = compress_message(bytes, length, &size);
    bool well =
        send_frame(fd, 0xC0 | opcode, compressed, size) && expect_echo(fd, opcode, bytes, length, 15);

    free(compressed);
    return well;
}

/* Text that compresses well, as JSON does, of LONG_BYTES; and bytes that do not at all. */
static unsigned char json[LONG_BYTES], noise[LONG_BYTES];

static void make_texts(void)
{
    static const char *const names[] = {"ada", "grace", "linus", "ken", "dennis", "barbara"};
    unsigned random = 1;
    char entry[100];

    for (size_t n = 0, length; n < LONG_BYTES; n += length) {
        random = random * 1103515245 + 12345;
        length = (size_t)snprintf(entry, sizeof entry,
                                  "{\"id\":%u,\"name\":\"%s\",\"x\":%u,\"at\":\"cafe\"},", random >> 20,
                                  names[(random >> 16) % 6], random >> 10 & 1023);
        if (length > LONG_BYTES - n) {
            length = LONG_BYTES - n;
            memset(entry, '.', length);
        }
        memcpy(json + n, entry, length);
    }
    for (size_t i = 0; i < LONG_BYTES; i++) {
        random = random * 1103515245 + 12345;
        noise[i] = (unsigned char)(random >> 16);
    }
}

/* ---- what is agreed on ---- */

struct offer_case {
    const char *offers; /* the field's value; two fields where a line ends */
    const char *agreed; /* what follows AGREED; NULL: the server must say nothing */
    int window_bits;    /* of the server */
};

static const struct offer_case offers[] = {
    {"permessage-deflate", "", 13},
    {"permessage-deflate; client_max_window_bits", "", 13},
    {"permessage-deflate; client_max_window_bits=15", "", 13},
    {"permessage-deflate; client_max_window_bits=8", "", 13},
    {"permessage-deflate; server_no_context_takeover", "", 13},
    {"permessage-deflate; client_no_context_takeover", "", 13},
    {"permessage-deflate; client_no_context_takeover; server_no_context_takeover", "", 13},
    {"permessage-deflate; server_max_window_bits=15", "; server_max_window_bits=13", 13},
    {"permessage-deflate; server_max_window_bits=13", "; server_max_window_bits=13", 13},
    {"permessage-deflate; server_max_window_bits=12", "; server_max_window_bits=12", 12},
    {"permessage-deflate; server_max_window_bits=9", "; server_max_window_bits=9", 9},
    {"permessage-deflate; server_max_window_bits=10; client_max_window_bits=9; "
     "server_no_context_takeover; client_no_context_takeover",
     "; server_max_window_bits=10", 10},
    /* how it may be written */
    {"permessage-deflate;server_max_window_bits=10", "; server_max_window_bits=10", 10},
    {"permessage-deflate ;\tserver_max_window_bits = 10 ", "; server_max_window_bits=10", 10},
    {"permessage-deflate; server_max_window_bits=\"10\"", "; server_max_window_bits=10", 10},
    {"permessage-deflate; server_max_window_bits=\"1\\0\"", "; server_max_window_bits=10", 10},
    {"permessage-deflate; client_max_window_bits=\"8\"", "", 13},
    /* declined: a value that is not allowed */
    {"permessage-deflate; server_no_context_takeover=1", NULL, 0},
    {"permessage-deflate; server_no_context_takeover=10", NULL, 0},
    {"permessage-deflate; client_no_context_takeover=\"15\"", NULL, 0},
    {"permessage-deflate; client_no_context_takeover=true", NULL, 0},
    {"permessage-deflate; server_max_window_bits", NULL, 0},
    {"permessage-deflate; server_max_window_bits=7", NULL, 0},
    {"permessage-deflate; server_max_window_bits=16", NULL, 0},
    {"permessage-deflate; server_max_window_bits=0", NULL, 0},
    {"permessage-deflate; server_max_window_bits=010", NULL, 0},
    {"permessage-deflate; server_max_window_bits=09", NULL, 0},
    {"permessage-deflate; server_max_window_bits=+9", NULL, 0},
    {"permessage-deflate; server_max_window_bits=-9", NULL, 0},
    {"permessage-deflate; server_max_window_bits=9.0", NULL, 0},
    {"permessage-deflate; server_max_window_bits=100", NULL, 0},
    {"permessage-deflate; server_max_window_bits=1000", NULL, 0},
    {"permessage-deflate; server_max_window_bits=4294967306", NULL, 0},
    {"permessage-deflate; server_max_window_bits=ten", NULL, 0},
    {"permessage-deflate; server_max_window_bits=\"010\"", NULL, 0},
    {"permessage-deflate; client_max_window_bits=7", NULL, 0},
    {"permessage-deflate; client_max_window_bits=16", NULL, 0},
    {"permessage-deflate; client_max_window_bits=08", NULL, 0},
    {"permessage-deflate; client_max_window_bits=x", NULL, 0},
    /* declined: zlib has no window of 256 bytes */
    {"permessage-deflate; server_max_window_bits=8", NULL, 0},
    /* declined: a parameter twice, or one that there is not */
    {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", NULL, 0},
    {"permessage-deflate; client_no_context_takeover; client_no_context_takeover", NULL, 0},
    {"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", NULL, 0},
    {"permessage-deflate; client_max_window_bits; client_max_window_bits=10", NULL, 0},
    {"permessage-deflate; client_max_window_bits; client_max_window_bits", NULL, 0},
    {"permessage-deflate; server_max_window_bit=10", NULL, 0},
    {"permessage-deflate; server_max_window_bits_and_more=10", NULL, 0},
    {"permessage-deflate; server_no_context_takeover_at_all", NULL, 0},
    {"permessage-deflate; Server_no_context_takeover_", NULL, 0},
    {"permessage-deflate; client_no_context_takeover_", NULL, 0},
    {"permessage-deflate; client_no_context", NULL, 0},
    {"permessage-deflate; client_max_window_bits_", NULL, 0},
    {"permessage-deflate; client_max", NULL, 0},
    {"permessage-deflate; xclient_max_window_bits", NULL, 0},
    {"permessage-deflate; x", NULL, 0},
    {"permessage-deflate; x=y; server_no_context_takeover", NULL, 0},
    {"permessage-deflate; permessage-deflate", NULL, 0},
    /* declined: another extension */
    {"x-webkit-deflate-frame", NULL, 0},
    {"permessage-deflat", NULL, 0},
    {"permessage-deflate2", NULL, 0},
    {"permessage-bzip2; server_max_window_bits=10", NULL, 0},
    {"x; permessage-deflate", NULL, 0},
    {"x; y=permessage-deflate", NULL, 0},
    /* the first one that can be accepted */
    {"permessage-deflate; server_max_window_bits=8, permessage-deflate", "", 13},
    {"permessage-deflate; x, permessage-deflate; server_max_window_bits=11",
     "; server_max_window_bits=11", 11},
    {"permessage-deflate; server_max_window_bits=9, permessage-deflate", "; server_max_window_bits=9",
     9},
    {"permessage-deflate, permessage-deflate; server_max_window_bits=9", "", 13},
    {"x, y; z, permessage-deflate", "", 13},
    {"permessage-deflate; x, y", NULL, 0},
    {",, permessage-deflate,", "", 13},
    {"x\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
     "; server_max_window_bits=10", 10},
    {"permessage-deflate; server_max_window_bits=9\r\nSec-WebSocket-Extensions: permessage-deflate",
     "; server_max_window_bits=9", 9},
    {"permessage-deflate; x=y\r\nSEC-WEBSOCKET-EXTENSIONS: permessage-deflate", "", 13},
};

/* Asserts that a message comes back as it was agreed on. The repetition is 600 bytes back: too far for a
 * window of 2^9. */
static void expect_agreed(int fd, const struct offer_case *offer)
{
    static unsigned char twice[1200];

    memcpy(twice, noise, 600);
    memcpy(twice + 600, noise, 600);
    send_frame(fd, 0x82, twice, sizeof twice);
    if (offer->agreed == NULL)
        EXPECT(receive_reply(fd) && reply.first == 0x82,
               "nothing was agreed on: the echo must be plain");
    else
        expect_echo(fd, 2, twice, sizeof twice, offer->window_bits);
}

static void offers_and_responses(void)
{
    static char field[1000], wanted[300];

    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        const char *agreed = offers[i].agreed;
        snprintf(field, sizeof field, "Sec-WebSocket-Extensions: %s\r\n", offers[i].offers);
        websocket_fields = field;
        int fd = open_websocket();
        const char *got = strstr(websocket_head, "Sec-WebSocket-Extensions:");
        snprintf(wanted, sizeof wanted, "%s%s\r\n\r\n", AGREED, agreed != NULL ? agreed : "");
        if (agreed == NULL)
            EXPECT(got == NULL, "this offer must be declined: %s\nbut the response says: %s",
                   offers[i].offers, got);
        else
            EXPECT_TEXT(got != NULL ? got : "", wanted, "the response to: %s", offers[i].offers);
        expect_agreed(fd, &offers[i]);
        close(fd);
    }
    websocket_fields = DEFLATE;
}

/* Each offer alone, which shows it before anything that the server makes of the answer. */
static void each_offer_by_call(void)
{
    needs_own("functions");
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        struct deflate agreed;
        if (strchr(offers[i].offers, '\r') != NULL)
            continue;
        agreed = deflate_negotiate(offers[i].offers);
        if (offers[i].agreed == NULL)
            EXPECT(agreed.window_bits == 0, "add_parameter accepts an offer that must be declined: %s",
                   offers[i].offers);
        else
            EXPECT(agreed.window_bits == offers[i].window_bits,
                   "this offer must be accepted with a window of 2^%d bytes, but it is 2^%d (0: "
                   "declined): %s",
                   offers[i].window_bits, agreed.window_bits, offers[i].offers);
    }
}

/* Each offer behind others, and each list that stops anywhere: that may not be well formed. */
static void offers_by_call(void)
{
    char list[1000], wanted[300];
    struct deflate agreed;

    needs_own("functions");
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        if (strchr(offers[i].offers, '\r') != NULL)
            continue;
        snprintf(list, sizeof list, "permessage-deflate; x, %s", offers[i].offers);
        agreed = deflate_negotiate(list);
        snprintf(wanted, sizeof wanted, "%s%s\r\n", AGREED,
                 offers[i].agreed != NULL ? offers[i].agreed : "");
        EXPECT(agreed.window_bits == offers[i].window_bits, "the offers: %s: a window of 2^%d bytes",
               list, agreed.window_bits);
        EXPECT_TEXT(deflate_response(&agreed), offers[i].agreed != NULL ? wanted : "", "the offers: %s",
                    list);
        for (size_t end = strlen(list); end-- > 0;) {
            list[end] = '\0';
            agreed = deflate_negotiate(list);
            EXPECT(agreed.window_bits == 0 || (agreed.window_bits >= 9 && agreed.window_bits <= 13),
                   "the offers: %s: a window of 2^%d bytes", list, agreed.window_bits);
        }
    }
}

/* Without --compress, nothing is agreed on, and RSV1 has no meaning. */
static void off_by_default(void)
{
    int fd;

    server_stop();
    server_start(NULL);
    fd = open_websocket();
    EXPECT(strstr(websocket_head, "Sec-WebSocket-Extensions") == NULL, "the offer must be declined: %s",
           websocket_head);
    send_frame(fd, 0x81, json, 1000);
    EXPECT(receive_reply(fd) && reply.first == 0x81 && reply.length == 1000, "the echo must be plain");
    close(fd);
    have_talk(&(struct talk){"RSV1 without --compress", "c1:f248cdc9c90700", "close:1002"});
    server_stop();
    server_start("--compress");
}

/* ---- RSV1 ---- */

static void the_rfcs_examples(void)
{
    static const struct talk all[] = {
        {"7.2.3.1: one block", "c1:f248cdc9c90700", "text:48656c6c6f"},
        {"7.2.3.1: in two frames", "41:f248cd 80:c9c90700", "text:48656c6c6f"},
        {"7.2.3.2: the same again, without a context", "c1:f248cdc9c90700 c1:f248cdc9c90700",
         "text:48656c6c6f text:48656c6c6f"},
        {"7.2.3.3: a block that is not compressed", "c1:000500faff48656c6c6f00", "text:48656c6c6f"},
        {"7.2.3.4: a block with BFINAL", "c1:f348cdc9c9070000", "text:48656c6c6f"},
        {"7.2.3.5: two blocks", "c1:f24805000000ffffcac9c90700", "text:48656c6c6f"},
        {"7.2.3.6: an empty message", "c1:00", "text"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

static void where_rsv1_may_be(void)
{
    static const struct talk all[] = {
        {"a plain message, although compression was agreed on", "81:48656c6c6f", "text:48656c6c6f"},
        {"plain and compressed in turn", "81:61 c1:f248cdc9c90700 82:62 c2:f248cdc9c90700 81:",
         "text:61 text:48656c6c6f binary:62 binary:48656c6c6f text"},
        {"RSV1 on a continuation", "41:f248cd c0:c9c90700", "close:1002"},
        {"RSV1 on a continuation that goes on", "41:f248cd 40:c9c9 80:0700", "close:1002"},
        {"RSV1 on the continuation of a plain message", "01:61 c0:f248cdc9c90700", "close:1002"},
        {"RSV1 on a continuation of nothing", "c0:f248cdc9c90700", "close:1002"},
        {"RSV1 on a new message inside another", "41:f248cd c1:f248cdc9c90700", "close:1002"},
        {"RSV1 on a new message inside a plain one", "01:61 c1:f248cdc9c90700", "close:1002"},
        {"a plain message inside a compressed one", "41:f248cd 81:61", "close:1002"},
        {"RSV1 on a ping", "c9:00", "close:1002"},
        {"RSV1 on a pong", "ca:00", "close:1002"},
        {"RSV1 on a Close frame", "c8:03e8", "close:1002"},
        {"RSV2", "a1:61", "close:1002"},
        {"RSV3", "91:61", "close:1002"},
        {"RSV1 and RSV2", "e1:f248cdc9c90700", "close:1002"},
        {"RSV1 and RSV3", "d1:f248cdc9c90700", "close:1002"},
        {"RSV1 on an opcode that there is not", "c3:00", "close:1002"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
    websocket_fields = "";
    have_talk(&(struct talk){"RSV1, where nothing was agreed on", "c1:f248cdc9c90700", "close:1002"});
    websocket_fields = DEFLATE;
}

/* Nothing is sent after it, so a server that waits for a byte of it waits for ever. */
static void empty_last_fragment(void)
{
    unsigned char got[100];
    unsigned opcode = 0;
    size_t length;
    unsigned char *bytes = frames("41:f248cdc9c90700 80:", &length);
    int fd = open_websocket();

    send_bytes(fd, bytes, length);
    EXPECT(receive_frame(fd, &opcode, got, sizeof got) == 5 && memcmp(got, "Hello", 5) == 0,
           "a message whose last fragment is empty must be echoed: read_compressed must not call "
           "read_piece for a frame of 0 bytes, which waits for a byte of the payload");
    free(bytes);
    close(fd);
}

static void fragments(void)
{
    static const struct talk all[] = {
        {"a byte each", "41:f2 00:48 00:cd 00:c9 00:c9 00:07 80:00", "text:48656c6c6f"},
        {"empty fragments", "41: 00:f248cd 00: 00:c9c90700 80:", "text:48656c6c6f"},
        {"control frames between", "42:f2 89:31 00:48cd 8a: 00:c9c9 89:32 80:0700",
         "pong:31 pong:32 binary:48656c6c6f"},
        {"a close between", "41:f248cd 88:03e8 80:c9c90700", "close:1000"},
        {"a plain message after it", "41:f248cd 80:c9c90700 01:61 80:62", "text:48656c6c6f text:6162"},
        {"an empty message in three", "41: 00:00 80:", "text"},
        {"no context from the one before", "41:f248cd 80:c9c90700 41:f200 80:110000",
         "text:48656c6c6f close:1007"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
    empty_last_fragment();
}

/* A compressed text in two frames, cut anywhere, with a ping between. */
static void cut_anywhere(void)
{
    size_t size;
    unsigned char *compressed = compress_message(json, 3000, &size);
    int fd = open_websocket();

    for (size_t cut = 0; cut <= size; cut++) {
        send_frame(fd, 0x41, compressed, cut);
        send_frame(fd, 0x89, (const unsigned char *)"p", 1);
        send_frame(fd, 0x80, compressed + cut, size - cut);
        if (!receive_reply(fd) ||
            !EXPECT(reply.first == 0x8A, "a ping between the fragments gets a pong") ||
            !expect_echo(fd, 1, json, 3000, 15))
            break;
    }
    free(compressed);
    close(fd);
}

/* ---- what comes out ---- */

static void empty_messages(void)
{
    static const struct talk all[] = {
        {"an empty text", "c1:00", "text"},
        {"an empty binary", "c2:00", "binary"},
        {"a fixed block with nothing in it", "c1:0200", "text"},
        {"several empty blocks", "c1:000000ffff000000ffff00", "text"},
        {"an empty block with BFINAL", "c1:030000", "text"},
        {"an empty message between others", "c1:f248cdc9c90700 c1:00 c1:f248cdc9c90700",
         "text:48656c6c6f text text:48656c6c6f"},
        {"a plain empty one", "81:", "text"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

static void broken_data(void)
{
    static const struct talk all[] = {
        {"a block of type 3", "c1:0700", "close:1007"},
        {"a block of type 3, behind a good one", "c1:f24805000000ffff0700", "close:1007"},
        {"a stored block whose length does not match", "c1:000500fbff48656c6c6f00", "close:1007"},
        {"a distance before the message's beginning", "c1:f200110000", "close:1007"},
        {"text that was not compressed at all", "c1:48656c6c6f2c20776f726c6421", "close:1007"},
        {"a message that is cut", "c1:f248cdc9", "close:1007"},
        {"a message that is cut, in fragments", "41:f248 80:cd", "close:1007"},
        {"a stored block that is cut", "c1:000500faff4865", "close:1007"},
        {"nothing at all", "c1:", "close:1007"},
        {"the tail left in its place, in half", "c1:f248cdc9c907000000ff", "close:1007"},
        {"no byte behind a block with BFINAL", "c1:f348cdc9c90700", "close:1007"},
        {"too many lengths in a dynamic block", "c1:fcff00", "close:1007"},
        {"broken in the first of two frames", "41:0700 80:00", "close:1007"},
        {"broken in the second of two frames", "41:f248cd 80:ffffffff", "close:1007"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
    /* the sender may leave the tail in, which the RFC does not forbid: it is an empty block */
    have_talk(&(struct talk){"the tail left in its place, and more", "c1:f248cdc9c907000000ffff00",
                             "text:48656c6c6f"});
}

/* A context that both sides gave up must not be there: neither that of the last message, nor another client's. */
static void no_context(void)
{
    static const struct talk all[] = {
        {"a message that refers to the one before (RFC 7692, 7.2.3.2)",
         "c1:f248cdc9c90700 c1:f200110000", "text:48656c6c6f close:1007"},
        {"a message that refers to another client's", "c1:f200110000", "close:1007"},
        {"one after a plain one", "81:48656c6c6f c1:f200110000", "text:48656c6c6f close:1007"},
    };
    unsigned char first[2000];
    size_t length;
    int fd = open_websocket();

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
    send_frame(fd, 0x81, json, 1500);
    if (!expect_echo(fd, 1, json, 1500, 15))
        return;
    length = reply.length < sizeof first ? reply.length : sizeof first;
    memcpy(first, reply.payload, length);
    send_frame(fd, 0x81, json, 1500);
    if (expect_echo(fd, 1, json, 1500, 15))
        EXPECT(reply.length == length && memcmp(first, reply.payload, length) == 0,
               "the same message again must be the same bytes: %zu, then %zu. deflate_compress begins "
               "anew with each message",
               length, reply.length);
    close(fd);
}

/* Compresses a text and sends it in one frame, and again in two, cut in the middle. */
static void have_text(const char *name, const void *text, size_t length, const char *answer)
{
    size_t size;
    unsigned char *compressed = compress_message(text, length, &size);
    char script[4000] = "c1:", answers[4000];

    for (size_t i = 0; i < size; i++)
        sprintf(script + 3 + 2 * i, "%02x", compressed[i]);
    snprintf(answers, sizeof answers, "%s", answer);
    have_talk(&(struct talk){name, script, answers});
    free(compressed);
}

static void texts(void)
{
    static unsigned char umlauts[2000];
    size_t size;
    unsigned char *compressed;
    int fd;

    have_text("a text whose compressed bytes are no UTF-8", "\xc3\xa4\xc3\xb6\xc3\xbc", 6,
              "text:c3a4c3b6c3bc");
    have_text("a text that is not UTF-8, once inflated", "Hell\xff", 5, "close:1007");
    have_text("a text that ends inside a character, once inflated", "caf\xc3", 4, "close:1007");
    have_text("an overlong form, once inflated", "\xc0\xaf", 2, "close:1007");
    have_talk(&(struct talk){"binary need be no text", "c2:000200fdffc0af00", "binary:c0af"});
    have_talk(&(struct talk){"a character in two blocks", "c1:000100feffc3000100feffa400", "text:c3a4"});
    have_talk(&(struct talk){"a character in two frames", "41:000200fdffc3 80:a400", "text:c3a4"});
    have_talk(&(struct talk){"a text after one that a frame ends inside of a character",
                             "41:000200fdffc3 80:a400 c1:f248cdc9c90700 81:c3a4",
                             "text:c3a4 text:48656c6c6f text:c3a4"});
    /* two bytes each, behind one of a single byte: every limit of the memory falls inside a character */
    umlauts[0] = 'u';
    for (size_t i = 1; i + 1 < sizeof umlauts; i += 2)
        memcpy(umlauts + i, "\xc3\xa4", 2);
    compressed = compress_message(umlauts, sizeof umlauts - 1, &size);
    fd = open_websocket();
    send_frame(fd, 0xC1, compressed, size);
    expect_echo(fd, 1, umlauts, sizeof umlauts - 1, 15);
    free(compressed);
    close(fd);
}

/* Bad text is rejected as it comes out: the frame claims more, which never comes. */
static void bad_text_is_rejected_early(void)
{
    size_t length;
    unsigned char got[200], *bytes = frames("=c1fe03e800000000000300fcff4142ff00", &length);
    int fd = open_websocket();
    ssize_t n;

    send_bytes(fd, bytes, length);
    n = receive_all(fd, got, sizeof got);
    EXPECT(n > 4 && got[0] == 0x88 && got[2] == 0x03 && got[3] == 0xEF,
           "1007 must come before the frame ends, but what came is \"%s\": read_compressed must read in "
           "pieces, and inflate_piece check each",
           describe(got, n > 0 ? (size_t)n : 0));
    free(bytes);
    close(fd);
}

static void echoes_of_every_size(void)
{
    static unsigned char twice[64000];
    static const size_t sizes[] = {1,    2,    125,   126,   127,   255,   256,    257,
                                   1000, 4096, 16384, 65535, 65536, 65537, 500000, LONG_BYTES};
    int fd = open_websocket();

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!echo_compressed(fd, 2, json, sizes[i]) || !echo_compressed(fd, 2, noise, sizes[i]))
            break;
        send_frame(fd, 0x82, json, sizes[i]);
        if (!expect_echo(fd, 2, json, sizes[i], 15))
            break;
    }
    echo_compressed(fd, 1, json, LONG_BYTES);
    /* the same 32,000 bytes twice: the second time is a reference that far back */
    memcpy(twice, noise, sizeof twice / 2);
    memcpy(twice + sizeof twice / 2, noise, sizeof twice / 2);
    echo_compressed(fd, 2, twice, sizeof twice);
    close(fd);
}

/* 32,768 bytes that are stored, and the first three of them again: no reference can be further back. zlib
 * makes none of that distance, so the block with it is made by hand. */
static void the_largest_window(void)
{
    enum { STORED = 32768 };
    static const unsigned char before[] = {0x00, 0x00, 0x80, 0xff, 0x7f}; /* its length, and not that */
    static const unsigned char behind[] = {0x02, 0xde, 0xff, 0x0f, 0x00}; /* 3 bytes from 32,768 back */
    unsigned char wire[sizeof before + STORED + sizeof behind], wanted[STORED + 3];
    int fd = open_websocket();

    memcpy(wire, before, sizeof before);
    memcpy(wire + sizeof before, noise, STORED);
    memcpy(wire + sizeof before + STORED, behind, sizeof behind);
    memcpy(wanted, noise, STORED);
    memcpy(wanted + STORED, noise, 3);
    send_frame(fd, 0xC2, wire, sizeof wire);
    expect_echo(fd, 2, wanted, sizeof wanted, 15);
    close(fd);
}

/* Whatever a compressor does, in whatever frames: the same comes back. */
static void any_compressor(void)
{
    static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
    int fd = open_websocket();
    unsigned random = 7;

    for (int i = 0; i < 300; i++) {
        random = random * 1103515245 + 12345;
        struct way way = {(int)(random >> 8) % 10, 9 + (int)(random >> 12) % 7,
                          1 + (int)(random >> 16) % 9, strategies[random >> 20 & 3],
                          random >> 22 & 1 ? 0 : 1 + (random >> 23) % 100};
        size_t length = (random >> 16) % 5000, size, at = 0;
        const unsigned char *text = (random >> 9 & 3) == 0 ? noise : json;
        unsigned char *compressed = compress_as(text, length, &way, &size);
        for (bool first = true; at < size; first = false) {
            random = random * 1103515245 + 12345;
            size_t n = (random >> 16) % 3 == 0 ? size - at : (random >> 18) % 700;
            n = n < size - at ? n : size - at;
            send_frame(fd, (first ? 0x42 : 0) | (at + n == size ? 0x80 : 0), compressed + at, n);
            at += n;
        }
        free(compressed);
        if (!expect_echo(fd, 2, text, length, 15))
            break;
    }
    close(fd);
}

/* ---- what the server sends ---- */

static void replies(void)
{
    unsigned char ping[125];
    size_t shortest = 0;
    int fd = open_websocket();

    send_frame(fd, 0x81, json, 2000);
    expect_echo(fd, 1, json, 2000, 15);
    EXPECT((reply.first & 0x40) != 0 && reply.length < 1000,
           "2000 bytes of JSON must come back compressed, if the message was plain as well: %zu bytes",
           reply.length);
    send_frame(fd, 0x82, noise, 2000);
    EXPECT(receive_reply(fd) && reply.first == 0x82 && reply.length == 2000,
           "what does not become shorter goes as it is: first byte %02x, %zu bytes", reply.first,
           reply.length);
    memset(ping, 'a', sizeof ping);
    send_frame(fd, 0x89, ping, sizeof ping);
    EXPECT(receive_reply(fd) && reply.first == 0x8A && reply.length == 125,
           "a pong is never compressed: first byte %02x, %zu bytes", reply.first, reply.length);
    for (size_t length = 1; length < 1000 && shortest == 0; length++) {
        send_frame(fd, 0x81, ping, 1);
        send_frame(fd, 0x81, json, length);
        receive_reply(fd);
        if (!receive_reply(fd))
            break;
        shortest = (reply.first & 0x40) != 0 ? length : 0;
    }
    EXPECT(shortest > 125 && shortest < 500, "short messages go as they are: up to %zu bytes", shortest);
    close(fd);
}

/* To compress them would take so long that the server could not stop in time. */
static void very_long_messages(void)
{
    enum { LONGEST_COMPRESSED = 16 << 20 };
    unsigned char *nulls = calloc(1, LONGEST_COMPRESSED + 1), first[2] = {0};
    int fd;

    server_stop();
    server_start("--compress", "--max-message", "20000000");
    for (size_t more = 0; more <= 1; more++) {
        fd = open_websocket();
        send_frame(fd, 0x82, nulls, LONGEST_COMPRESSED + more);
        EXPECT(receive_bytes(fd, first, 1) && first[0] == (more == 0 ? 0xC2 : 0x82),
               "the echo of 16 MiB and %zu bytes must %sbe compressed: first byte %02x", more,
               more == 0 ? "" : "not ", first[0]);
        close(fd);
    }
    free(nulls);
    server_stop();
    server_start("--compress");
}

static void compress_by_call(void)
{
    unsigned char text[2000];
    size_t size = 0;

    needs_own("functions");
    for (unsigned bits = 9; bits <= 15; bits++) {
        unsigned char *compressed = deflate_compress(bits, json, 1900, &size);
        EXPECT(compressed != NULL, "1900 bytes of JSON must be compressed with a window of 2^%u", bits);
        if (compressed == NULL)
            continue;
        EXPECT(size < 1000 && memcmp(compressed + size - 4, "\x00\x00\xff\xff", 4) != 0,
               "%zu bytes, without the tail", size);
        free(compressed);
    }
    for (size_t length = 1; length < 100; length++) {
        unsigned char *compressed = deflate_compress(13, noise, length, &size);
        EXPECT(compressed == NULL, "%zu bytes of noise do not become shorter, but %zu", length, size);
        free(compressed);
    }
    memset(text, 'a', sizeof text);
    for (size_t length = 1; length < sizeof text; length++) {
        unsigned char *compressed = deflate_compress(13, text, length, &size);
        EXPECT(compressed == NULL || size < length, "%zu bytes become %zu", length, size);
        free(compressed);
    }
}

/* Compresses a long message, and inflates it again, as another thread does at the same time. */
static void *compress_beside(void *text)
{
    unsigned char *back = malloc(LONG_BYTES + 1);
    bool well = back != NULL;

    for (int i = 0; i < 3 && well; i++) {
        size_t size;
        unsigned char *compressed = deflate_compress(13, text, LONG_BYTES, &size);
        well = compressed != NULL && inflate_message(compressed, size, 13, back) == LONG_BYTES &&
               memcmp(back, text, LONG_BYTES) == 0;
        free(compressed);
    }
    free(back);
    return well ? text : NULL;
}

static int compress_in_two_threads(void)
{
    static unsigned char other[LONG_BYTES];
    void *first = NULL, *second;
    pthread_t thread;

    for (size_t i = 0; i < LONG_BYTES; i++)
        other[i] = json[LONG_BYTES - 1 - i];
    if (pthread_create(&thread, NULL, compress_beside, json) != 0)
        return 1;
    second = compress_beside(other);
    pthread_join(thread, &first);
    return first != NULL && second != NULL ? 0 : 1;
}

static void threads_by_call(void)
{
    needs_own("functions");
    EXPECT(
        in_child(compress_in_two_threads) == 0,
        "two threads that call deflate_compress at once must not disturb each other: its z_stream, and "
        "all that it writes to, must be local, not static");
}

/* Inflates with so much room at a time; room of 0 first, which makes nothing. */
static void inflate_with_room(const unsigned char *bytes, size_t size, size_t room)
{
    static unsigned char out[3000];
    struct inflater *inflater = inflater_begin();
    const unsigned char *next = bytes;
    size_t left = size, at = 0, made = 1;

    EXPECT(inflater_run(inflater, &next, &left, out, 0, &made) == 0 && made == 0, "no room, no bytes");
    while (left > 0 && at < 3000) {
        if (!EXPECT(inflater_run(inflater, &next, &left, out + at, room < 3000 - at ? room : 3000 - at,
                                 &made) == 0,
                    "room for %zu bytes at a time", room))
            break;
        at += made;
    }
    EXPECT(at == 3000 && memcmp(out, json, 3000) == 0, "with room for %zu bytes, %zu came out", room,
           at);
    EXPECT(left == 0 || room < 3000, "all is read if there is room: %zu bytes are left", left);
    inflater_end(inflater);
}

static void inflate_by_call(void)
{
    size_t size, made, left = 2;
    unsigned char *compressed = compress_message(json, 3000, &size), out[10];
    const unsigned char *broken = (const unsigned char *)"\x07\x00";
    struct inflater *inflater;

    needs_own("functions");
    memcpy(compressed + size, "\x00\x00\xff\xff", 4);
    for (size_t room = 1; room <= 3000; room += room < 300 ? 1 : 300)
        inflate_with_room(compressed, size + 4, room);
    inflater = inflater_begin();
    EXPECT(inflater_run(inflater, &broken, &left, out, sizeof out, &made) == -1 && errno == EBADMSG,
           "broken data: EBADMSG");
    inflater_end(inflater);
    inflater_end(NULL);
    free(compressed);
}

/* ---- limits ---- */

/* Sends so many null bytes in one compressed frame, and says how the connection ends. */
static const char *send_nulls(size_t length)
{
    static unsigned char got[20000];
    unsigned char *nulls = calloc(1, length), *compressed;
    size_t size;
    int fd = open_websocket();

    compressed = compress_message(nulls, length, &size);
    send_frame(fd, 0xC2, compressed, size);
    send_frame(fd, 0x88, (const unsigned char *)"\x03\xe8", 2);
    receive_all(fd, got, sizeof got);
    free(nulls);
    free(compressed);
    close(fd);
    if (received_so_far > 2 && (got[0] & 0x40) != 0)
        return "a message, compressed";
    return describe(got, received_so_far);
}

static void limits(void)
{
    static unsigned char got[100];
    size_t size;
    unsigned char *compressed = compress_as(noise, 1000, &(struct way){0, 15, 1, 0, 100}, &size);
    int fd;

    server_stop();
    server_start("--compress", "--max-message", "1000");
    EXPECT_TEXT(send_nulls(999), "a message, compressed", "999 bytes, once inflated");
    EXPECT_TEXT(send_nulls(1000), "a message, compressed", "1000 bytes, once inflated: the limit");
    EXPECT_TEXT(send_nulls(1001), "close:1009", "1001 bytes, once inflated");
    EXPECT_TEXT(send_nulls(100000), "close:1009", "100000 bytes, once inflated");
    /* what counts are the bytes of the message, not those on the wire */
    fd = open_websocket();
    EXPECT(size > 1000, "the test needs a message that becomes longer: %zu", size);
    send_frame(fd, 0xC2, compressed, size);
    expect_echo(fd, 2, noise, 1000, 15);
    /* in fragments, and plain ones keep their limit */
    send_frame(fd, 0x42, compressed, 500);
    send_frame(fd, 0x80, compressed + 500, size - 500);
    expect_echo(fd, 2, noise, 1000, 15);
    send_frame(fd, 0xC2, (const unsigned char *)"\x03\x00\x00", 3);
    expect_echo(fd, 2, "", 0, 15);
    send_frame(fd, 0x82, noise, 1001);
    receive_all(fd, got, sizeof got);
    EXPECT_TEXT(describe(got, received_so_far), "close:1009", "a plain message over the limit");
    close(fd);
    free(compressed);
    server_stop();
    server_start("--compress");
}

/* A gibibyte of null bytes in a mebibyte: 16 MiB, flushed so that they can be repeated, 64 times. */
static unsigned char *make_bomb(size_t *size)
{
    enum { PART = 16 << 20, TIMES = 64 };
    unsigned char *nulls = calloc(1, PART), *bomb = malloc((PART / 500) * TIMES);
    z_stream z = {.next_in = nulls, .avail_in = PART, .next_out = bomb, .avail_out = PART / 500};

    deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    EXPECT(deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_out > 0, "zlib must work for the test");
    *size = PART / 500 - z.avail_out;
    for (size_t i = 1; i < TIMES; i++)
        memcpy(bomb + i * *size, bomb, *size);
    *size *= TIMES;
    deflateEnd(&z);
    free(nulls);
    return bomb;
}

static void bomb(void)
{
    static unsigned char got[100];
    size_t size;
    unsigned char *bytes = make_bomb(&size);
    long before = server_memory(), cost;
    int fds[10];

    EXPECT(size < 1100000, "1 GiB in %zu bytes", size);
    for (int i = 0; i < 10; i++) {
        fds[i] = open_websocket();
        send_frame(fds[i], 0xC2, bytes, i == 0 ? size : 4000); /* the end never comes: 4 MB of nulls */
        receive_all(fds[i], got, sizeof got);
        EXPECT_TEXT(describe(got, received_so_far), "close:1009",
                    "a bomb, 1 GiB of null bytes in 1 MiB: inflate_piece must stop at max_message");
    }
    cost = server_memory() - before;
    EXPECT(sanitized || cost < 30 * 1024,
           "10 bombs of 1 GiB took %ld KiB: at most 1 MiB each may be made", cost);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    free(bytes);
    /* others are served as before */
    have_talk_once(&(struct talk){"after the bomb", "c1:f248cdc9c90700", "text:48656c6c6f"});
}

/* The same by call: how much is made before it is refused. */
static void bomb_by_call(void)
{
    struct trace_source source = {.connection = 7};
    static struct stream stream;
    struct websocket ws;
    struct feeding f;
    size_t length;
    char script[3000] = "c2:";
    unsigned char *bytes, *compressed, *nulls = calloc(1, LONG_BYTES);

    needs_own("functions");
    compressed = compress_message(nulls, LONG_BYTES, &length);
    for (size_t i = 0; i < length; i++)
        sprintf(script + 3 + 2 * i, "%02x", compressed[i]);
    bytes = frames(script, &length);
    feed_start(&f, bytes, length, FEED_WHOLE, true);
    stream_open(&stream, f.fd);
    frame_begin(&ws, &stream, &source, 100000, 1 << 20);
    frame_compress(&ws, 13);
    EXPECT(frame_read_message(&ws) == -1 && ws.close_code == CLOSE_MESSAGE_TOO_BIG,
           "over the limit, once inflated: close code %u", ws.close_code);
    EXPECT(ws.message.length <= 100000 && ws.message.capacity <= 2 * 100000,
           "at most max_message bytes may be made, 100000: %zu were, in memory for %zu",
           ws.message.length, ws.message.capacity);
    frame_end(&ws);
    feed_finish(&f);
    stream_close(&stream);
    free(bytes);
    free(compressed);
    free(nulls);
}

/* A header claims 4 EiB, of which seven bytes come, and then the end. */
static void claim_by_call(void)
{
    static const struct trace_source source = {.connection = 7};
    static struct stream stream;
    struct websocket ws;
    struct feeding f;
    size_t length;
    unsigned char *bytes = frames("=c1ff400000000000000000000000 =f248cdc9c90700", &length);

    needs_own("functions");
    feed_start(&f, bytes, length, FEED_WHOLE, true);
    stream_open(&stream, f.fd);
    frame_begin(&ws, &stream, &source, 100000, 1 << 20);
    frame_compress(&ws, 13);
    EXPECT(
        frame_read_message(&ws) == -1 && ws.close_code == 0 && stream.cause == STREAM_EOF,
        "a compressed frame claims 4 EiB, and the connection ends after 7 bytes: read_compressed must "
        "read those, in pieces, and find the end; but the close code is %u",
        ws.close_code);
    frame_end(&ws);
    feed_finish(&f);
    stream_close(&stream);
    free(bytes);
}

/* What messages take together is limited, inflated as well. */
static void memory_for_all(void)
{
    enum { MANY = 20 };
    unsigned char *nulls = calloc(1, LONG_BYTES), *compressed;
    size_t size, served = 0, refused = 0;
    int fds[MANY];

    server_stop();
    server_start("--compress", "--max-memory", "8000000");
    compressed = compress_message(nulls, LONG_BYTES - 1, &size);
    for (int i = 0; i < MANY; i++) { /* all of it but the last byte, so that the memory is held */
        fds[i] = open_websocket();
        send_frame(fds[i], 0x42, compressed, size - 1);
        send_frame(fds[i], 0x89, NULL, 0);
    }
    for (int i = 0; i < MANY; i++)
        if (receive_reply(fds[i]))
            served += reply.first == 0x8A ? 1 : 0, refused += reply.first == 0x88 ? 1 : 0;
    EXPECT(served > 0 && served <= 8 && refused == MANY - served,
           "with 8 MB, at most 8 of 20 inflated messages of 1 MiB have room: %zu had, %zu were refused",
           served, refused);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    free(nulls);
    free(compressed);
    server_stop();
    server_start("--compress");
}

enum { IDLE = 300 };
static int idle_at_rest;

static bool idle_have_gone(void)
{
    return server_threads() == idle_at_rest;
}

/* How many KiB so many clients take, after each has had a message echoed. */
static long cost_of_idle(const char *fields)
{
    int fds[IDLE];
    long before, cost;

    server_stop();
    server_start("--compress");
    idle_at_rest = server_threads();
    before = server_memory();
    websocket_fields = fields;
    for (int i = 0; i < IDLE; i++) {
        fds[i] = open_websocket();
        for (int again = 0; again < 3; again++) {
            send_frame(fds[i], 0x81, json, 4000);
            expect_echo(fds[i], 1, json, 4000, 15);
        }
    }
    cost = server_memory() - before;
    for (int i = 0; i < IDLE; i++)
        close(fds[i]);
    eventually(idle_have_gone);
    websocket_fields = DEFLATE;
    return cost;
}

static void idle_clients(void)
{
    long plain, compressed;

    needs_proc();
    plain = cost_of_idle("");
    compressed = cost_of_idle(DEFLATE);
    EXPECT(sanitized || compressed - plain < IDLE * 4L,
           "%d idle clients take %ld KiB, and with compression %ld: at most 4 KiB more each", IDLE,
           plain, compressed);
}

/* ---- the trace, and several threads ---- */

static void the_trace(void)
{
    static char printed[20000];
    static const char *const wanted[] = {
        "out  line: " AGREED "\n",
        "in   frame: text, RSV1, 7 bytes f2 48 cd c9 c9 07 00\n",
        "out  frame: text, 5 bytes \"Hello\"\n",
        "in   frame: text (to be continued), RSV1, 3 bytes f2 48 cd\n",
        "in   frame: continuation, 4 bytes c9 c9 07 00\n",
        "in   frame: binary, RSV1, 2 bytes 07 00\n",
        "out  frame: text, RSV1, ",
        "error: compressed data that is broken\n",
    };
    size_t size;
    unsigned char got[2000], *compressed = compress_message(json, 2000, &size);
    int fd;

    server_stop();
    server_start("--compress", "--verbose");
    fd = open_websocket();
    send_frame(fd, 0xC1, (const unsigned char *)"\xf2\x48\xcd\xc9\xc9\x07", 7);
    send_frame(fd, 0x41, (const unsigned char *)"\xf2\x48\xcd", 3);
    send_frame(fd, 0x80, (const unsigned char *)"\xc9\xc9\x07", 4);
    send_frame(fd, 0xC1, compressed, size);
    send_frame(fd, 0xC2, (const unsigned char *)"\x07", 2);
    receive_all(fd, got, sizeof got);
    close(fd);
    server_stop();
    server_printed(printed, sizeof printed);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        EXPECT(strstr(printed, wanted[i]) != NULL, "expected:\n%s\nin:\n%s", wanted[i], printed);
    free(compressed);
    server_start("--compress");
}

enum { WRITES = 300 };
static struct stream shared_stream;
static struct websocket shared;

static void *write_messages(void *argument)
{
    unsigned opcode = *(unsigned *)argument;

    for (size_t i = 0; i < WRITES; i++)
        frame_write(&shared, opcode, json, 200 + i, 0);
    return NULL;
}

/* Two threads write to one client, as in a chat: each message must be whole, and compressed by itself. */
static void two_threads(void)
{
    struct trace_source source = {.connection = 7};
    unsigned kinds[] = {OPCODE_TEXT, OPCODE_BINARY};
    size_t seen[3] = {0};
    pthread_t threads[2];
    int ends[2];

    needs_own("functions");
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    stream_open(&shared_stream, ends[0]);
    frame_begin(&shared, &shared_stream, &source, 1000, 1000);
    frame_compress(&shared, 13);
    for (int i = 0; i < 2; i++)
        EXPECT(pthread_create(&threads[i], NULL, write_messages, &kinds[i]) == 0, "a thread");
    for (int i = 0; i < 2 * WRITES; i++) {
        unsigned char header[2];
        if (recv(ends[1], header, 1, MSG_PEEK) != 1)
            break;
        unsigned opcode = header[0] & 0xF;
        if (!EXPECT(opcode == 1 || opcode == 2, "a frame must begin here: %02x", header[0]) ||
            !expect_echo(ends[1], opcode, json, 200 + seen[opcode]++, 15))
            break;
    }
    EXPECT(seen[1] == WRITES && seen[2] == WRITES, "all messages must come");
    shutdown(ends[1], SHUT_RDWR);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    frame_end(&shared);
    stream_close(&shared_stream);
    close(ends[1]);
}

/* A client may end in the middle of a compressed message; AddressSanitizer sees what is not given back. */
static void left_in_the_middle(void)
{
    for (int i = 0; i < 20; i++) {
        int fd = open_websocket();
        send_frame(fd, 0x41, (const unsigned char *)"\xf2\x48\xcd", 3);
        send_frame(fd, 0x89, NULL, 0);
        receive_reply(fd);
        close(fd);
    }
}

int main(void)
{
    static const struct test tests[] = {
        {"which offers are accepted, by call", each_offer_by_call, 15, "RFC 7692, section 7",
         "add_parameter declines an offer with a parameter that is unknown, comes twice, or has a value "
         "that it must not have: the sizes of windows are 8 to 15, and zlib compresses with 9 or more. "
         "server_max_window_bits needs a value; client_max_window_bits may come without one."},
        {"each offer gets the response that it should", offers_and_responses, 15, "RFC 7692, section 7",
         "add_parameter declines an offer with a parameter that is unknown, comes twice, or has a "
         "value that it must not have: the sizes of windows are 8 to 15, and zlib compresses with 9 or "
         "more. If the 101 has (null) in it: this offer was accepted, and must be declined. If no "
         "offer at all is accepted: handshake_switch (lesson 8) puts what deflate_response says into "
         "the 101. If it is the echo that is wrong: deflate_compress."},
        {"nothing is agreed on without --compress", off_by_default, 15, "RFC 6455, section 5.2",
         "is_compressed must look at ws->window_bits: 0 means that nothing was agreed on."},
        {"the RFC's own examples, byte for byte", the_rfcs_examples, 15, "RFC 7692, section 7.2.3",
         "The reason of the Close frame says more. \"RSV bits\": is_compressed says no, or check_rules "
         "(lesson 9) does not ask it, or on_upgrade (lesson 8) does not call frame_compress. \"Ends too "
         "early\": read_compressed must put the tail back when the message is over, 00 00 ff ff. "
         "\"Broken\": and not before, after each frame. \"Not UTF-8\": inflate_piece must have "
         "check_text look at what was made, not at what crossed the wire."},
        {"RSV1 may be on the first frame of a message alone", where_rsv1_may_be, 15,
         "RFC 7692, section 6.1",
         "is_compressed: RSV1, without RSV2 and RSV3, on a text or binary frame. A continuation has "
         "opcode 0, and belongs to the message that was begun. check_rules (lesson 9) asks it if rsv is "
         "not 0."},
        {"an empty message", empty_messages, 15, "RFC 7692, section 7.2.3.6",
         "Of nothing, a compressor makes a single byte, 00; with the tail behind it that is an empty "
         "block. inflate_piece must not take a piece of which nothing came for an error."},
        {"each message is inflated and compressed by itself", no_context, 15, "RFC 7692, section 7.2.1",
         "No context takeover was agreed on, so nothing of a message may be known in the next one: "
         "deflate_compress makes what it needs for one message, and gives it back. What is kept in a "
         "static variable is even shared by all clients."},
        {"a compressed message in fragments, with control frames between", fragments, 15,
         "RFC 7692, section 6.2",
         "The fragments of a message are one stream of compressed bytes: read_compressed puts the tail "
         "behind the last one only, and leaves ws->inflater as it is in between. A frame may be empty, "
         "also the last one: then there is no piece to read, only the tail to put back."},
        {"a window of 32,768 bytes, to its end", the_largest_window, 15, "RFC 7692, section 7.2.2",
         "inflater_begin, provided, asks for a window of 2^15 bytes. If it crashes here: inflate_piece "
         "takes the address m->bytes + m->length anew each time, because make_room may move the "
         "memory."},
        {"text is checked behind the inflating", texts, 15, "RFC 6455, section 8.1",
         "UTF-8 is what the message holds, not what crossed the wire: inflate_piece has check_text look "
         "at the bytes that were made, each time some were."},
        {"bad text is rejected before its frame ends", bad_text_is_rejected_early, 15,
         "RFC 6455, section 8.1",
         "read_compressed gives inflate_piece what there is of the frame, COMPRESSED_PIECE_BYTES at "
         "most: it does not wait for the whole frame. inflate_piece checks what a piece became before "
         "the next one is read."},
        {"a text in two frames, cut at every byte", cut_anywhere, 15, "RFC 7692, section 6.2",
         "A frame may end anywhere in the compressed bytes. read_compressed goes on where it was."},
        {"messages are compressed if they become shorter, control frames never", replies, 15,
         "RFC 7692, sections 6.1 and 7.2.1",
         "deflate_compress: everything is flushed with Z_SYNC_FLUSH, and the last four bytes, 00 00 ff "
         "ff, are removed. If it would not become shorter than it was, it returns NULL."},
        {"messages over 16 MiB go as they are", very_long_messages, 15, "", "frame_write"},
        {"compressing, by call", compress_by_call, 15, "RFC 7692, section 7.2.1",
         "deflate_compress gives deflate() as much room as the message has bytes. If that is used up, "
         "the message does not become shorter, and the result is NULL."},
        {"the limit holds for the bytes of the message", limits, 15, "RFC 6455, section 7.4.1",
         "inflate_piece: max_message bytes are allowed, one more is not. m->length never exceeds that, "
         "because room_left stops there. Ask after inflater_run, and not before it, whether input is "
         "left: "
         "then it is too much. The tail makes no bytes, so it needs no room. The bytes on the wire, "
         "which may be more or less, do not count."},
        {"messages of every size, there and back", echoes_of_every_size, 15, "RFC 7692, section 7.2",
         "inflate_piece calls make_room until the message has room, and goes on as long as something is "
         "left of the piece; m->length grows by what was made."},
        {"whatever a client's compressor does", any_compressor, 15, "RFC 7692, section 7.2.2",
         "Each compressor chooses its blocks as it likes: all that inflate understands is right."},
        {"broken data is rejected with 1007", broken_data, 15, "RFC 6455, section 7.4.1",
         "If inflater_run returns -1, inflate_piece returns what fail_inflating returns. With the tail "
         "behind it, a whole message ends where a block ends."},
        {"a bomb is refused before it bursts", bomb, 15, "RFC 6455, section 10.4",
         "inflate_piece gives inflater_run no more room than room_left says, and fails with "
         "CLOSE_MESSAGE_TOO_BIG if something is left of the piece when the message has max_message "
         "bytes."},
        {"the same by call: what is made is counted", bomb_by_call, 15, "RFC 6455, section 10.4",
         "At most max_message bytes may be made of a message, however many it stands for."},
        {"what a compressed frame claims costs no memory, by call", claim_by_call, 15,
         "RFC 6455, section 10.4",
         "read_compressed takes no memory for frame->length: it reads into an array of "
         "COMPRESSED_PIECE_BYTES, again and again."},
        {"inflating, by call", inflate_by_call, 15, "RFC 7692, section 7.2.2", "inflater_run"},
        {"offers behind others, and lists that end anywhere, by call", offers_by_call, 15,
         "RFC 7692, section 5", "deflate_negotiate looks at each offer in turn."},
        {"what inflated messages take together is limited", memory_for_all, 15, "RFC 6455, section 10.4",
         "inflate_piece must get its memory from make_room, which counts it."},
        {"an idle client costs no more than without compression", idle_clients, 15,
         "RFC 7692, section 7.1.1",
         "What deflate_compress takes it must give back: deflateEnd, and free if it returns NULL."},
        {"the trace shows what crossed the wire", the_trace, 15, "",
         "read_compressed gives each piece to keep_payload, as soon as it has read it."},
        {"two threads write compressed messages to one client", two_threads, 15, "",
         "deflate_compress may be called by several threads at once: it must share nothing."},
        {"two threads compress at once, by call", threads_by_call, 15, "",
         "A static variable of deflate_compress is shared by all threads: a z_stream that is static is "
         "begun and ended by one while another is in deflate()."},
        {"clients that leave in the middle of a message", left_in_the_middle, 15, "",
         "frame_end gives the inflater back."},
        {0},
    };
    int status;

    make_texts();
    websocket_fields = DEFLATE;
    server_start("--compress");
    status = run_suite("15 fewer bytes", tests);
    return server_finish(status);
}
