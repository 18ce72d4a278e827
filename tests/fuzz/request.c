/*
 * request.c - fuzzes what comes before the frames: a request is read, checked and responded to
 *
 * Each request is had twice, in one piece and cut as its script says: the outcome must be the same. If
 * the script lets main wake the server, it is had once more with that: then the outcome must be the same
 * or, if the server was woken while it read, 408 or 503.
 * A second, simple look at the bytes (struct raw, below) says which limits it keeps and what its
 * lines hold: no request may be accepted, or upgraded, that does not look right there, nor be
 * rejected for its size if that is small enough. What comes back must be a well-formed response
 * with a status that the server is known to give.
 *
 * The input is a script and the request, see script.h. It is run by tests/fuzz/run.py, or alone:
 * build/fuzz/request FILE.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../handshake.h"
#include "script.h"

/* Bytes for what is to be compared of a request: all its text, and numbers and marks beside it. */
#define TEXT_BYTES (2 * REQUEST_BYTES)

/* Bytes for a response; the server's own are shorter than 1000. */
#define RESPONSE_BYTES 2048

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* ---- the second look ---- */

/* A line as it was sent, without its end. */
struct raw_line {
    const char *text;
    size_t length;
};

static struct {
    bool whole;     /* there is an empty line at its end */
    size_t end;     /* bytes up to and with that line */
    size_t count;   /* lines, the request line first; the empty ones not counted */
    size_t longest; /* bytes of the longest line */
    size_t total;   /* bytes of all lines, one for each line's end */
    struct raw_line lines[SCRIPT_BYTES / 2];
} raw;

/* Takes the next line of the request. Returns false if there is none, or it is the last. */
static bool take_line(const char **p, const char *end)
{
    const char *line = *p, *line_end = memchr(line, '\n', (size_t)(end - line));
    size_t length = (size_t)((line_end == NULL ? end : line_end) - line);
    bool first = line == (const char *)script.bytes;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    raw.total += length + 1;
    raw.longest = length > raw.longest ? length : raw.longest;
    if (line_end == NULL)
        return false;
    *p = line_end + 1;
    raw.whole = length == 0 && !first; /* an empty line before the first one is none */
    if (length > 0)
        raw.lines[raw.count++] = (struct raw_line){line, length};
    return !raw.whole;
}

/* Looks at the request that the script has. */
static void look(void)
{
    const char *p = (const char *)script.bytes, *end = p + script.length;

    raw.whole = false;
    raw.count = raw.longest = raw.total = 0;
    while (take_line(&p, end))
        ;
    raw.end = (size_t)(p - (const char *)script.bytes);
}

/* How many header fields of that name there are; the value of the last begins at *value. */
static size_t count_headers(const char *name, const char **value)
{
    size_t length = strlen(name), found = 0;

    for (size_t i = 1; i < raw.count; i++) {
        const struct raw_line *line = &raw.lines[i];
        if (line->length <= length || strncasecmp(line->text, name, length) != 0 ||
            line->text[length] != ':')
            continue;
        found++;
        *value = line->text + length + 1;
        while (**value == ' ' || **value == '\t')
            (*value)++; /* ends at the line's end at the latest */
    }
    return found;
}

/* ---- what was read ---- */

/* What a request has led to, for comparison. */
struct outcome {
    int status;      /* as in handshake.h; or 101 */
    size_t consumed; /* bytes of the stream that were read; the others are for the frames */
    size_t text_length;
    char text[TEXT_BYTES]; /* all that the request says */
    size_t response_length;
    char response[RESPONSE_BYTES + 1];
};

/* Adds what printf would print to an outcome's text. */
static void add(struct outcome *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct outcome *outcome, const char *format, ...)
{
    size_t room = sizeof outcome->text - outcome->text_length;
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(outcome->text + outcome->text_length, room, format, arguments);
    va_end(arguments);
    require(n >= 0 && (size_t)n < room, "the request's text is longer than a request can be");
    outcome->text_length += (size_t)n;
}

/* Notes all that a request says. */
static void note_request(struct outcome *outcome, const struct request *r)
{
    add(outcome, "%s %s ?%s %d\n", r->method, r->path, r->query == NULL ? "" : r->query, r->version);
    add(outcome, "%s://%s:%u\n", r->host.scheme, r->host.host, r->host.port);
    for (size_t i = 0; i < r->header_count; i++)
        add(outcome, "%s: %s\n", r->headers[i].name, r->headers[i].value);
}

