/*
 * handshake.c - reads a request line by line, checks it, and answers it
 *
 * The order of this file is the order of events: lines, request, response, upgrade check, accept
 * key, 101. See handshake.h for what the calls promise.
 */
#include "handshake.h"

#include "wire.h"

#include <arpa/inet.h>
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
 * lines are ours. */
#define RESPONSE_HEAD_BYTES 512
#define SWITCH_HEAD_BYTES 160

/* ---- the request ---- */

/* Lesson 4, given. Notes what is wrong with a request, and answers the status to refuse it with. */
static int wrong(struct request *r, int status, const char *problem)
{
    r->problem = problem;
    return status;
}

/* Lesson 4, given. Whether a byte may stand in a token: RFC 9110 section 5.6.2. */
static bool is_token_byte(char byte)
{
    return isalnum((unsigned char)byte) || (byte != '\0' && strchr("!#$%&'*+-.^_`|~", byte));
}

/* Lesson 4, given. The length of the token that `text` begins with; 0: it begins with none. */
static size_t token_length(const char *text)
{
    size_t n = 0;

    while (is_token_byte(text[n]))
        n++;
    return n;
}

/* Lesson 4, given. The status for a line that could not be read; 0 is the good result here too. */
static int line_status(struct request *r, int result, int too_long)
{
    switch (result) {
    case STREAM_END:
        return wrong(r, 400, "The request ended before its empty line.");
    case STREAM_TIMEOUT:
        return wrong(r, 408, "The request did not arrive in time.");
    case STREAM_NOT_TEXT:
        return wrong(r, 400, "A line holds a control byte; is this HTTP?");
    case STREAM_TOO_LONG:
        return wrong(r, too_long,
                     too_long == 414 ? "The request line is too long."
                                     : "The header lines are too long.");
    default:
        return result;
    }
}

/* Lesson 4. Reads one line of the request to the end of its text, within the limits. */
static int read_line(struct request *r, struct stream *s, int too_long, char **line)
{
    size_t room = REQUEST_BYTES - r->used, length;
    int result;

    if (room > REQUEST_LINE_BYTES + 1)
        room = REQUEST_LINE_BYTES + 1;
    *line = r->text + r->used;
    result = stream_read_line(s, *line, room + 1, &length); /* + 1 for a CR, which does not stay */
    if (result == 0 || length > 0)
        wire_line(s->tap, WIRE_IN, *line, length);
    if (result == STREAM_END && r->used == 0 && length == 0)
        return STREAM_END; /* a visitor who left without a word: no one to answer */
    if (result == 0 && length + 1 > room)
        result = STREAM_TOO_LONG;
    if (result == 0)
        r->used += length + 1;
    return line_status(r, result, too_long);
}

/* Lesson 4, given. Reads the end of an authority, "" or ":8080"; "" leaves the port as it is. */
static int parse_port(const char *text, unsigned *port)
{
    size_t digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;

    if (*text == '\0')
        return 0;
    if (*text != ':' || digits > 5 || text[1 + digits] != '\0')
        return -1;
    if (digits > 0)
        *port = (unsigned)strtoul(text + 1, NULL, 10);
    return *port > 65535 ? -1 : 0;
}

/* Lesson 4, given. Whether each % in a name begins an escape of two hex digits: RFC 3986
 * section 2.1. */
static bool escapes_are_whole(const char *text)
{
    while ((text = strchr(text, '%')) != NULL) {
        if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
            return false;
        text++;
    }
    return true;
}

/* Lesson 4, given. Reads a host, a name or an address in brackets: RFC 3986 section 3.2.2. */
static int parse_host(const char *text, char host[HOST_BYTES + 1])
{
    static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~%!$&'()*+,;=";
    size_t length = strlen(text);
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;

    if (length == 0 || length > HOST_BYTES)
        return -1;
    if (*text == '[') {
        snprintf(address, sizeof address, "%.*s", (int)strcspn(text + 1, "]"), text + 1);
        if (strcspn(text, "]") != length - 1 || inet_pton(AF_INET6, address, &ignored) != 1)
            return -1;
    } else if (strspn(text, name_bytes) != length || !escapes_are_whole(text)) {
        return -1;
    }
    for (size_t i = 0; i <= length; i++)
        host[i] = (char)tolower((unsigned char)text[i]);
    return 0;
}

