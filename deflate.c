/*
 * deflate.c - see deflate.h for what the calls promise
 *
 * What Chromium offers, and the response to it:
 *
 *     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
 *     Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover
 *
 * Section numbers are those of RFC 7692.
 */
#include "deflate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The sizes of windows that can be asked for, as powers of two (7.1.2). zlib cannot compress with the
 * smallest one. */
#define LEAST_WINDOW_BITS 8
#define LEAST_OF_ZLIB 9
#define MOST_WINDOW_BITS 15

/* How we compress: zlib's usual level; a window of 8 KiB, and little memory beside it, 70 KiB in all. With
 * the usual 32 KiB window, 64 KiB of JSON become no shorter (12,181 bytes, and 12,178 so), but the memory is
 * 256 KiB, in blocks so large that the C library asks the system for each: a message of 1 KiB takes 76 µs
 * then instead of 26. Level 1 would take 0.6 ms for those 64 KiB instead of 1.3, and make 16,263 bytes. */
#define LEVEL 6
#define WINDOW_BITS 13
#define MEMORY_LEVEL 6

/* Bytes for a parameter's name and value, with a null terminator: more than the known ones have. Of a
 * longer one, only the beginning is kept, which is not one of those. */
#define NAME_BYTES 32
#define VALUE_BYTES 4

struct inflater {
    z_stream zlib;
};

/* ---- what is agreed on ---- */

/* What an offer asks for; 0: not this. */
struct offer {
    unsigned server_no_context_takeover, client_no_context_takeover; /* 1: it does */
    unsigned server_max_window_bits, client_max_window_bits;         /* 8 to 15; 1: without a value */
};

/* A parameter of an offer. */
struct parameter {
    bool has_value;
    char name[NAME_BYTES], value[VALUE_BYTES];
};

/* Lesson 15, provided. Reads the size of a window: a number from 8 to 15, without a zero in front
 * (7.1.2). 0: it is none. */
static unsigned read_window_bits(const char *value)
{
    unsigned long bits = strspn(value, "0123456789") == strlen(value) ? strtoul(value, NULL, 10) : 0;

    return *value != '0' && bits >= LEAST_WINDOW_BITS && bits <= MOST_WINDOW_BITS ? (unsigned)bits : 0;
}

/* Lesson 15. Adds a parameter to an offer. -1: the offer must be declined, because the parameter is
 * unknown, or its value is not allowed, or it comes twice (7); or because zlib has no such window. */
static int add_parameter(struct offer *offer, const struct parameter *p)
{
    unsigned value = p->has_value ? read_window_bits(p->value) : 1, *place = NULL;

    if (strcmp(p->name, "server_no_context_takeover") == 0 && !p->has_value)
        place = &offer->server_no_context_takeover;
    if (strcmp(p->name, "client_no_context_takeover") == 0 && !p->has_value)
        place = &offer->client_no_context_takeover;
    if (strcmp(p->name, "server_max_window_bits") == 0 && value >= LEAST_OF_ZLIB)
        place = &offer->server_max_window_bits;
    if (strcmp(p->name, "client_max_window_bits") == 0 && value > 0)
        place = &offer->client_max_window_bits;
    if (place == NULL || *place != 0)
        return -1;
    *place = value;
    return 0;
}

/* Lesson 15, provided. Copies a token without what may be around it: spaces, quotes, backslashes. */
static void copy_token(char *to, size_t size, const char *from, size_t length)
{
    size_t n = 0;

    for (size_t i = 0; i < length && n + 1 < size; i++)
        if (strchr(" \t\"\\", from[i]) == NULL)
            to[n++] = from[i];
    to[n] = '\0';
}

/* Lesson 15, provided. Reads a name, and its value if it has one. Returns what follows: a semicolon, a
 * comma, or the end. A value in quotes holds neither, because it is a token (RFC 6455 section 9.1). */
static const char *read_parameter(const char *text, struct parameter *p)
{
    size_t length = strcspn(text, ",;"), name = strcspn(text, "=,;");

    p->has_value = name < length;
    copy_token(p->name, sizeof p->name, text, name);
    copy_token(p->value, sizeof p->value, text + length, 0);
    if (p->has_value)
        copy_token(p->value, sizeof p->value, text + name + 1, length - name - 1);
    return text + length;
}

/* Lesson 15, provided. Reads one offer. -1: it must be declined. */
static int read_offer(const char *text, struct offer *offer)
{
    struct parameter p;

    text = read_parameter(text, &p);
    if (strcmp(p.name, "permessage-deflate") != 0 || p.has_value)
        return -1;
    while (*text == ';') {
        text = read_parameter(text + 1, &p);
        if (add_parameter(offer, &p) != 0)
            return -1;
    }
    return 0;
}

