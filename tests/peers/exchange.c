/* What exchange.h promises. */
#include "exchange.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEADLINE_S 10 /* of each exchange */
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A message that comes back; then the client says that all is well. */
#define ECHOED(kind, size) .sent = {{kind, size}}, .expected = {{kind, size}}, .close_code = 1000

/* The lengths: both sides of each change in how a frame writes its length, and the longest message. */
const struct exchange exchanges[] = {
    {.name = "text of 0 bytes", ECHOED(TEXT, 0)},
    {.name = "binary, 0 bytes", ECHOED(BINARY, 0)},
    {.name = "text of 1 byte", ECHOED(TEXT, 1)},
    {.name = "binary, 1 byte", ECHOED(BINARY, 1)},
    {.name = "text of 125 bytes", ECHOED(TEXT, 125)},
    {.name = "binary, 125 bytes", ECHOED(BINARY, 125)},
    {.name = "text of 126 bytes", ECHOED(TEXT, 126)},
    {.name = "binary, 126 bytes", ECHOED(BINARY, 126)},
    {.name = "text of 127 bytes", ECHOED(TEXT, 127)},
    {.name = "binary, 127 bytes", ECHOED(BINARY, 127)},
    {.name = "text of 65535 bytes", ECHOED(TEXT, 65535)},
    {.name = "binary, 65535 bytes", ECHOED(BINARY, 65535)},
    {.name = "text of 65536 bytes", ECHOED(TEXT, 65536)},
    {.name = "binary, 65536 bytes", ECHOED(BINARY, 65536)},
    {.name = "text of 1048576 bytes", ECHOED(TEXT, 1048576)},
    {.name = "binary, 1048576 bytes", ECHOED(BINARY, 1048576)},
    {.name = "text in three fragments, cut inside a character, the second empty",
     .sent = {{TEXT, 5, "12 \xe2\x82", FIRST}, {TEXT, 0, "", MIDDLE}, {TEXT, 2, "\xac.", LAST}},
     .expected = {{TEXT, 7, "12 \xe2\x82\xac."}},
     .close_code = 1000},
    {.name = "binary in two fragments; a ping between them is answered first",
     .sent = {{BINARY, 70000, NULL, FIRST}, {PING, 2, "hi"}, {BINARY, 0, "", LAST}},
     .expected = {{PONG, 2, "hi"}, {BINARY, 70000}},
     .close_code = 1000},
    {.name = "pings without and with the longest payload",
     .sent = {{PING, 0, ""}, {PING, 125}},
     .expected = {{PONG, 0, ""}, {PONG, 125}},
     .close_code = 1000},
    {.name = "200 messages at once",
     .sent = {{TEXT, 100}},
     .expected = {{TEXT, 100}},
     .times = 200,
     .close_code = 1000},
    {.name = "Close with a code and a reason",
     .sent = {{TEXT, 1, "x"}},
     .expected = {{TEXT, 1, "x"}},
     .close_code = 4000,
     .reason = "done, thanks"},
    {.name = "Close without a code", .sent = {{TEXT, 1, "x"}}, .expected = {{TEXT, 1, "x"}}},
    {.name = "a message that is too long is answered by 1009",
     .sent = {{BINARY, 1048577}},
     .told_code = 1009},
};
const size_t exchange_count = COUNT(exchanges);

static size_t count_items(const struct item *items)
{
    size_t count = 0;

    while (count < EXCHANGE_ITEMS && items[count].kind != NO_ITEM)
        count++;
    return count;
}

static const struct item *nth_item(const struct item *items, int times, size_t nth)
{
    size_t count = count_items(items);

    return nth < count * (size_t)(times == 0 ? 1 : times) ? &items[nth % count] : NULL;
}

const struct item *exchange_sent(const struct exchange *exchange, size_t nth)
{
    return nth_item(exchange->sent, exchange->times, nth);
}

const struct item *exchange_expected(const struct exchange *exchange, size_t nth)
{
    return nth_item(exchange->expected, exchange->times, nth);
}

/* Letters for a text; for the others all values. Both show where a mask is put on a wrong byte, and
 * where messages have changed places. */
static unsigned char pattern(enum item_kind kind, size_t round, size_t i)
{
    size_t value = round + i * 7 + (i >> 8);

    return (unsigned char)(kind == TEXT ? 'a' + value % 26 : value % 256);
}

void exchange_write_payload(const struct exchange *exchange, size_t nth, unsigned char *room)
{
    const struct item *item = exchange_sent(exchange, nth);
    size_t round = nth / count_items(exchange->sent);

    if (item->bytes != NULL)
        memcpy(room, item->bytes, item->length);
    else
        for (size_t i = 0; i < item->length; i++)
            room[i] = pattern(item->kind, round, i);
}

static bool has_payload(const struct exchange *exchange, size_t nth, const unsigned char *bytes)
{
    const struct item *item = exchange_expected(exchange, nth);
    size_t round = nth / count_items(exchange->expected);

    if (item->bytes != NULL)
        return memcmp(bytes, item->bytes, item->length) == 0;
    for (size_t i = 0; i < item->length; i++)
        if (bytes[i] != pattern(item->kind, round, i))
            return false;
    return true;
}

bool exchange_is_expected(const struct exchange *exchange, size_t nth, enum item_kind kind,
                          const unsigned char *bytes, size_t length)
{
    static const char *const kinds[] = {"nothing", "a text", "a binary message", "a ping", "a pong"};
    const struct item *item = exchange_expected(exchange, nth);

    if (item == NULL)
        return exchange_failed(exchange->name, "%s of %zu bytes came, where nothing more was expected",
                               kinds[kind], length);
    if (item->kind != kind || item->length != length)
        return exchange_failed(exchange->name, "expected %s of %zu bytes, got %s of %zu",
                               kinds[item->kind], item->length, kinds[kind], length);
    if (!has_payload(exchange, nth, bytes))
        return exchange_failed(exchange->name, "the %zu bytes came back changed", length);
    return true;
}

bool exchange_failed(const char *name, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "FAILED: %s: ", name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

static const char *running;

/* Called by the signal: only what is safe there. */
static void too_late(int number)
{
    static const char words[] = ": not over within 10 s\n";

    (void)number;
    if (write(STDERR_FILENO, "FAILED: ", 8) < 0 || write(STDERR_FILENO, running, strlen(running)) < 0 ||
        write(STDERR_FILENO, words, sizeof words - 1) < 0)
        _exit(2);
    _exit(EXIT_FAILURE);
}

void exchange_set_deadline(const char *name)
{
    alarm(0);
    running = name;
    signal(SIGALRM, too_late);
    if (name != NULL)
        alarm(DEADLINE_S);
}

static int passed_count, failed_count;

void exchange_count_result(bool passed)
{
    passed ? passed_count++ : failed_count++;
}

int exchange_end(void)
{
    printf("%d passed, %d failed\n", passed_count, failed_count);
    return passed_count == 0 || failed_count > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