/* Requires that a header field is its line: the name, a colon, the value, and spaces around that. */
static void check_header(const struct header *header, const struct raw_line *line)
{
    size_t name = strlen(header->name), value = strlen(header->value), from = name + 1,
           to = line->length;

    require(line->length > name && memcmp(line->text, header->name, name) == 0 &&
                line->text[name] == ':',
            "a header is called %s, which its line does not say", header->name);
    while (from < to && strchr(" \t", line->text[from]) != NULL)
        from++;
    while (from < to && strchr(" \t", line->text[to - 1]) != NULL)
        to--;
    require(value == to - from && memcmp(line->text + from, header->value, value) == 0,
            "the value of %s is \"%s\", which its line does not say", header->name, header->value);
}

/* The next character of a path, percent-escape or not; *escaped: it was one. */
static int next_character(const char **path, bool *escaped)
{
    char digits[3] = {'\0'};

    *escaped =
        **path == '%' && isxdigit((unsigned char)(*path)[1]) && isxdigit((unsigned char)(*path)[2]);
    if (!*escaped)
        return (unsigned char)*(*path)++;
    memcpy(digits, *path + 1, 2);
    *path += 3;
    return (int)strtol(digits, NULL, 16);
}

/* Requires that a path is the one of the request line: the same characters, of which those that need no
 * escape have none. */
static void check_path(const char *path)
{
    const char *sent = (const char *)memchr(raw.lines[0].text, ' ', raw.lines[0].length) + 1,
               *start = path;

    if (strncasecmp(sent, "http://", 7) == 0 || strncasecmp(sent, "https://", 8) == 0) {
        sent = strstr(sent, "//") + 2;
        sent += strcspn(sent, "/? ");
    }
    if (strcspn(sent, "? ") == 0)
        sent = "/ ";
    while (*path != '\0') {
        bool escaped, sent_escaped;
        const char *at = path;
        int c = next_character(&path, &escaped), wanted = next_character(&sent, &sent_escaped);
        require(c == wanted && escaped <= sent_escaped, "the path %s is not the one that was sent",
                start);
        require(!escaped || c >= 0x80 || (!isalnum(c) && strchr("-._~", c) == NULL) || c == 0,
                "the path %s has an escape that it does not need", start);
        require(!escaped || (!islower((unsigned char)at[1]) && !islower((unsigned char)at[2])),
                "the path %s has an escape in small letters", start);
        require(escaped || !sent_escaped || isalnum(c) || strchr("-._~", c) != NULL,
                "the path %s lacks an escape", start);
    }
    require(*sent == ' ' || *sent == '?', "the path %s is only a part of the one that was sent", start);
}

/* Requires that an accepted request keeps the limits and is what was sent. */
static void check_request_kept(const struct request *r, size_t consumed)
{
    require(raw.whole && raw.count > 0 && consumed == raw.end, "%zu bytes were read of a request of %zu",
            consumed, raw.end);
    require(raw.longest <= REQUEST_LINE_BYTES, "a line of %zu bytes was accepted", raw.longest);
    require(raw.total <= REQUEST_BYTES, "a request of %zu bytes was accepted", raw.total);
    require(raw.count - 1 <= REQUEST_HEADERS, "%zu header fields were accepted", raw.count - 1);
    require(r->header_count == raw.count - 1, "%zu header fields have become %zu", raw.count - 1,
            r->header_count);
    require(r->version == 10 || (r->version > 10 && r->version < 20), "version %d", r->version);
    require(r->host.port <= 65535, "port %u", r->host.port);
    require(*r->path == '/' || strcmp(r->method, "OPTIONS") == 0 || strcmp(r->method, "CONNECT") == 0,
            "a path of \"%s\"", r->path);
    check_path(r->path);
    for (size_t i = 0; i < r->header_count; i++)
        check_header(&r->headers[i], &raw.lines[i + 1]);
    for (size_t i = 0; i < raw.count; i++)
        for (size_t k = 0; k < raw.lines[i].length; k++)
            require(!iscntrl((unsigned char)raw.lines[i].text[k]) || raw.lines[i].text[k] == '\t',
                    "a control byte in line %zu was accepted", i);
}

/* Requires that a request was upgraded for a reason. */
static void check_upgrade(void)
{
    const char *value = "";

    require(count_headers("Sec-WebSocket-Key", &value) == 1, "an upgrade without one key");
    require(strcspn(value, "=") == 22 && strncmp(value + 22, "==", 2) == 0, "an upgrade with a bad key");
    require(count_headers("Sec-WebSocket-Version", &value) == 1 && strncmp(value, "13", 2) == 0,
            "an upgrade without version 13");
    require(count_headers("Host", &value) == 1, "an upgrade without one Host");
    require(count_headers("Upgrade", &value) > 0, "an upgrade that was not asked for");
    require(count_headers("Connection", &value) > 0, "an upgrade without a Connection field");
    require(count_headers("Transfer-Encoding", &value) == 0, "an upgrade of a request with a body");
    require(count_headers("Origin", &value) <= 1, "an upgrade with several origins");
    require(strncmp(raw.lines[0].text, "GET ", 4) == 0, "an upgrade that was no GET");
}

