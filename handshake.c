/*
 * handshake.c - reads a request line by line, checks it, and responds to it
 *
 * The order of this file is the order of events: lines, request, response, upgrade check, accept
 * key, 101. See handshake.h for what the calls promise.
 */
#include "handshake.h"

#include <b64/cencode.h>
#include <ctype.h>
#include <sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <time.h>

/* Bytes of a response's head, and of the 101's, which is short and keeps a worker's stack small: the
 * fields are ours. */
#define RESPONSE_HEAD_BYTES 1024
#define SWITCH_HEAD_BYTES 320

/* What every response but the 101 says to a browser: do not guess types; load only what is ours, and
 * open WebSockets; let no page of another origin put this one in a frame, use its files, or learn from
 * which page somebody came. */
#define SAFETY_FIELDS \
    "X-Content-Type-Options: nosniff\r\n" \
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; " \
    "form-action 'none'; frame-ancestors 'none'\r\n" \
    "Cross-Origin-Resource-Policy: same-origin\r\n" \
    "Cross-Origin-Opener-Policy: same-origin\r\n" \
    "Referrer-Policy: no-referrer\r\n"

/* ---- the request ---- */

/* Lesson 4, provided. Stores why a request is rejected. Always returns -1. */
static int fail(struct request *r, int status, const char *reason)
{
    r->status = status;
    r->reason = reason;
    return -1;
}

/* Lesson 4, provided. Whether a character may be in a token: RFC 9110 section 5.6.2. */
static bool is_token_character(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Lesson 4, provided. The length of the token at the beginning of `text`; 0: there is none. */
static size_t token_length(const char *text)
{
    size_t n = 0;

    while (is_token_character(text[n]))
        n++;
    return n;
}

/* Lesson 4, provided. Rejects a request one of whose lines could not be read, if anybody is there to be
 * told. `too_long` is the status for a line that is too long. Always returns -1. */
static int fail_line(struct request *r, int too_long)
{
    switch (r->stream->cause) {
    case STREAM_EOF:
        return fail(r, 400, "The request ended before its empty line.");
    case STREAM_IDLE:
        return fail(r, 408, "The request did not arrive in time.");
    case STREAM_STOPPING:
        return fail(r, 503, "The server is stopping.");
    case STREAM_NOT_TEXT:
        return fail(r, 400, "A line holds a control character; is this HTTP?");
    case STREAM_TOO_LONG:
        return fail(r, too_long,
                    too_long == 414 ? "The request line is too long."
                                    : "The header fields are too long.");
    default:
        return -1;
    }
}

/* Lesson 4, provided. Whether a client of which no byte has been read does not want anything: it left
 * without a word, or the server stops before it has sent something. */
static bool has_not_asked(const struct stream *s)
{
    return s->cause == STREAM_EOF || (s->cause == STREAM_STOPPING && stream_is_idle(s));
}

/* Lesson 4, provided. Reads one line of the request to the end of its text, within the limits. `too_long`
 * is the status for a line that is longer. */
static int read_line(struct request *r, int too_long, char **line)
{
    size_t room = REQUEST_BYTES - r->used, length;
    enum stream_cause *cause = &r->stream->cause;
    int result;

    if (room > REQUEST_LINE_BYTES + 1)
        room = REQUEST_LINE_BYTES + 1;
    *line = r->text + r->used;
    result = stream_read_line(r->stream, *line, room + 1, &length); /* + 1 for a CR, which is dropped */
    if (result == 0 || length > 0)
        trace_line(r->source, TRACE_IN, *line, length);
    if (result != 0 && r->used + length == 0 && has_not_asked(r->stream))
        return -1;
    if (result == 0 && length + 1 > room) {
        *cause = STREAM_TOO_LONG;
        result = -1;
    }
    if (result != 0)
        return fail_line(r, too_long);
    r->used += length + 1;
    return 0;
}

/* Lesson 4, provided. Makes one spelling of all spellings of a path: an escaped letter, digit, "-", ".",
 * "_" or "~" is that character (RFC 9110 section 4.2.3), and other escapes have capital digits. -1: a "%"
 * begins no escape (RFC 3986 section 2.1). */
static int normalize(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0'; from++) {
        *to++ = *from;
        if (*from != '%')
            continue;
        if (!isxdigit((unsigned char)from[1]) || !isxdigit((unsigned char)from[2]))
            return -1;
        int c = (int)strtol((char[]){from[1], from[2], '\0'}, NULL, 16);
        if (isalnum(c) || (c != 0 && strchr("-._~", c) != NULL)) {
            to[-1] = (char)c;
        } else {
            *to++ = (char)toupper((unsigned char)from[1]);
            *to++ = (char)toupper((unsigned char)from[2]);
        }
        from += 2;
    }
    *to = '\0';
    return 0;
}