/* Lesson 4, given. Reads "host", "host:8080" or "[::1]:8080", the first `length` bytes of a text.
 * Answers 0, or -1: it is none. */
static int parse_authority(const char *text, size_t length, struct origin *origin)
{
    char copy[HOST_BYTES + sizeof ":65535"], *port = copy;

    if (length >= sizeof copy)
        return -1;
    snprintf(copy, sizeof copy, "%.*s", (int)length, text);
    if (*copy == '[') /* the colons inside the brackets belong to the address */
        port += strcspn(copy, "]");
    port += strcspn(port, ":");
    if (parse_port(port, &origin->port) != 0)
        return -1;
    *port = '\0';
    return parse_host(copy, origin->host);
}

/* Lesson 4, given. Takes a target apart: "/echo?x=1", or "http://host/echo?x=1": the path is "/echo". */
static int parse_target(struct request *r, char *target)
{
    char *path = target, *query;

    r->host = (struct origin){.scheme = "http", .port = 80};
    if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
        char *authority = strstr(target, "//") + 2;
        path = authority + strcspn(authority, "/?");
        if (parse_authority(authority, (size_t)(path - authority), &r->host) != 0)
            return wrong(r, 400, "The target names no valid host.");
    } else if (*target != '/' && strcmp(r->method, "OPTIONS") != 0 &&
               strcmp(r->method, "CONNECT") != 0) { /* these two have forms of their own */
        return wrong(r, 400, "The target must begin with a slash.");
    }
    query = path + strcspn(path, "?");
    r->query = *query == '?' ? query + 1 : NULL;
    *query = '\0';
    r->path = *path == '\0' ? "/" : path;
    return 0;
}

/* Lesson 4. Takes the request line apart: "GET /echo HTTP/1.1", with one space between each. */
static int parse_request_line(struct request *r, char *line)
{
    char *method_end = line + token_length(line), *target = method_end + 1, *version;

    if (method_end == line || *method_end != ' ')
        return wrong(r, 400, "A request line must begin with a method, such as GET.");
    version = target;
    while (*version > ' ' && *version < 0x7f && *version != '#')
        version++;
    if (version == target || *version != ' ')
        return wrong(r, 400, "A request line must name a target, such as /echo.");
    *version++ = '\0';
    if (strncmp(version, "HTTP/", 5) != 0 || !isdigit((unsigned char)version[5]) || version[6] != '.' ||
        !isdigit((unsigned char)version[7]) || version[8] != '\0')
        return wrong(r, 400, "A request line must end with a version, such as HTTP/1.1.");
    *method_end = '\0';
    r->method = line;
    r->version = (version[5] - '0') * 10 + (version[7] - '0');
    return parse_target(r, target);
}

/* Lesson 4. Takes a header line apart: a name, a colon, a value with blanks around it or none. */
static int parse_header(struct request *r, char *line)
{
    size_t name = token_length(line);
    char *value, *end;

    if (name == 0 || line[name] != ':') /* also a blank before the colon, and a folded line */
        return wrong(r, 400, "A header line must be a name, a colon and a value.");
    if (r->header_count == REQUEST_HEADERS)
        return wrong(r, 431, "There are too many header lines.");
    line[name] = '\0';
    value = line + name + 1 + strspn(line + name + 1, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = '\0';
    r->headers[r->header_count++] = (struct header){.name = line, .value = value};
    return 0;
}

/* Lesson 4. The nth value of a header; its name may be written in any case (RFC 9110 5.1). */
const char *request_header(const struct request *r, const char *name, size_t nth)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0 && nth-- == 0)
            return r->headers[i].value;
    return NULL;
}