/* Lesson 15, provided. Accepts an offer. Our window may be smaller than the client asks (7.1.2.1). */
static struct deflate accept_offer(const struct offer *offer)
{
    unsigned asked = offer->server_max_window_bits;
    unsigned bits = asked != 0 && asked < WINDOW_BITS ? asked : WINDOW_BITS;

    return (struct deflate){.window_bits = (unsigned char)bits, .window_named = asked != 0};
}

/* Lesson 15, provided. Accepts the first offer that it can: the client has put first what it likes best
 * (5). */
struct deflate deflate_negotiate(const char *offers)
{
    while (*offers != '\0') {
        struct offer offer = {0};
        if (read_offer(offers, &offer) == 0)
            return accept_offer(&offer);
        offers += strcspn(offers, ",");
        offers += *offers == ',' ? 1 : 0;
    }
    return (struct deflate){.window_bits = 0};
}

/* The response: both sides forget each message, whether the client has asked for that or not (7.1.1). If it
 * limits our window, so does the response (7.1.2.1). The client's window is not limited: we can inflate with
 * any (7.1.2.2). */
#define RESPONSE(window) \
    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; " \
    "client_no_context_takeover" window "\r\n"

/* Lesson 15, provided. Says in a response what was agreed on. */
const char *deflate_response(const struct deflate *agreed)
{
    static const char *const named[] = {
        [9] = RESPONSE("; server_max_window_bits=9"),   [10] = RESPONSE("; server_max_window_bits=10"),
        [11] = RESPONSE("; server_max_window_bits=11"), [12] = RESPONSE("; server_max_window_bits=12"),
        [13] = RESPONSE("; server_max_window_bits=13"),
    };
    _Static_assert(sizeof named / sizeof named[0] == WINDOW_BITS + 1, "each size has its response");

    if (agreed->window_bits == 0)
        return "";
    return agreed->window_named ? named[agreed->window_bits] : RESPONSE("");
}

/* ---- compressing ---- */

/* Lesson 15. Compresses a message by itself, and removes the tail (7.2.1). The result gets as much room
 * as the message takes: if that is not enough, it is better sent as it is. The server runs without it. */
unsigned char *deflate_compress(unsigned window_bits, const void *bytes, size_t length,
                                size_t *compressed)
{
    unsigned char *memory = malloc(length);
    z_stream zlib = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)length};
    bool is_shorter = false;

    /* a negative size asks for DEFLATE alone, without zlib's own header and checksum */
    if (memory != NULL && deflateInit2(&zlib, LEVEL, Z_DEFLATED, -(int)window_bits, MEMORY_LEVEL,
                                       Z_DEFAULT_STRATEGY) == Z_OK) {
        zlib.next_out = memory;
        zlib.avail_out = (uInt)length;
        is_shorter = deflate(&zlib, Z_SYNC_FLUSH) == Z_OK && zlib.avail_out > 0;
        *compressed = length - zlib.avail_out - DEFLATE_TAIL_BYTES;
        deflateEnd(&zlib);
    }
    if (is_shorter)
        return memory;
    free(memory);
    return NULL;
}

/* ---- inflating ---- */

/* Lesson 15, provided. Begins with an empty window, of the largest size: it will do for smaller ones. */
struct inflater *inflater_begin(void)
{
    struct inflater *inflater = calloc(1, sizeof *inflater);

    if (inflater == NULL || inflateInit2(&inflater->zlib, -MOST_WINDOW_BITS) == Z_OK)
        return inflater;
    free(inflater);
    return NULL;
}

/* Lesson 15, provided. Inflates until there is no more to read, or no more room. After a block that says
 * it is the last one, another may follow (7.2.3.4). */
int inflater_run(struct inflater *inflater, const unsigned char **bytes, size_t *length,
                 unsigned char *to, size_t room, size_t *made)
{
    z_stream *zlib = &inflater->zlib;
    int result;

    zlib->next_in = (z_const Bytef *)*bytes;
    zlib->avail_in = (uInt)*length;
    zlib->next_out = to;
    zlib->avail_out = (uInt)room;
    do
        result = inflate(zlib, Z_SYNC_FLUSH);
    while (result == Z_STREAM_END && inflateReset(zlib) == Z_OK);
    *bytes = zlib->next_in;
    *length = zlib->avail_in;
    *made = room - zlib->avail_out;
    if (result == Z_OK || result == Z_BUF_ERROR) /* the latter: nothing could be done */
        return 0;
    errno = result == Z_MEM_ERROR ? ENOMEM : EBADMSG;
    return -1;
}

/* Lesson 15, provided. zlib sets this bit of data_type if it stands between two blocks. */
bool inflater_is_complete(const struct inflater *inflater)
{
    return (inflater->zlib.data_type & 128) != 0;
}

/* Lesson 15, provided. Gives the memory back. */
void inflater_end(struct inflater *inflater)
{
    if (inflater != NULL)
        inflateEnd(&inflater->zlib);
    free(inflater);
}