/* Lesson 4, provided. Takes a target apart: "/echo?x=1", or "http://host/echo?x=1": the path is "/echo". */
static int parse_target(struct request *r, char *target)
{
    char *path = target, *query;

    r->host = (struct origin){.scheme = "http", .port = 80};
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        char *authority = strstr(target, "//") + 2;
        path = authority + strcspn(authority, "/?");
        if (origin_parse_authority(authority, (size_t)(path - authority), &r->host) != 0)
            return fail(r, 400, "The target names no valid host.");
    } else if (*target != '/' && strcmp(r->method, "OPTIONS") != 0 &&
               strcmp(r->method, "CONNECT") != 0) { /* these two have forms of their own */
        return fail(r, 400, "The target must begin with a slash.");
    }
    query = path + strcspn(path, "?");
    r->query = *query == '?' ? query + 1 : NULL;
    *query = '\0';
    if (normalize(path) != 0)
        return fail(r, 400, "A % in the path must be followed by two hex digits.");
    r->path = *path == '\0' ? "/" : path;
    return 0;
}

/* Lesson 4. Takes the request line apart: "GET /echo HTTP/1.1", with one space between each. */
static int parse_request_line(struct request *r, char *line)
{
    char *method_end = line + token_length(line), *target = method_end + 1, *version;

    if (method_end == line || *method_end != ' ')
        return fail(r, 400, "A request line must begin with a method, such as GET.");
    version = target;
    while (*version > ' ' && *version < 0x7f && *version != '#')
        version++;
    if (version == target || *version != ' ')
        return fail(r, 400, "A request line must name a target, such as /echo.");
    *version++ = '\0';
    if (strncmp(version, "HTTP/", 5) != 0 || !isdigit((unsigned char)version[5]) || version[6] != '.' ||
        !isdigit((unsigned char)version[7]) || version[8] != '\0')
        return fail(r, 400, "A request line must end with a version, such as HTTP/1.1.");
    *method_end = '\0';
    r->method = line;
    r->version = (version[5] - '0') * 10 + (version[7] - '0');
    return parse_target(r, target);
}

/* Lesson 4. Takes a header field apart: a name, a colon, and a value with or without spaces around it. */
static int parse_header(struct request *r, char *line)
{
    size_t name = token_length(line);
    char *value, *end;

    if (name == 0 || line[name] != ':') /* also a space before the colon, and a folded line */
        return fail(r, 400, "A header field must be a name, a colon and a value.");
    if (r->header_count == REQUEST_HEADERS)
        return fail(r, 431, "There are too many header fields.");
    line[name] = '\0';
    value = line + name + 1 + strspn(line + name + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    r->headers[r->header_count++] = (struct header){.name = line, .value = value};
    return 0;
}

/* Lesson 4. The nth value of a header; its name is case-insensitive (RFC 9110 5.1). */
const char *request_header(const struct request *r, const char *name, size_t nth)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0 && nth-- == 0)
            return r->headers[i].value;
    return NULL;
}