/* Requires that a request rejected for its size has something large. */
static void check_too_large(int status)
{
    bool long_line = raw.longest > REQUEST_LINE_BYTES || raw.total > REQUEST_BYTES;

    if (status == 414)
        require(long_line, "414 for a request with no long line");
    if (status == 431)
        require(long_line || raw.count > 1 + REQUEST_HEADERS, "431 for a request within the limits");
}

/* ---- what came back ---- */

/* Requires that an accept key is right if the key is the one of RFC 6455 section 1.3. */
static void check_accept_key(const char *accept)
{
    const char *key = "";

    count_headers("Sec-WebSocket-Key", &key);
    if (strncmp(key, "dGhlIHNhbXBsZSBub25jZQ==", 24) == 0)
        require(strncmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28) == 0, "a wrong accept key: %s",
                accept);
}

/* Whether a status is one that a request alone can lead to. */
static bool is_known_status(int status)
{
    static const int known[] = {101, 400, 403, 408, 414, 426, 431, 503, 505};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == status)
            return true;
    return false;
}

/* Whether a response's head has a line that begins so. */
static const char *find_line(const char *response, const char *beginning)
{
    const char *head_end = strstr(response, "\r\n\r\n"), *found = strstr(response, beginning);

    return found != NULL && found < head_end && found[-1] == '\n' ? found + strlen(beginning) : NULL;
}

/* Requires that each line of a head is "Name: value", of printable ASCII. Returns where it ends. */
static const char *check_head(const char *line)
{
    while (strncmp(line, "\r\n", 2) != 0) {
        size_t length = strcspn(line, "\r\n"), colon = strcspn(line, ":");
        require(strncmp(line + length, "\r\n", 2) == 0, "a line of the response does not end in CR LF");
        require(colon > 0 && colon + 2 < length && line[colon + 1] == ' ',
                "a header field without a name");
        for (size_t i = 0; i < length; i++)
            require(isascii(line[i]) && isprint(line[i]), "byte %02x in the response's head", line[i]);
        line += length + 2;
    }
    return line + 2;
}

/* Requires that the body is there, and is as long as the head says. */
static void check_body(const struct outcome *outcome, const char *body, bool head_only)
{
    const char *length = find_line(outcome->response, "Content-Length: ");
    size_t got = (size_t)(outcome->response + outcome->response_length - body);

    require(length != NULL && find_line(outcome->response, "Date: ") != NULL &&
                find_line(outcome->response, "Connection: close") != NULL,
            "a rejection without Content-Length, Date or Connection: close");
    require(find_line(outcome->response, "X-Content-Type-Options: nosniff\r\n") != NULL &&
                find_line(outcome->response, "Content-Security-Policy: default-src 'self'; ") != NULL,
            "a rejection without the fields that are to protect a browser");
    require(got == (head_only ? 0 : strtoul(length, NULL, 10)), "a body of %zu bytes", got);
    for (size_t i = 0; i < got; i++)
        require(isascii(body[i]) && (isprint(body[i]) != 0) == (i + 1 < got), "byte %02x in the body",
                body[i]);
}

/* Requires that what came back is the response of its status. */
static void check_response(const struct outcome *outcome, bool head_only)
{
    const char *response = outcome->response, *body;
    char wanted[32];

    snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", outcome->status);
    require(is_known_status(outcome->status), "status %d", outcome->status);
    require(strlen(response) == outcome->response_length, "a null byte in the response");
    require(strncmp(response, wanted, strlen(wanted)) == 0, "not a response %d: %s", outcome->status,
            response);
    body = check_head(response + strcspn(response, "\n") + 1);
    if (outcome->status == 426)
        require(find_line(response, "Sec-WebSocket-Version: 13\r\n") != NULL, "426 without a version");
    if (outcome->status != 101) {
        check_body(outcome, body, head_only);
        return;
    }
    require(*body == '\0', "something follows the 101");
    require(find_line(response, "Upgrade: websocket\r\n") != NULL &&
                find_line(response, "Connection: Upgrade\r\n") != NULL,
            "a 101 without Upgrade or Connection");
    response = find_line(response, "Sec-WebSocket-Accept: ");
    require(response != NULL && strcspn(response, "=\r") == 27 &&
                strncmp(response + 27, "=\r\n", 3) == 0,
            "a 101 without an accept key");
    check_accept_key(response);
}

