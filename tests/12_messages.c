/* 12_messages.c - fragments, the size limit, and text that must be UTF-8 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../frame.h"
#include "harness.h"

static void fragments(void)
{
    static const struct talk all[] = {
        {"two fragments", "01:48656c 80:6c6f", "text:48656c6c6f"},
        {"three fragments", "02:01 00:02 80:03", "binary:010203"},
        {"empty fragments", "01: 00: 80:", "text"},
        {"empty first and last", "02: 00:61 80:", "binary:61"},
        {"a message behind", "01:61 80:62 81:63", "text:6162 text:63"},
        {"a ping between", "01:61 89:70 80:62", "pong:70 text:6162"},
        {"pings and a pong between", "01:61 89:31 00:62 8a: 89:32 80:63", "pong:31 pong:32 text:616263"},
        {"a close between", "01:61 88:03e8 80:62", "close:1000"},
        {"a continuation of nothing", "80:61", "close:1002"},
        {"an unfinished continuation of nothing", "00:61", "close:1002"},
        {"a continuation after the end", "01:61 80:62 80:63", "text:6162 close:1002"},
        {"a new text inside", "01:61 81:62", "close:1002"},
        {"a new fragment inside", "01:61 01:62", "close:1002"},
        {"a new binary inside", "02:61 82:62", "close:1002"},
        {"different masks", "=0182010203046163 =8082ffeeddcc9d8a", "text:60616264"},
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
        EXPECT(memcmp(got + 3000, "\x82\x7e\x03\xea" "abbb", 8) == 0, "the message in one piece");
        got[3000] = '\0';
        m -= 1;
        answers[m] = '\0';
        EXPECT_TEXT(describe(got, 3000), answers, "the pongs come first");
    }
    free(bytes);
    close(fd);
}

struct text_case {
    const char *hex;
    bool good;
};

/* What is and what is not UTF-8, at every border: RFC 3629. */
static const struct text_case texts[] = {
    {"", true},          {"00", true},        {"7f", true},        {"c280", true},
    {"dfbf", true},      {"e0a080", true},    {"ed9fbf", true},    {"ee8080", true},
    {"efbfbf", true},    {"f0908080", true},  {"f48fbfbf", true},  {"cebae1bdb9cf83cebcceb5", true},
    {"80", false},       {"bf", false},       {"c0", false},       {"c080", false},
    {"c1bf", false},     {"c2", false},       {"c27f", false},     {"c2c0", false},
    {"e0", false},       {"e080", false},     {"e09fbf", false},   {"e0a0", false},
    {"e0a07f", false},   {"eda080", false},   {"edbfbf", false},   {"f0", false},
    {"f08fbfbf", false}, {"f09080", false},   {"f0908041", false}, {"f4908080", false},
    {"f5808080", false}, {"f8888080", false}, {"fe", false},       {"ff", false},
    {"6162636465666768c0", false},            {"6162636465666768c3bc6162636465666768", true},
    {"616263646566676869c3", false},          {"e282ac616263646566676869", true},
};

static void utf8_over_the_wire(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char script[100], answer[100];
        struct talk talk = {.name = "a text", .script = script, .answers = answer};
        snprintf(script, sizeof script, "81:%s", texts[i].hex);
        snprintf(answer, sizeof answer, texts[i].good ? "text%s%s" : "close:1007",
                 *texts[i].hex ? ":" : "", texts[i].hex);
        have_talk(&talk);
        /* and every text, good or bad, cut into two fragments anywhere: a character may be cut */
        for (size_t cut = 2; cut < strlen(texts[i].hex); cut += 2) {
            snprintf(script, sizeof script, "01:%.*s 80:%s", (int)cut, texts[i].hex,
                     texts[i].hex + cut);
            have_talk_once(&talk);
        }
    }
}

static void utf8_by_call(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char script[100];
        size_t length;
        snprintf(script, sizeof script, "=%s", texts[i].hex);
        unsigned char *bytes = frames(script, &length);
        for (size_t cut = 0; cut <= length; cut++) {
            struct utf8 text = {.missing = 0};
            int result = frame_check_utf8(&text, bytes, cut);
            if (result == 0)
                result = frame_check_utf8(&text, bytes + cut, length - cut);
            EXPECT((result == 0 && text.missing == 0) == texts[i].good, "%s, cut at byte %zu: %d",
                   texts[i].hex, cut, result);
        }
        free(bytes);
    }
}

/* Every single byte, and every pair, against a second, obvious implementation. */
static void utf8_pairs(void)
{
    unsigned wrong = 0;

    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            unsigned char bytes[2] = {(unsigned char)a, (unsigned char)b};
            struct utf8 text = {.missing = 0};
            bool good = frame_check_utf8(&text, bytes, 2) == 0 && text.missing == 0;
            bool wanted = (a < 0x80 && b < 0x80) || (a >= 0xC2 && a <= 0xDF && b >= 0x80 && b <= 0xBF);
            wrong += good != wanted ? 1 : 0;
        }
    }
    EXPECT(wrong == 0, "%u of 65536 pairs of bytes are judged wrongly", wrong);
}

/* A bad byte is refused when it comes: the frame here claims more, which never comes. */
static void bad_text_is_refused_early(void)
{
    static const char *const starts[] = {
        "=81fe03e8000000004142ff",     /* 1000 bytes claimed, the third is bad */
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

static void too_big(void)
{
    static const struct talk all[] = {
        {"exactly the limit", "82*1000", "binary*1000"},
        {"one byte more", "82*1001", "close:1009"},
        {"over the limit in fragments", "02*600 80*401", "close:1009"},
        {"over it by a huge claim", "=82ff7fffffffffffffff01020304", "close:1009"},
        {"a fragment and a huge claim", "02:61 =80ff7fffffffffffffff01020304", "close:1009"},
        {"an empty one at the limit", "02*1000 00: 80:", "binary*1000"},
        {"one byte over at the limit", "02*1000 80:61", "close:1009"},
    };

    server_stop();
    server_start("--max-message", "1000");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk_once(&all[i]);
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
        {"fragments make messages, control frames may stand between", fragments},
        {"a thousand fragments with pings between", many_fragments},
        {"text must be UTF-8, over the wire", utf8_over_the_wire},
        {"the same by call, cut at every byte", utf8_by_call},
        {"every pair of bytes, against a second opinion", utf8_pairs},
        {"bad text is refused before its frame ends", bad_text_is_refused_early},
        {"messages over the limit are refused with 1009", too_big},
        {"what a header claims costs no memory", claims_cost_nothing},
        {NULL, NULL},
    };
    int status;

    server_start(NULL);
    status = run_suite("12 messages", tests);
    return server_finish(status);
}