/* Lesson 4, given. Checks what every request must keep: version, one Host, a length that is known. */
static int check_request(struct request *r)
{
    const char *host = request_header(r, "Host", 0);
    const char *length = request_header(r, "Content-Length", 0);
    const char *coding = request_header(r, "Transfer-Encoding", 0);
    struct origin named = {.scheme = "http", .port = 80};

    if (r->version / 10 != 1)
        return wrong(r, 505, "This server speaks HTTP/1.1.");
    if (request_header(r, "Host", 1) != NULL || (host == NULL && r->version > 10))
        return wrong(r, 400, "There must be exactly one Host line."); /* RFC 9112 section 3.2 */
    if (host != NULL && parse_authority(host, strlen(host), &named) != 0)
        return wrong(r, 400, "The Host line holds no valid host.");
    if (r->host.host[0] == '\0') /* a host in the target goes first: RFC 9112 section 3.2.2 */
        r->host = named;
    if (length != NULL && (*length == '\0' || length[strspn(length, "0123456789")] != '\0' ||
                           request_header(r, "Content-Length", 1) != NULL))
        return wrong(r, 400, "The Content-Length is not one number."); /* RFC 9112 section 6.3 */
    if (coding != NULL &&
        (strcasecmp(coding, "chunked") != 0 || request_header(r, "Transfer-Encoding", 1) != NULL))
        return wrong(r, 400, "The Transfer-Encoding is not chunked alone."); /* the same section */
    return 0;
}

/* Lesson 4. Reads a whole request: its first line, then header lines up to the empty line. */
int request_read(struct request *r, struct stream *s)
{
    char *line;
    int status;

    *r = (struct request){.text = malloc(REQUEST_BYTES + 1), /* + 1: see read_line */
                          .headers = malloc(REQUEST_HEADERS * sizeof *r->headers)};
    if (r->text == NULL || r->headers == NULL)
        return wrong(r, 503, "The server is out of memory.");
    status = read_line(r, s, 414, &line);
    if (status == 0 && *line == '\0') /* one empty line before is forgiven: RFC 9112 section 2.2 */
        status = read_line(r, s, 414, &line);
    if (status == 0)
        status = parse_request_line(r, line);
    while (status == 0 && (status = read_line(r, s, 431, &line)) == 0 && *line != '\0')
        status = parse_header(r, line);
    return status == 0 ? check_request(r) : status;
}

/* Lesson 4, given. Gives the request's memory back. */
void request_free(struct request *r)
{
    free(r->text);
    free(r->headers);
    *r = (struct request){.text = NULL};
}

/* ---- the response ---- */

/* What the server may answer: status, its name, and for refusals what else belongs to it. */
static const struct status {
    int number;
    const char *name, *headers, *sentence;
} statuses[] = {
    {200, "OK", "", ""},
    {400, "Bad Request", "", "The request is not valid."},
    {403, "Forbidden", "", "Pages of this origin may not connect."},
    {404, "Not Found", "", "There is nothing at this address."},
    {405, "Method Not Allowed", "Allow: GET, HEAD\r\n", "Only GET and HEAD are answered here."},
    {408, "Request Timeout", "", "The request did not arrive in time."},
    {414, "URI Too Long", "", "The request line is too long."},
    {426, "Upgrade Required",
     "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
     "This address speaks the WebSocket protocol, version 13."},
    {431, "Request Header Fields Too Large", "", "The header lines are too long."},
    {503, "Service Unavailable", "", "The server is full; please try again later."},
    {505, "HTTP Version Not Supported", "", "This server speaks HTTP/1.1."},
    {500, "Internal Server Error", "", "The server cannot answer this now."}, /* the last one */
};

/* Lesson 5, given. Looks a status up; one that is not in the table is a mistake of ours: 500. */
static const struct status *find_status(int number)
{
    size_t i = 0;

    while (statuses[i].number != number && statuses[i].number != 500)
        i++;
    return &statuses[i];
}