/* Lesson 4, provided. Checks what holds for every request: version, one Host, a length that is known. */
static int check_request(struct request *r)
{
    const char *host = request_header(r, "Host", 0);
    const char *length = request_header(r, "Content-Length", 0);
    const char *coding = request_header(r, "Transfer-Encoding", 0);
    struct origin named = {.scheme = "http", .port = 80};

    if (r->version / 10 != 1)
        return fail(r, 505, "This server speaks HTTP/1.1.");
    if (request_header(r, "Host", 1) != NULL || (host == NULL && r->version > 10))
        return fail(r, 400, "There must be exactly one Host field."); /* RFC 9112 section 3.2 */
    if (host != NULL && origin_parse_authority(host, strlen(host), &named) != 0)
        return fail(r, 400, "The Host field holds no valid host.");
    if (r->host.host[0] == '\0') /* a host in the target goes first: RFC 9112 section 3.2.2 */
        r->host = named;
    if (length != NULL && (*length == '\0' || length[strspn(length, "0123456789")] != '\0' ||
                           request_header(r, "Content-Length", 1) != NULL))
        return fail(r, 400, "The Content-Length is not one number."); /* RFC 9112 section 6.3 */
    if (coding != NULL &&
        (strcasecmp(coding, "chunked") != 0 || request_header(r, "Transfer-Encoding", 1) != NULL))
        return fail(r, 400, "The Transfer-Encoding is not chunked alone."); /* the same section */
    return 0;
}

/* Lesson 4. Reads a whole request: its first line, then header fields up to the empty line. */
int request_read(struct request *r)
{
    char *line;

    r->text = malloc(REQUEST_BYTES + 1); /* + 1: see read_line */
    r->headers = malloc(REQUEST_HEADERS * sizeof *r->headers);
    if (r->text == NULL || r->headers == NULL)
        return fail(r, 503, "The server is out of memory.");
    if (read_line(r, 414, &line) != 0)
        return -1;
    if (*line == '\0' && read_line(r, 414, &line) != 0) /* one is forgiven: RFC 9112 section 2.2 */
        return -1;
    if (parse_request_line(r, line) != 0)
        return -1;
    for (;;) {
        if (read_line(r, 431, &line) != 0)
            return -1;
        if (*line == '\0')
            return check_request(r);
        if (parse_header(r, line) != 0)
            return -1;
    }
}

/* Lesson 4, provided. Gives the request's memory back. */
void request_free(struct request *r)
{
    free(r->text);
    free(r->headers);
    r->text = NULL;
    r->headers = NULL;
    r->method = NULL;
    r->header_count = 0;
}

/* ---- the response ---- */

/* What the server may respond: status, its name, and for rejections what else belongs to it. */
static const struct status {
    int number;
    const char *name, *headers, *sentence;
} statuses[] = {
    {200, "OK", "", ""},
    {400, "Bad Request", "", "The request is not valid."},
    {403, "Forbidden", "", "Pages of this origin may not connect."},
    {404, "Not Found", "", "There is nothing at this address."},
    {405, "Method Not Allowed", "Allow: GET, HEAD\r\n", "This server knows GET and HEAD only."},
    {408, "Request Timeout", "", "The request did not arrive in time."},
    {414, "URI Too Long", "", "The request line is too long."},
    {426, "Upgrade Required",
     "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
     "This address speaks the WebSocket protocol, version 13."},
    {431, "Request Header Fields Too Large", "", "The header fields are too long."},
    {503, "Service Unavailable", "", "The server is full; please try again later."},
    {505, "HTTP Version Not Supported", "", "This server speaks HTTP/1.1."},
    {500, "Internal Server Error", "", "The server cannot respond to this now."}, /* the last one */
};

/* Lesson 5, provided. Looks a status up; one that is not in the table is a mistake of ours: 500. */
static const struct status *find_status(int number)
{
    size_t i = 0;

    while (statuses[i].number != number && statuses[i].number != 500)
        i++;
    return &statuses[i];
}

/* Lesson 5, provided. Writes a head that is complete, and records its lines. */
static int write_head(struct request *r, const char *head, unsigned flags)
{
    int result = stream_write(r->stream, head, strlen(head), NULL, 0, flags);

    while (result == 0 && *head != '\0') {
        size_t length = strcspn(head, "\r");
        trace_line(r->source, TRACE_OUT, head, length);
        head += length + strlen("\r\n");
    }
    return result;
}

