/*
 * offers.c - fuzzes deflate_negotiate: what a client offers, and what the server agrees on
 *
 * The input is the value of a Sec-WebSocket-Extensions field. A second implementation reads it by the
 * grammar of RFC 6455 section 9.1, character by character, and judges each offer by RFC 7692 section 7.
 * A value that the grammar does not allow is rejected with its request; of that, only as much is required
 * as keeps the server safe. It is run by tests/fuzz/run.sh, or alone: build/fuzz/offers FILE.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../deflate.h"
#include "script.h"

#define MOST_BYTES 2000

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static const char *next; /* the next character of the value */

static void skip_spaces(void)
{
    while (*next == ' ' || *next == '\t')
        next++;
}

static bool is_token(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Reads a token. Returns false if there is none. */
static bool take_token(char *text)
{
    char *p = text;

    while (is_token(*next))
        *p++ = *next++;
    *p = '\0';
    return p > text;
}

/* Reads a value: a token, or one in quotes. */
static bool take_value(char *text)
{
    char *p = text;

    if (*next != '"')
        return take_token(text);
    for (next++; is_token(*next) || (*next == '\\' && is_token(next[1])); next++)
        *p++ = *next == '\\' ? *++next : *next;
    *p = '\0';
    return p > text && *next++ == '"';
}

/* What is asked for; 0: it is not, -1: wrongly. */
struct asked {
    int server_takeover, client_takeover, server_bits, client_bits;
};

/* Notes a parameter that was asked for. */
static void note(int *asked, int value)
{
    *asked = *asked == 0 ? value : -1;
}

/* The number from 8 to 15 that a text is; else -1. */
static int bits_of(const char *text)
{
    static const char *const all[] = {"8", "9", "10", "11", "12", "13", "14", "15"};

    for (int i = 0; i < 8; i++)
        if (strcmp(text, all[i]) == 0)
            return 8 + i;
    return -1;
}

/* Takes a parameter; value NULL: it has none. Returns whether it is one of the four. */
static bool judge(struct asked *asked, const char *name, const char *value)
{
    if (strcmp(name, "server_no_context_takeover") == 0)
        note(&asked->server_takeover, value == NULL ? 1 : -1);
    else if (strcmp(name, "client_no_context_takeover") == 0)
        note(&asked->client_takeover, value == NULL ? 1 : -1);
    else if (strcmp(name, "server_max_window_bits") == 0)
        note(&asked->server_bits, value == NULL || strcmp(value, "8") == 0 ? -1 : bits_of(value));
    else if (strcmp(name, "client_max_window_bits") == 0)
        note(&asked->client_bits, value == NULL ? 15 : bits_of(value));
    else
        return false;
    return true;
}

/* Reads an offer. Returns false if it is malformed; *good says whether it can be accepted. */
static bool take_offer(struct asked *asked, bool *good)
{
    static char name[MOST_BYTES], value[MOST_BYTES];

    memset(asked, 0, sizeof *asked);
    if (!take_token(name))
        return false;
    *good = strcmp(name, "permessage-deflate") == 0;
    for (skip_spaces(); *next == ';'; skip_spaces()) {
        bool has_value;
        next++;
        skip_spaces();
        if (!take_token(name))
            return false;
        skip_spaces();
        has_value = *next == '=';
        if (has_value) {
            next++;
            skip_spaces();
            if (!take_value(value))
                return false;
        }
        if (!judge(asked, name, has_value ? value : NULL))
            *good = false;
    }
    if (asked->server_takeover < 0 || asked->client_takeover < 0 || asked->server_bits < 0 ||
        asked->client_bits < 0)
        *good = false;
    return *next == ',' || *next == '\0';
}

/* Reads all offers. Returns false if they are malformed; *found says whether one can be accepted. */
static bool take_offers(const char *text, struct asked *found, bool *any)
{
    struct asked asked;
    bool good;

    *any = false;
    for (next = text + strspn(text, ", \t"); *next != '\0'; next += strspn(next, ", \t")) {
        if (!take_offer(&asked, &good))
            return false;
        if (good && !*any) {
            *found = asked;
            *any = true;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static char text[MOST_BYTES];
    char wanted[200], window[40] = "";
    struct deflate agreed;
    struct asked asked = {0};
    bool any;
    unsigned wanted_bits;

    size = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, input, size);
    text[size] = '\0';
    agreed = deflate_negotiate(text);
    require(strlen(deflate_response(&agreed)) < 160, "a response for 2^%d bytes", agreed.window_bits);
    if (!take_offers(text, &asked, &any))
        return 0;
    wanted_bits = !any                                               ? 0
                  : asked.server_bits != 0 && asked.server_bits < 13 ? (unsigned)asked.server_bits
                                                                     : 13;
    require(agreed.window_bits == wanted_bits, "a window of 2^%d bytes, not 2^%u", agreed.window_bits,
            wanted_bits);
    if (asked.server_bits != 0)
        snprintf(window, sizeof window, "; server_max_window_bits=%u", wanted_bits);
    snprintf(wanted, sizeof wanted,
             "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
             "client_no_context_takeover%s\r\n",
             window);
    require(strcmp(deflate_response(&agreed), any ? wanted : "") == 0, "the response is %s, not %s",
            deflate_response(&agreed), any ? wanted : "empty");
    return 0;
}
