/* 12_messages.c - fragments, the size limit, and text that must be UTF-8 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "utf8.h"

/* One client stops inside a message; its pong says that the fragment was read. Another one has begun none. */
static void fragments_of_two_clients(void)
{
    size_t length;
    unsigned char pong[2], *begun = frames("01:61 89:", &length);
    int first = open_websocket();

    send_bytes(first, begun, length);
    EXPECT(receive_bytes(first, pong, 2) && pong[0] == 0x8A, "a pong between two fragments");
    have_talk_once(&(struct talk){"a continuation of nothing, while another client has begun a message",
                                  "80:62", "close:1002"});
    have_talk_once(
        &(struct talk){"a message, while another client has begun one", "01:63 80:64", "text:6364"});
    close(first);
    free(begun);
}

static void fragments(void)
{
    static const struct talk all[] = {
        {"two fragments make one message", "01:48656c6c 80:6f", "text:48656c6c6f"},
        {"the mask begins anew with each fragment", "01:48656c 80:6c6f", "text:48656c6c6f"},
        {"three fragments", "02:01 00:02 80:03", "binary:010203"},
        {"empty fragments", "01: 00: 80:", "text"},
        {"empty first and last", "02: 00:61 80:", "binary:61"},
        {"a message after them", "01:61 80:62 81:63", "text:6162 text:63"},
        {"a ping between", "01:61 89:70 80:62", "pong:70 text:6162"},
        {"pings and a pong between", "01:61 89:31 00:62 8a: 89:32 80:63", "pong:31 pong:32 text:616263"},
        {"a continuation of nothing", "80:61", "close:1002"},
        {"an unfinished continuation of nothing", "00:61", "close:1002"},
        {"a continuation after the end", "01:61 80:62 80:63", "text:6162 close:1002"},
        {"different masks", "=0182010203046163 =8082ffeeddcc9d8a", "text:60616264"},
        {"a binary message need be no text", "82:c080ff 02:c0 80:af", "binary:c080ff binary:c0af"},
        {"neither need a ping", "89:ff01 81:61", "pong:ff01 text:61"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* Each of these leaves a message unfinished. */
static void unfinished(void)
{
    static const struct talk all[] = {
        {"a close between", "01:61 88:03e8 80:62", "close:1000"},
        {"a new text inside", "01:61 81:62", "close:1002"},
        {"a new fragment inside", "01:61 01:62", "close:1002"},
        {"a new binary inside", "02:61 82:62", "close:1002"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* One message in a thousand fragments, a ping after each. */
static void many_fragments(void)
{
    static char script[40000], answers[40000];
    size_t n = (size_t)sprintf(script, "02:61"), m = 0, length;
    static unsigned char got[100000];
    unsigned char *bytes;
    int fd = open_websocket();
    ssize_t received;

    for (int i = 0; i < 1000; i++) {
        n += (size_t)sprintf(script + n, " 89:%02x 00:62", i % 256);
        m += (size_t)sprintf(answers + m, "pong:%02x ", i % 256);
    }
    sprintf(script + n, " 80:63 88:");
    bytes = frames(script, &length);
    send_bytes(fd, bytes, length);
    received = receive_all(fd, got, sizeof got);
    EXPECT(received == 1000 * 3 + 4 + 1002 + 2, "a thousand pongs, one message, a close: %zd bytes",
           received);
    if (received > 3000) {
        EXPECT(memcmp(got + 3000,
                      "\x82\x7e\x03\xea"
                      "abbb",
                      8) == 0,
               "the message in one piece");
        got[3000] = '\0';
        m -= 1;
        answers[m] = '\0';
        EXPECT_TEXT(describe(got, 3000), answers, "the pongs come first");
    }
    free(bytes);
    close(fd);
}

/* Every first byte that a frame can have, with an empty payload, and then a Close frame. */
static void every_first_byte(void)
{
    for (unsigned first = 0; first < 256; first++) {
        char script[20];
        struct talk talk = {.name = "a frame", .script = script, .answers = "close:1002"};
        snprintf(script, sizeof script, "%02x: 88:03e8", first);
        if (first == 0x01 || first == 0x02 || first == 0x8A) /* it goes on, or needs no reply */
            talk.answers = "close:1000";
        else if (first == 0x81 || first == 0x82)
            talk.answers = first == 0x81 ? "text close:1000" : "binary close:1000";
        else if (first == 0x88 || first == 0x89)
            talk.answers = first == 0x88 ? "close" : "pong close:1000";
        have_talk_once(&talk);
    }
}

struct text_case {
    const char *hex;
    const char *wrong; /* why it is not UTF-8; NULL: it is */
};

#define ALONE "a byte that can only continue a character"
#define OVERLONG "an overlong form"
#define SURROGATE "a surrogate"
#define BEYOND "a character beyond U+10FFFF"
#define NEVER "a byte that no character has"
#define CUT "a character that is cut"
#define ASCII_INSIDE "ASCII inside a character: check_byte must first check whether a byte is missing"
#define ASCII_32 "6162636465666768616263646566676861626364656667686162636465666768"

/* What is and what is not UTF-8, at every limit: RFC 3629. */
static const struct text_case texts[] = {
    {"", NULL},
    {"00", NULL},
    {"7f", NULL},
    {"c280", NULL},
    {"dfbf", NULL},
    {"e0a080", NULL},
    {"ed9fbf", NULL},
    {"ee8080", NULL},
    {"efbfbf", NULL},
    {"f0908080", NULL},
    {"f48fbfbf", NULL},
    {"cebae1bdb9cf83cebcceb5", NULL},
    {"6162636465666768c3bc6162636465666768", NULL},
    {"e282ac616263646566676869", NULL},
    {"80", ALONE},
    {"bf", ALONE},
    {"c080", OVERLONG},
    {"c1bf", OVERLONG},
    {"e080", OVERLONG},
    {"e09fbf", OVERLONG},
    {"f08fbfbf", OVERLONG},
    {"eda080", SURROGATE},
    {"edbfbf", SURROGATE},
    {"f4908080", BEYOND},
    {"f5808080", NEVER},
    {"f8888080", NEVER},
    {"c0", NEVER},
    {"fe", NEVER},
    {"ff", NEVER},
    {"6162636465666768c0", NEVER},
    {"c2", CUT},
    {"c27f", CUT},
    {"c241a9", ASCII_INSIDE},
    {"f09f41988080", ASCII_INSIDE},
    {"c2c0", CUT},
    {"e0", CUT},
    {"e0a0", CUT},
    {"e0a07f", CUT},
    {"f0", CUT},
    {"f09080", CUT},
    {"f0908041", CUT},
    {"616263646566676869c3", CUT},
    /* U+0FFF, U+1000, U+CFFF, U+D000, U+FFFE; U+1FFFF, U+3FFFF, U+40000, U+FFFFF, U+100000 */
    {"e0bfbf", NULL},
    {"e18080", NULL},
    {"ecbfbf", NULL},
    {"ed8080", NULL},
    {"efbfbe", NULL},
    {"f09fbfbf", NULL},
    {"f0bfbfbf", NULL},
    {"f1808080", NULL},
    {"f3bfbfbf", NULL},
    {"f4808080", NULL},
    /* surrogates: the last high one, the first low one, a pair */
    {"edafbf", SURROGATE},
    {"edb080", SURROGATE},
    {"eda080edb080", SURROGATE},
    /* overlong: 0, "/", U+7FF, U+FFFF; five and six bytes */
    {"c0af", OVERLONG},
    {"e08080", OVERLONG},
    {"e080af", OVERLONG},
    {"f0808080", OVERLONG},
    {"f08080af", OVERLONG},
    {"f080bfbf", OVERLONG},
    {"f8808080af", NEVER},
    {"fc80808080af", NEVER},
    /* beyond U+10FFFF: U+13FFFF, U+140000, U+1FFFFF, the last of five and of six bytes */
    {"f4bfbfbf", BEYOND},
    {"f5bfbfbf", NEVER},
    {"f7bfbfbf", NEVER},
    {"fbbfbfbfbf", NEVER},
    {"fdbfbfbfbfbf", NEVER},
    /* cut off, and followed by the next character */
    {"e282", CUT},
    {"f09f98", CUT},
    {"e28241", CUT},
    {"e282c3bc", CUT},
    {"c3c3bc", CUT},
    {"f0c3bc", CUT},
    {"c3bcbc", ALONE},
    /* 32 bytes of ASCII, which may be skipped at once, but not inside a character */
    {"c3" ASCII_32 "a9", CUT},
    {ASCII_32, NULL},
    {ASCII_32 "c3a9", NULL},
};

static void utf8_over_the_wire(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char script[100], answer[100], name[200] = "a good text";
        struct talk talk = {.name = name, .script = script, .answers = answer};
        const char *wrong = texts[i].wrong;
        /* a Close frame after a bad one, so that a server that accepts it is noticed at once */
        const char *end = wrong == NULL ? "" : " 88:03e8";
        if (wrong != NULL)
            snprintf(name, sizeof name, "text that is not UTF-8 (%s)", wrong);
        snprintf(script, sizeof script, "81:%s%s", texts[i].hex, end);
        snprintf(answer, sizeof answer, wrong == NULL ? "text%s%s" : "close:1007",
                 *texts[i].hex ? ":" : "", texts[i].hex);
        have_talk(&talk);
        /* and every text, good or bad, cut into two fragments anywhere */
        snprintf(name, sizeof name, "%s text in two fragments, which may cut a character",
                 wrong == NULL ? "a good" : "a bad");
        for (size_t cut = 2; cut < strlen(texts[i].hex); cut += 2) {
            snprintf(script, sizeof script, "01:%.*s 80:%s%s", (int)cut, texts[i].hex,
                     texts[i].hex + cut, end);
            have_talk_once(&talk);
        }
    }
}

/* The check of a text goes on from fragment to fragment, and begins anew with each message. */
static void utf8_from_text_to_text(void)
{
    static const struct talk all[] = {
        {"a character in fragments of a byte", "01:f0 89: 00:9f 89: 00:98 8a: 80:80",
         "pong pong text:f09f9880"},
        {"a text after a text", "81:c3bc 01:c3 80:bc 81:e282ac", "text:c3bc text:c3bc text:e282ac"},
        {"a bad text after a good one", "81:c3bc 81:bc", "text:c3bc close:1007"},
        {"a text whose last fragment is empty, inside a character", "01:e282 80: 88:03e8", "close:1007"},
        {"a text whose last fragment is empty, after a character", "01:e282ac 80:", "text:e282ac"},
        {"a text whose first fragment is empty", "01: 80:e282ac", "text:e282ac"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

static void crowd(void)
{
    static const struct talk talks[] = {
        {"a text in fragments", "01:c3 80:bc", "text:c3bc"},
        {"a text of four bytes", "81:f09f9880", "text:f09f9880"},
        {"a text with an overlong form", "81:e09fbf", "close:1007"},
        {"fragments of a binary message", "02:01 00:02 80:03", "binary:010203"},
        {"a text that ends inside a character", "81:61e282 88:03e8", "close:1007"},
    };

    have_talks_at_once(talks, sizeof talks / sizeof talks[0]);
}

static void utf8_by_call(void)
{
    needs_own("functions");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char script[100];
        size_t length;
        snprintf(script, sizeof script, "=%s", texts[i].hex);
        unsigned char *bytes = frames(script, &length);
        for (size_t cut = 0; cut <= length; cut++) {
            struct utf8 text = {.missing = 0};
            int result = utf8_check(&text, bytes, cut);
            if (result == 0)
                result = utf8_check(&text, bytes + cut, length - cut);
            EXPECT((result == 0 && text.missing == 0) == (texts[i].wrong == NULL),
                   "utf8_check of %s, in pieces of %zu and %zu bytes: %d, with %u bytes missing",
                   texts[i].hex, cut, length - cut, result, text.missing);
        }
        free(bytes);
    }
}

/* Two texts, byte by byte in turns: what is known of one must not be used for the other. */
static void utf8_of_two_texts(void)
{
    static const unsigned char first[] = {0xE0, 0x9F, 0xBF}, second[] = {0xE2, 0x82, 0xAC};
    struct utf8 one = {.missing = 0}, other = {.missing = 0};
    int result[2] = {0, 0};

    needs_own("functions");
    for (size_t i = 0; i < 3; i++) {
        result[0] = result[0] != 0 ? -1 : utf8_check(&one, first + i, 1);
        result[1] = result[1] != 0 ? -1 : utf8_check(&other, second + i, 1);
    }
    EXPECT(result[0] == -1, "e09fbf is overlong, also if another text is checked meanwhile");
    EXPECT(result[1] == 0 && other.missing == 0,
           "e282ac is good, also if another text is checked meanwhile");
}

/* ASCII of every length up to some words of skip_ascii, and behind it a byte that is not the text's. */
static void utf8_ends_where_the_text_ends(void)
{
    unsigned char bytes[101];

    needs_own("functions");
    for (size_t length = 0; length < sizeof bytes; length++) {
        struct utf8 text = {.missing = 0};
        memset(bytes, 'a', sizeof bytes);
        bytes[length] = 0xFF;
        EXPECT(
            utf8_check(&text, bytes, length) == 0,
            "%zu bytes of ASCII are good, and the byte after them is not the text's: do not look at it",
            length);
        if (length + 1 < sizeof bytes)
            EXPECT(utf8_check(&text, bytes, length + 1) == -1,
                   "%zu bytes of ASCII and then ff, which no text has", length);
    }
}

/* A text of more bytes than 16 bits can count. */
static int check_a_long_text(void)
{
    static unsigned char bytes[200000];
    struct utf8 text = {.missing = 0};

    memset(bytes, 'a', sizeof bytes);
    if (utf8_check(&text, bytes, sizeof bytes) != 0)
        return 1;
    bytes[150000] = 0xFF;
    return utf8_check(&text, bytes, sizeof bytes) == -1 ? 0 : 2;
}

static void utf8_of_a_long_text(void)
{
    int status;

    needs_own("functions");
    status = in_child(check_a_long_text);
    EXPECT(status == 0, "utf8_check of 200000 bytes in one call: %s",
           status == -1  ? "it goes on and on"
           : status == 1 ? "it rejects good text"
           : status == 2 ? "it does not see byte 150000, an ff"
                         : "it has crashed");
}

/* Every single byte, and every pair, against a second, obvious implementation. */
static void utf8_pairs(void)
{
    unsigned wrong = 0, example = 0;

    needs_own("functions");
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            unsigned char bytes[2] = {(unsigned char)a, (unsigned char)b};
            struct utf8 text = {.missing = 0};
            bool good = utf8_check(&text, bytes, 2) == 0 && text.missing == 0;
            bool wanted = (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
            wrong += good != wanted ? 1 : 0;
            example = good != wanted ? a << 8 | b : example;
        }
    }
    EXPECT(wrong == 0, "%u of 65536 pairs of bytes: the result is wrong, for example that of %02x %02x",
           wrong, example >> 8, example & 0xFF);
}

/* Writes a code point in the form of so many bytes, which may be too many for it. */
static void encode(unsigned long point, size_t length, unsigned char bytes[4])
{
    static const unsigned char leads[] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = length; i-- > 1; point >>= 6)
        bytes[i] = (unsigned char)(0x80 | (point & 0x3F));
    bytes[0] = (unsigned char)(leads[length] | point);
}

/* Every number that can be written in 1 to 4 bytes, in each form that has room for it, cut
 * somewhere: good is the shortest form alone, without surrogates, up to U+10FFFF. */
static void every_code_point(void)
{
    static const unsigned long first[] = {0, 0, 0x80, 0x800, 0x10000},
                               end[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    unsigned wrong = 0;
    unsigned long example = 0;
    size_t bytes_of_example = 0;

    needs_own("functions");
    for (size_t length = 1; length <= 4; length++) {
        for (unsigned long point = 0; point < end[length]; point++) {
            unsigned char bytes[4];
            struct utf8 text = {.missing = 0};
            size_t cut = point % length;
            bool surrogate = point >= 0xD800 && point <= 0xDFFF, good, wanted;
            encode(point, length, bytes);
            good = utf8_check(&text, bytes, cut) == 0 &&
                   utf8_check(&text, bytes + cut, length - cut) == 0 && text.missing == 0;
            wanted = point >= first[length] && point <= 0x10FFFF && !surrogate;
            if (good != wanted && wrong++ == 0) {
                example = point;
                bytes_of_example = length;
            }
        }
    }
    EXPECT(wrong == 0,
           "%u forms of code points: the result is wrong, for example that of U+%04lX in %zu bytes",
           wrong, example, bytes_of_example);
}

/* A bad byte is rejected when it comes: the frame here claims more, which never comes. */
static void bad_text_is_rejected_early(void)
{
    static const char *const starts[] = {
        "=81fe03e8000000004142ff",               /* 1000 bytes claimed, the third is bad */
        "=01820000000041c2 =80fe03e80000000041", /* a character cut by fragments, then not continued */
    };

    for (size_t i = 0; i < 2; i++) {
        unsigned char got[200];
        size_t length;
        unsigned char *bytes = frames(starts[i], &length);
        int fd = open_websocket();
        send_bytes(fd, bytes, length);
        ssize_t n = receive_all(fd, got, sizeof got);
        EXPECT(n > 4 && got[0] == 0x88 && got[2] == 0x03 && got[3] == 0xEF,
               "1007 must come before the frame ends: %s", describe(got, n > 0 ? (size_t)n : 0));
        free(bytes);
        close(fd);
    }
}

/* A message whose last fragment is empty is complete with its header: nothing follows that could help the
 * server on. */
static void ends_with_nothing(void)
{
    static const char *const scripts[] = {"02: 80:", "02:61 80:", "02:61 00: 80:", "02: 00:61 80:"};

    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        unsigned char got[10];
        size_t length;
        unsigned char *bytes = frames(scripts[i], &length);
        int fd = open_websocket();
        send_bytes(fd, bytes, length);
        EXPECT(receive_bytes(fd, got, i == 0 ? 2 : 3),
               "%s, and nothing after it: no echo has come; the server must not wait for more",
               scripts[i]);
        EXPECT_TEXT(describe(got, i == 0 ? 2 : 3), i == 0 ? "binary" : "binary:61", "the echo of %s",
                    scripts[i]);
        free(bytes);
        close(fd);
    }
}

/* A text that comes in large pieces, with a character across every boundary of them that there may be. */
static void long_text(void)
{
    enum { LENGTH = 300000 }; /* e2 82 ac, again and again */
    static unsigned char bytes[14 + LENGTH] = {0x81, 0xff, [7] = 0x04, 0x93, 0xe0}, got[10 + LENGTH];
    static const unsigned char euro[3] = {0xE2, 0x82, 0xAC};
    int fd = open_websocket();

    for (size_t i = 0; i < LENGTH; i++)
        bytes[14 + i] = euro[i % 3]; /* the key is 0 */
    send_bytes(fd, bytes, sizeof bytes);
    EXPECT(receive_bytes(fd, got, sizeof got) && memcmp(got + 10, bytes + 14, LENGTH) == 0,
           "a text of 100000 euro signs must come back");
    close(fd);
}

/* One client's message takes all that --max-memory allows; another one's large message is rejected. */
static void memory_runs_out(void)
{
    char got[200];
    unsigned opcode = 0;
    size_t length, second_length;
    unsigned char *begun = frames("02*70000 89:", &length), *whole = frames("82*70000", &second_length);
    int first, second;

    server_stop();
    server_start("--max-message", "100000", "--max-memory", "200000");
    first = open_websocket();
    second = open_websocket();
    send_bytes(first, begun, length);
    EXPECT(receive_frame(first, &opcode, got, sizeof got) == 0 && opcode == 10, "a message has begun");
    send_bytes(second, whole, second_length);
    EXPECT(receive_frame(second, &opcode, got, sizeof got) >= 2 && opcode == 8 &&
               memcmp(got, "\x03\xf5", 2) == 0,
           "a message that finds no memory must get a Close frame with code 1013");
    free(begun);
    free(whole);
    close(first);
    close(second);
    server_stop();
    server_start(NULL);
}

static void too_big(void)
{
    static const struct talk all[] = {
        {"exactly the limit", "82*1000", "binary*1000"},
        {"one byte over the limit", "82*1001", "close:1009"},
        {"a claim of 4294967295 bytes, which one more makes 0", "=82ff00000000ffffffff01020304",
         "close:1009"},
        {"a claim of 4294967296 bytes, which is 0 in 32 bits", "=82ff000000010000000001020304",
         "close:1009"},
        {"over the limit in fragments", "02*600 80*401", "close:1009"},
        {"over it before the last fragment", "02*600 00*401", "close:1009"},
        {"over it by a huge claim", "=82ff7fffffffffffffff01020304", "close:1009"},
        {"a fragment and a huge claim", "02:61 =80ff7fffffffffffffff01020304", "close:1009"},
        {"an empty one at the limit", "02*1000 00: 80:", "binary*1000"},
        {"one byte more at the limit", "02*1000 80:61", "close:1009"},
    };

    server_stop();
    server_start("--max-message", "1000");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk_once(&all[i]);
    server_stop();
    server_start(NULL);
}

/* Bytes of a large message; the sanitizers are slow. */
#define LARGE_BYTES ((size_t)16 * 1024 * 1024)

static size_t large(void)
{
    return sanitized ? LARGE_BYTES / 16 : LARGE_BYTES;
}

/* Receives the echo of a large message of bytes 0 to 250 again and again, and ends the connection.
 */
static void expect_large_echo(int fd, const char *how)
{
    static unsigned char got[10 + LARGE_BYTES];
    unsigned char header[10] = {0x82, 127};
    size_t wrong = 0;

    for (size_t i = 0; i < 8; i++)
        header[2 + i] = (unsigned char)((uint64_t)large() >> (56 - 8 * i));
    if (EXPECT(receive_bytes(fd, got, 10 + large()), "%s: %zu bytes must come back", how, large())) {
        EXPECT(memcmp(got, header, 10) == 0, "%s: one binary frame, with its length in 64 bits", how);
        for (size_t i = 0; i < large(); i++)
            wrong += got[10 + i] != i % 251 ? 1 : 0;
        EXPECT(wrong == 0, "%s: %zu bytes are not those that were sent", how, wrong);
    }
    close(fd);
}

/* Sends bytes with many sends, of so many bytes each; a size of 0: of 1, 2, 4 bytes and so on up to
 * 64 KiB, again and again. The first thousand bytes go one by one. */
static void send_in_chunks(int fd, const unsigned char *bytes, size_t length, size_t size)
{
    size_t growing = 1, at = 0, n;

    for (; at < length; at += n) {
        n = at < 1000 ? 1 : size > 0 ? size : growing;
        growing = growing < 65536 ? growing * 2 : 1;
        if (n > length - at)
            n = length - at;
        if (!EXPECT(send_bytes(fd, bytes + at, n), "the server must receive byte %zu", at))
            return;
    }
}

static void large_in_chunks(void)
{
    static const size_t sizes[] = {0, 1000, 4096, 16384, 16385, 65535, 65536};
    char script[30], how[60];
    unsigned char *bytes;
    size_t length;

    snprintf(script, sizeof script, "82*%zu", large());
    bytes = frames(script, &length);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int fd = open_websocket();
        snprintf(how, sizeof how, "a large message in sends of %zu bytes", sizes[i]);
        send_in_chunks(fd, bytes, length, sizes[i]);
        expect_large_echo(fd, how);
    }
    free(bytes);
}

static void large_in_one_frame(void)
{
    char script[30];
    size_t length;
    int fd = open_websocket();

    snprintf(script, sizeof script, "82*%zu", large());
    unsigned char *bytes = frames(script, &length);
    EXPECT(send_bytes(fd, bytes, length), "the server must receive it");
    expect_large_echo(fd, "a large message in one frame");
    free(bytes);
}

/* Writes a fragment of a large message, with a mask of its own; returns its length. */
static size_t make_fragment(unsigned char *to, size_t number, size_t count, size_t each)
{
    to[0] = (unsigned char)((number == 0 ? 0x02 : 0x00) | (number == count - 1 ? 0x80 : 0x00));
    to[1] = (unsigned char)(0x80 | each);
    for (size_t i = 0; i < 4; i++)
        to[2 + i] = (unsigned char)(number * 31 + i * 7);
    for (size_t i = 0; i < each; i++)
        to[6 + i] = (unsigned char)((number * each + i) % 251) ^ to[2 + i % 4];
    return 6 + each;
}

static void large_in_fragments(void)
{
    enum { EACH = 64 };
    static unsigned char bytes[LARGE_BYTES / EACH * (6 + EACH)];
    size_t count = large() / EACH, length = 0;
    int fd = open_websocket();

    for (size_t i = 0; i < count; i++)
        length += make_fragment(bytes + length, i, count, EACH);
    EXPECT(send_bytes(fd, bytes, length), "the server must receive all fragments");
    expect_large_echo(fd, "a large message in fragments of 64 bytes");
}

/* With a limit of 16 MiB: a message of that size, in three ways; a byte more is rejected. */
static void large_messages(void)
{
    char limit[30], script[60];
    struct talk over = {"a byte more", script, "close:1009"};

    snprintf(limit, sizeof limit, "%zu", large());
    server_stop();
    server_start("--max-message", limit);
    large_in_one_frame();
    large_in_fragments();
    large_in_chunks();
    snprintf(script, sizeof script, "=82ff%016zx01020304", large() + 1);
    have_talk_once(&over);
    server_stop();
    server_start(NULL);
}

/* A claim costs nothing: 500 clients claim a MiB each, and send a byte. */
static void claims_cost_nothing(void)
{
    enum { MANY = 500 };
    int fds[MANY];
    size_t length;
    unsigned char *claim = frames("=82ff00000000001000000102030461", &length);
    long before = server_memory(), cost;

    for (int i = 0; i < MANY; i++) {
        fds[i] = open_websocket();
        send_bytes(fds[i], claim, length);
    }
    have_talk_once(&(struct talk){"meanwhile", "81:61", "text:61"});
    cost = server_memory() - before;
    EXPECT(sanitized || cost < MANY * 200L, "%d claims of 1 MiB cost %ld KiB", MANY, cost);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    free(claim);
}

int main(void)
{
    static const struct test tests[] = {
        {"fragments make messages, control frames may stand between", fragments, 12,
         "RFC 6455, section 5.4",
         "join_fragment: a first fragment has the opcode, those that follow have 0; another message "
         "must not begin in between: it returns what fail returns, or no Close frame is sent. What has "
         "begun may be empty: its opcode says so, not its length. frame_read_message (lesson 10) goes "
         "on after a control frame, and after a frame without FIN; it forgets the last message once, "
         "before the first frame and not before each."},
        {"a fragment of one client is nothing to another", fragments_of_two_clients, 12,
         "RFC 6455, section 5.4",
         "join_fragment returns what fail returns for a continuation if no message has begun, and for "
         "another message if one has. What has begun is in ws->message, and each client has its own: a "
         "static variable is shared by all."},
        {"a message that is not finished", unfinished, 12, "RFC 6455, section 5.4",
         "join_fragment: if a message has begun, a frame with an opcode of its own must not follow: "
         "return what fail returns. A Close frame may come between, and ends it."},
        {"a thousand fragments with pings between", many_fragments, 12, "RFC 6455, section 5.4",
         "A control frame between fragments gets its reply at once, and leaves the message as it is: "
         "handle_control (lesson 11) and frame_read_message (10)."},
        {"every first byte that a frame can have", every_first_byte, 12, "RFC 6455, section 5.2",
         "FIN, the RSV bits and the opcode: check_rules (lesson 9) rejects what no frame may have, "
         "join_fragment what does not follow what came before."},
        {"a message whose last fragment is empty, alone", ends_with_nothing, 12, "RFC 6455, section 5.4",
         "An empty fragment needs no bytes: read_payload (lesson 10) must not ask for a piece when "
         "nothing is left to read."},
        {"a long text, in large pieces", long_text, 12, "RFC 6455, section 5.6",
         "utf8_check must count as far as size_t does. read_payload (lesson 10) has check_text check "
         "each piece once, not all that has come. A piece may end inside a character: text->missing "
         "then stays as it is for the next one."},
        {"messages over the limit are rejected with 1009", too_big, 12, "RFC 6455, section 7.4.1",
         "check_size compares what each frame claims, not only the last one, with the room that is "
         "left: max_message - length. A sum of the two can overflow; so can 32 bits. read_length "
         "(lesson 9) reads the claim."},
        {"what a header claims costs no memory", claims_cost_nothing, 12, "RFC 6455, section 10.4",
         "Memory must grow with the bytes that came, and not with the length that a header claims: "
         "read_payload (lesson 10) calls make_room for each piece."},
        {"when memory runs out, the client is told", memory_runs_out, 12, "RFC 6455, section 7.4.1",
         "make_room, provided, fails with 1013: read_payload (lesson 10) must return -1 then, before it "
         "reads."},
        {"text must be UTF-8, over the wire", utf8_over_the_wire, 12, "RFC 3629, section 4",
         "In check_byte, the first byte says how many follow, and none of them is ASCII; the second "
         "has limits of its own after E0, ED, F0 and F4, and those after it have 80 to BF again. If "
         "only 32 bytes of ASCII go wrong: utf8_check may call skip_ascii only if nothing is missing, "
         "and check_byte only if a byte is left after that. If all bad text passes: read_payload "
         "(lesson 10) must call check_text. If only a text passes that ends inside a character: "
         "check_text_end returns what fail returns if text.missing is not 0."},
        {"from fragment to fragment, and from text to text", utf8_from_text_to_text, 12,
         "RFC 6455, section 5.6",
         "A fragment may end inside a character, so text->missing is kept for the next one; "
         "check_text_end wants the message to end whole."},
        {"the same by call, cut at every byte", utf8_by_call, 12, "RFC 3629, section 4",
         "The state in struct utf8 must be all that utf8_check needs to go on with the next piece. A "
         "piece may be empty: then it looks at no byte."},
        {"two texts at the same time, by call", utf8_of_two_texts, 12, "RFC 3629, section 4",
         "check_byte and utf8_check keep what they know in their struct utf8: each client has its own. "
         "A static variable is shared by all."},
        {"twenty clients at the same moment", crowd, 12, "lesson 2: a thread per client",
         "What join_fragment, check_size, utf8_check and check_byte need is in their arguments and "
         "local variables: a static variable is shared by all clients. A table is static const, with "
         "its values in the code."},
        {"no byte after the text is looked at", utf8_ends_where_the_text_ends, 12, "RFC 3629, section 4",
         "In utf8_check, skip_ascii may move to the end of the piece: then there is no byte left to "
         "check."},
        {"a text of more than 65535 bytes, by call", utf8_of_a_long_text, 12, "RFC 6455, section 5.6",
         "In utf8_check, count the bytes in a size_t: 16 bits begin anew at 65536."},
        {"every pair of bytes, against a second implementation", utf8_pairs, 12, "RFC 3629, section 4",
         "In check_byte, C0 and C1 never begin a character; 80 to BF only continue one. 00 is a "
         "character like others: utf8_check goes on to `length`."},
        {"every code point in every form, by call", every_code_point, 12, "RFC 3629, section 3",
         "In check_byte, low and high keep out forms that are too long, surrogates, and what is beyond "
         "U+10FFFF."},
        {"bad text is rejected before its frame ends", bad_text_is_rejected_early, 12,
         "RFC 6455, section 8.1",
         "read_payload (lesson 10) has check_text look at each piece as it comes, and ends at the first "
         "bad byte."},
        {"16 MiB in one frame, in fragments, and in pieces of every size", large_messages, 12,
         "RFC 6455, section 5.4",
         "The limit holds for the whole message: check_size counts what came before. read_payload "
         "(lesson 10) adds what each piece brought to m->length."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("12 messages", tests);
    return server_finish(status);
}