/* Lesson 5, provided. Writes a response's head: status line, header fields, and the empty line. */
int handshake_respond(struct request *r, int status, const char *extra, const char *type, size_t length)
{
    char head[RESPONSE_HEAD_BYTES], date[sizeof "Sun, 06 Nov 1994 08:49:37 GMT"];
    time_t now = time(NULL);
    struct tm parts;

    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-cache\r\nConnection: close\r\n" SAFETY_FIELDS "%s\r\n",
             status, find_status(status)->name, date, type, length, extra);
    return write_head(r, head, STREAM_MORE);
}

/* Lesson 5. Rejects a request: a status, and a sentence that a person can act on. */
void handshake_reject(struct request *r)
{
    const struct status *status = find_status(r->status);
    const char *sentence = r->reason != NULL ? r->reason : status->sentence;
    size_t length = strlen(sentence);
    int result;

    trace_note(r->source, TRACE_ERROR, sentence);
    result =
        handshake_respond(r, status->number, status->headers, "text/plain; charset=utf-8", length + 1);
    if (result == 0 && (r->method == NULL || strcmp(r->method, "HEAD") != 0))
        stream_write(r->stream, sentence, length, "\n", 1, 0);
}

/* ---- is it an upgrade? ---- */

/* Lesson 6. Whether a header lists a token: "Connection: keep-alive, Upgrade" lists two. */
bool request_lists(const struct request *r, const char *name, const char *token)
{
    const char *p;

    for (size_t nth = 0; (p = request_header(r, name, nth)) != NULL; nth++)
        for (; *p != '\0'; p += strcspn(p, ","), p += *p == ',' ? 1 : 0) {
            p += strspn(p, " \t");
            size_t length = token_length(p), spaces = strspn(p + length, " \t");
            bool whole = p[length + spaces] == ',' || p[length + spaces] == '\0';
            if (whole && length == strlen(token) && strncasecmp(p, token, length) == 0)
                return true;
        }
    return false;
}

/* Lesson 6. Whether a request asks for a WebSocket at all. The server runs without it: every
 * request is a plain one then. */
bool handshake_is_upgrade(const struct request *r)
{
    return strcmp(r->method, "GET") == 0 && r->version >= 11 && request_lists(r, "Upgrade", "websocket");
}

/* Lesson 6, provided. Skips a parameter's value, a token or a token in quotes, where a backslash
 * may stand before any byte; NULL: neither. */
static const char *skip_value(const char *p)
{
    size_t quote = *p == '"' ? 1 : 0, length = 0;

    for (p += quote; is_token_character(*p) || (quote > 0 && *p == '\\' && is_token_character(p[1]));
         length++)
        p += *p == '\\' ? 2 : 1;
    if (length == 0 || (quote > 0 && *p != '"'))
        return NULL;
    return p + quote;
}

/* Lesson 6, provided. Skips a name, or "name; parameter; parameter=value" where there may be
 * parameters, and the spaces after it; NULL: there is none (RFC 6455 section 9.1). */
static const char *skip_name(const char *p, bool parameters)
{
    size_t length = token_length(p);

    p += length + strspn(p + length, " \t");
    while (parameters && length > 0 && *p == ';') {
        p += 1 + strspn(p + 1, " \t");
        length = token_length(p);
        p += length + strspn(p + length, " \t");
        if (*p == '=' && (p = skip_value(p + 1 + strspn(p + 1, " \t"))) == NULL)
            return NULL;
        p += strspn(p, " \t");
    }
    return length > 0 ? p : NULL;
}

/* Lesson 6, provided. Whether every header field of that name is a list of names, with parameters or
 * not. What is offered there is declined by saying nothing, but it must be well formed all the same. */
static bool is_list(const struct request *r, const char *name, bool parameters)
{
    const char *p;

    for (size_t nth = 0; (p = request_header(r, name, nth)) != NULL; nth++) {
        p += strspn(p, ", \t");
        do {
            p = skip_name(p, parameters);
            if (p == NULL || (*p != ',' && *p != '\0'))
                return false;
            p += strspn(p, ", \t");
        } while (*p != '\0');
    }
    return true;
}

/* Lesson 6. Whether a key is 16 bytes in Base64: 22 characters and "==" (RFC 6455 section 4.1). */
static bool is_key(const char *key)
{
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return strspn(key, characters) == 22 && strcmp(key + 22, "==") == 0;
}