/* Lesson 5, given. Writes a head that is ready, and tells its lines. What follows it may go with it,
 * if it comes soon. */
static int write_head(struct stream *s, const char *head, bool more)
{
    int result = stream_write(s, head, strlen(head), NULL, 0, more);

    while (result == 0 && *head != '\0') {
        size_t length = strcspn(head, "\r");
        wire_line(s->tap, WIRE_OUT, head, length);
        head += length + strlen("\r\n");
    }
    return result;
}

/* Lesson 5. Writes a response's head: the status line, the header lines, and the empty line. */
int handshake_respond(struct stream *s, int status, const char *extra, const char *type, size_t length)
{
    char head[RESPONSE_HEAD_BYTES], date[sizeof "Sun, 06 Nov 1994 08:49:37 GMT"];
    time_t now = time(NULL);
    struct tm parts;

    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-cache\r\nConnection: close\r\n%s\r\n",
             status, find_status(status)->name, date, type, length, extra);
    return write_head(s, head, true);
}

/* Lesson 5. Refuses a request: a status, and a sentence that a person can act on. */
int handshake_refuse(struct stream *s, const struct request *r, int status)
{
    const struct status *known = find_status(status);
    const char *sentence = r->problem != NULL ? r->problem : known->sentence;
    size_t length = strlen(sentence);
    int result;

    wire_show(s->tap);
    wire_note(s->tap, WIRE_ERROR, sentence);
    result =
        handshake_respond(s, known->number, known->headers, "text/plain; charset=utf-8", length + 1);
    if (result == 0 && (r->method == NULL || strcmp(r->method, "HEAD") != 0))
        result = stream_write(s, sentence, length, "\n", 1, false);
    return result;
}

/* ---- is it an upgrade? ---- */