/* ---- a request ---- */

/* Responds to a request that was read, as server.c does for /echo. Returns 0, or -1 if it is rejected. */
static int respond(struct request *r)
{
    static const struct origin allowed = {"https", "example.com", 443};

    if (!handshake_is_upgrade(r)) {
        r->status = 426;
        return -1;
    }
    if (handshake_check(r, &allowed, 1) != 0)
        return -1;
    check_upgrade();
    require(handshake_switch(r, 0) == 0, "the 101 was not written");
    return 0;
}

/* Notes the end of a request: its status, what was read, and what came back. */
static void note_end(struct outcome *outcome, struct stream *s, struct request *r)
{
    bool head_only = r->method != NULL && strcmp(r->method, "HEAD") == 0;

    outcome->consumed = script.given - stream_waiting(s);
    add(outcome, "%s\n", r->reason == NULL ? "" : r->reason);
    if (outcome->status >= 400)
        handshake_reject(r);
    stream_linger(s);
    require(script.no_more_out, "the server has not ended its direction");
    require(script.out_length <= RESPONSE_BYTES, "a response of %zu bytes", script.out_length);
    outcome->response_length = script.out_length;
    memcpy(outcome->response, script.out, script.out_length);
    outcome->response[script.out_length] = '\0';
    if (outcome->status != 0)
        check_response(outcome, head_only);
    else
        require(script.out_length == 0, "a response to nobody");
}

/* What the server has noticed while it read, if anything; and how many bytes had been given then. */
static enum stream_cause noticed;
static size_t noticed_at;

static void note_noticed(enum stream_cause wake)
{
    noticed = wake;
    noticed_at = script.given;
}

/* Has the script's request, whole or cut, with what main stores meanwhile or without, and notes what it
 * leads to. */
static void have_request(struct outcome *outcome, bool whole, bool wakes)
{
    struct stream *s = malloc(sizeof *s);
    struct trace_source source;
    struct request r = {.stream = s, .source = &source};

    require(s != NULL, "there is no memory for a stream");
    script_start(s, whole);
    script.no_wakes = !wakes;
    script.on_noticed = note_noticed;
    noticed = STREAM_OK;
    trace_open(&source, 1, "127.0.0.1:50312");
    stream_open(s, SCRIPT_FD);
    outcome->text_length = 0;
    outcome->status = 101;
    if (request_read(&r) != 0) {
        outcome->status = r.status;
    } else {
        check_request_kept(&r, script.given - stream_waiting(s));
        note_request(outcome, &r);
        if (respond(&r) != 0)
            outcome->status = r.status;
    }
    script_note_wake();
    script.on_noticed = NULL;
    script.no_wakes = true;
    require(outcome->status == 0 || outcome->status == 101 || r.status != 0, "-1 without a status");
    check_too_large(outcome->status);
    note_end(outcome, s, &r);
    request_free(&r);
    stream_close(s);
    free(s);
}

/* Requires that two outcomes are the same. */
static void compare_outcomes(const struct outcome *whole, const struct outcome *cut)
{
    require(whole->status == cut->status, "status %d whole, but %d cut", whole->status, cut->status);
    require(whole->consumed == cut->consumed, "%zu bytes read whole, but %zu cut", whole->consumed,
            cut->consumed);
    require(whole->text_length == cut->text_length &&
                memcmp(whole->text, cut->text, cut->text_length) == 0,
            "whole, the request says\n%s\nbut cut\n%s", whole->text, cut->text);
    require(strcmp(whole->response, cut->response) == 0, "whole, the response is\n%s\nbut cut\n%s",
            whole->response, cut->response);
}

/* Requires that a request which main has woken the server from has led to what it should; one that it
 * has not, to the same as without. */
static void check_woken(const struct outcome *outcome, const struct outcome *without)
{
    if (noticed == STREAM_OK)
        compare_outcomes(without, outcome);
    else if (noticed == STREAM_IDLE)
        require(outcome->status == 408, "status %d after an idle time", outcome->status);
    else
        require(outcome->status == (noticed_at == 0 ? 0 : 503), "status %d at a stop", outcome->status);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static struct outcome whole, cut, woken;

    script_read(input, size);
    look();
    script_begin_trace();
    have_request(&whole, true, false);
    have_request(&cut, false, false);
    compare_outcomes(&whole, &cut);
    if (whole.status == 0)
        require(script.breaks || script.length == 0, "a request without a response");
    if (script.wakes_left_out > 0) {
        have_request(&woken, false, true);
        check_woken(&woken, &cut);
    }
    script_end_trace();
    return 0;
}