/* Lesson 6. Checks which site's page is asking. A browser always says so; other programs need
 * not, and could lie. So this protects people's browsers, not the server (RFC 6455 section 10.2). */
static int check_origin(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *text = request_header(r, "Origin", 0);
    struct origin origin;

    if (text == NULL)
        return 0;
    if (request_header(r, "Origin", 1) != NULL || origin_parse(text, &origin) != 0)
        return fail(r, 403, "The Origin field names no single origin.");
    for (size_t i = 0; i < allowed_count; i++)
        if (origin_is_same(&origin, &allowed[i]))
            return 0;
    if (origin_is_same(&origin, &r->host) && origin_is_local_or_address(&origin))
        return 0;
    return fail(r, 403,
                "Pages of this origin may not connect. To let them, start the server with --origin.");
}

/* Lesson 6. Checks a request that asks for a WebSocket: RFC 6455 section 4.2.1. The version first:
 * its status tells the client which one to use (section 4.4). */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *version = request_header(r, "Sec-WebSocket-Version", 0);
    const char *key = request_header(r, "Sec-WebSocket-Key", 0);
    const char *length = request_header(r, "Content-Length", 0);

    if (version == NULL || strcmp(version, "13") != 0 ||
        request_header(r, "Sec-WebSocket-Version", 1) != NULL)
        return fail(r, 426, "The Sec-WebSocket-Version must be 13.");
    if (!request_lists(r, "Connection", "upgrade"))
        return fail(r, 400, "The Connection field does not list Upgrade.");
    if (key == NULL || request_header(r, "Sec-WebSocket-Key", 1) != NULL || !is_key(key))
        return fail(r, 400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64.");
    if (request_header(r, "Transfer-Encoding", 0) != NULL ||
        (length != NULL && length[strspn(length, "0")] != '\0'))
        return fail(r, 400, "A request for an upgrade must not have a body.");
    if (!is_list(r, "Sec-WebSocket-Extensions", true) || !is_list(r, "Sec-WebSocket-Protocol", false))
        return fail(r, 400, "A list of extensions or subprotocols is malformed.");
    return check_origin(r, allowed, allowed_count);
}

/* ---- the accept key ---- */

/* Lesson 7. Makes the accept key: the key and the GUID, through SHA-1, written in Base64. It
 * shows the client that we speak WebSocket and have read this request; it keeps nothing secret. */
void handshake_accept_key(const char *key, char accept[ACCEPT_KEY_BYTES])
{
    static const char text[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 section 1.3 */
    unsigned char digest[SHA1_DIGEST_LENGTH];
    base64_encodestate base64;
    SHA1_CTX sha1;
    int n;

    SHA1Init(&sha1);
    SHA1Update(&sha1, (const unsigned char *)key, strlen(key));
    SHA1Update(&sha1, (const unsigned char *)text, strlen(text));
    SHA1Final(digest, &sha1);
    base64_init_encodestate(&base64);
    n = base64_encode_block((const char *)digest, sizeof digest, accept, &base64);
    base64_encode_blockend(accept + n, &base64);
    accept[ACCEPT_KEY_BYTES - 1] = '\0'; /* in place of the newline that libb64 puts at the end */
}

/* ---- switching protocols ---- */

/* Lesson 15, provided. Looks through the offers, which may come in several fields (RFC 6455 section
 * 9.1), for one to accept. */
void handshake_negotiate(struct request *r)
{
    const char *offers;
    size_t nth = 0;

    while (r->deflate.window_bits == 0 &&
           (offers = request_header(r, "Sec-WebSocket-Extensions", nth++)) != NULL)
        r->deflate = deflate_negotiate(offers);
}

/* Lesson 8. Writes the response 101: from here on, both sides speak in frames. What the request offered
 * and we leave out (subprotocols, extensions but the one that was agreed on) is declined by that. */
int handshake_switch(struct request *r, unsigned flags)
{
    char head[SWITCH_HEAD_BYTES], accept[ACCEPT_KEY_BYTES];

    handshake_accept_key(request_header(r, "Sec-WebSocket-Key", 0), accept);
    snprintf(head, sizeof head,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
             accept, deflate_response(&r->deflate));
    return write_head(r, head, flags);
}