/* Lesson 6. Whether a header lists a token: "Connection: keep-alive, Upgrade" lists two. */
bool request_lists(const struct request *r, const char *name, const char *token)
{
    const char *p;

    for (size_t nth = 0; (p = request_header(r, name, nth)) != NULL; nth++)
        for (; *p != '\0'; p += strcspn(p, ","), p += *p == ',' ? 1 : 0) {
            p += strspn(p, " \t");
            size_t length = token_length(p), blanks = strspn(p + length, " \t");
            bool whole = p[length + blanks] == ',' || p[length + blanks] == '\0';
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

/* Lesson 6, given. Steps over a parameter's value, a token or a token in quotes, where a backslash
 * may stand before any byte; NULL: neither. */
static const char *skip_value(const char *p)
{
    size_t quote = *p == '"' ? 1 : 0, length = 0;

    for (p += quote; is_token_byte(*p) || (quote > 0 && *p == '\\' && is_token_byte(p[1])); length++)
        p += *p == '\\' ? 2 : 1;
    if (length == 0 || (quote > 0 && *p != '"'))
        return NULL;
    return p + quote;
}

/* Lesson 6, given. Steps over a name, or "name; parameter; parameter=value" where there may be
 * parameters, and the blanks behind; NULL: there is none (RFC 6455 section 9.1). */
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

/* Lesson 6, given. Whether every header line of that name is a list of names, with parameters or not.
 * What is offered there we decline by saying nothing, but it must be well formed all the same. */
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

/* Lesson 6. Whether a key is 16 bytes in Base64: 22 letters and "==" (RFC 6455 section 4.1). */
static bool is_key(const char *key)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return strspn(key, letters) == 22 && strcmp(key + 22, "==") == 0;
}

/* Lesson 6, given. Takes an origin apart: "https://example.com", with a port or without. */
int origin_parse(const char *text, struct origin *origin)
{
    size_t scheme = strcspn(text, ":");

    *origin = (struct origin){.port = 0};
    if (scheme == 0 || scheme >= sizeof origin->scheme || strncmp(text + scheme, "://", 3) != 0)
        return -1;
    for (size_t i = 0; i < scheme; i++)
        origin->scheme[i] = (char)tolower((unsigned char)text[i]);
    if (strcmp(origin->scheme, "http") == 0)
        origin->port = 80;
    else if (strcmp(origin->scheme, "https") == 0)
        origin->port = 443;
    return parse_authority(text + scheme + 3, strlen(text + scheme + 3), origin);
}

/* Lesson 6, given. Whether two origins are the same: RFC 6454 section 5. */
static bool same_origin(const struct origin *a, const struct origin *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port;
}

/* Lesson 6, given. Whether a host cannot be somebody else's name for this machine: a page of
 * evil.example could let its own name lead here (DNS rebinding), but not "localhost" or an address. */
static bool is_local_or_address(const char *host)
{
    struct in_addr ignored;

    return strcmp(host, "localhost") == 0 || *host == '[' || inet_pton(AF_INET, host, &ignored) == 1;
}

/* Lesson 6. Checks which site's page is asking. A browser always tells; other programs need not,
 * and could lie, so this protects people's browsers, not the server (RFC 6455 section 10.2). */
static int check_origin(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *text = request_header(r, "Origin", 0);
    struct origin origin;

    if (text == NULL)
        return 0;
    if (request_header(r, "Origin", 1) != NULL || origin_parse(text, &origin) != 0)
        return wrong(r, 403, "The Origin line names no single origin.");
    for (size_t i = 0; i < allowed_count; i++)
        if (same_origin(&origin, &allowed[i]))
            return 0;
    if (same_origin(&origin, &r->host) && is_local_or_address(origin.host))
        return 0;
    return wrong(r, 403,
                 "Pages of this origin may not connect. To let them, start the server with --origin.");
}

/* Lesson 6. Checks a request that asks for a WebSocket: RFC 6455 section 4.2.1. The version first:
 * that refusal tells the client which one to come back with (section 4.4). */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *version = request_header(r, "Sec-WebSocket-Version", 0);
    const char *key = request_header(r, "Sec-WebSocket-Key", 0);
    const char *length = request_header(r, "Content-Length", 0);

    if (version == NULL || strcmp(version, "13") != 0 ||
        request_header(r, "Sec-WebSocket-Version", 1) != NULL)
        return wrong(r, 426, "The Sec-WebSocket-Version must be 13.");
    if (!request_lists(r, "Connection", "upgrade"))
        return wrong(r, 400, "The Connection line does not list Upgrade.");
    if (key == NULL || request_header(r, "Sec-WebSocket-Key", 1) != NULL || !is_key(key))
        return wrong(r, 400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64.");
    if (request_header(r, "Transfer-Encoding", 0) != NULL ||
        (length != NULL && length[strspn(length, "0")] != '\0'))
        return wrong(r, 400, "A request for an upgrade must not have a body.");
    if (!is_list(r, "Sec-WebSocket-Extensions", true) || !is_list(r, "Sec-WebSocket-Protocol", false))
        return wrong(r, 400, "A list of extensions or subprotocols is malformed.");
    return check_origin(r, allowed, allowed_count);
}

/* ---- the accept key ---- */

/* Lesson 7. Makes the accept key: the key and a fixed text, through SHA-1, written in Base64. It
 * shows the client that we speak WebSocket and answer this request; it keeps nothing secret. */
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

/* Lesson 8. Writes the response 101: from here on, both sides speak in frames. What the request
 * offered and we leave out (extensions, subprotocols) is thereby declined. */
int handshake_switch(struct stream *s, const struct request *r, bool more)
{
    char head[SWITCH_HEAD_BYTES], accept[ACCEPT_KEY_BYTES];

    handshake_accept_key(request_header(r, "Sec-WebSocket-Key", 0), accept);
    snprintf(head, sizeof head,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
             accept);
    return write_head(s, head, more || stream_has_input(s));
}
