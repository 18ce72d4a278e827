/*
 * libcurl as a client, where WebSockets are built into it: since 8.11 they are no experiment, and
 * Debian 13 has them. exchange.c says what is exchanged.
 *
 *     tests/peers/with-server.sh build/peers/curl       (make check-peers does)
 */
#include "exchange.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if LIBCURL_VERSION_NUM < 0x080b00

/* Before that, the names below are there, but not all in the same form. */
int main(void)
{
    printf("0 passed: left out, curl %s has no WebSockets (8.11 or newer is needed)\n", LIBCURL_VERSION);
    return EXIT_SUCCESS;
}

#else

/* How to ask for the connection. */
struct handshake {
    const char *path, *header;
    long refused_with; /* the status that is expected, or 0 */
};

static unsigned char *room;    /* what is sent */
static unsigned char *message; /* what has come of a message */

/* The connection does not wait; this does, until it can be read or written. An alarm ends it. */
static void wait_for(CURL *curl, short events)
{
    curl_socket_t socket = CURL_SOCKET_BAD;
    struct pollfd wanted = {.events = events};

    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &socket);
    wanted.fd = socket;
    poll(&wanted, 1, -1);
}

/* ---- sending ---- */

static unsigned int flags_of(const struct item *item)
{
    static const unsigned int flags[] = {
        [TEXT] = CURLWS_TEXT, [BINARY] = CURLWS_BINARY, [PING] = CURLWS_PING};

    return flags[item->kind] | (item->part == FIRST || item->part == MIDDLE ? CURLWS_CONT : 0);
}

static CURLcode send_frame(CURL *curl, const unsigned char *bytes, size_t length, unsigned int flags)
{
    size_t done = 0, now;
    CURLcode result;

    do {
        now = 0;
        result = curl_ws_send(curl, bytes + done, length - done, &now, 0, flags);
        done += now;
        if (result == CURLE_AGAIN)
            wait_for(curl, POLLOUT);
    } while (result == CURLE_AGAIN || (result == CURLE_OK && done < length));
    return result;
}

static bool send_all(CURL *curl, const struct exchange *e)
{
    const struct item *item;

    for (size_t i = 0; (item = exchange_sent(e, i)) != NULL; i++) {
        exchange_write_payload(e, i, room);
        CURLcode result = send_frame(curl, room, item->length, flags_of(item));
        /* a server that closes need not take everything */
        if (result != CURLE_OK && e->told_code == 0)
            return exchange_failed(e->name, "a frame was not sent: %s", curl_easy_strerror(result));
    }
    return true;
}

/* ---- receiving ---- */

/* The next message, pong or Close, whole. Its flags, of the first frame; 0: it has been said why not. */
static int receive(CURL *curl, const char *name, size_t *length)
{
    const struct curl_ws_frame *frame;
    CURLcode result;
    size_t now;

    *length = 0;
    for (;;) {
        result = curl_ws_recv(curl, message + *length, EXCHANGE_LONGEST - *length, &now, &frame);
        if (result == CURLE_AGAIN) {
            wait_for(curl, POLLIN);
            continue;
        }
        if (result != CURLE_OK)
            return exchange_failed(name, "nothing was received: %s", curl_easy_strerror(result));
        *length += now;
        if (frame->bytesleft == 0 && (frame->flags & CURLWS_CONT) == 0)
            return frame->flags;
    }
}

static enum item_kind kind_of(int flags)
{
    if ((flags & CURLWS_PONG) != 0)
        return PONG;
    return (flags & CURLWS_TEXT) != 0 ? TEXT : (flags & CURLWS_BINARY) != 0 ? BINARY : NO_ITEM;
}

static bool receive_all(CURL *curl, const struct exchange *e)
{
    size_t length;

    for (size_t i = 0; exchange_expected(e, i) != NULL; i++) {
        int flags = receive(curl, e->name, &length);
        if (flags == 0 || !exchange_is_expected(e, i, kind_of(flags), message, length))
            return false;
    }
    return true;
}

/* ---- the end ---- */

/* A Close's payload: two bytes of code and the reason, or nothing. */
static size_t write_close(const struct exchange *e, unsigned char *payload)
{
    size_t length = e->reason == NULL ? 0 : strlen(e->reason);

    if (e->close_code == 0)
        return 0;
    payload[0] = (unsigned char)(e->close_code >> 8);
    payload[1] = (unsigned char)e->close_code;
    if (length > 0)
        memcpy(payload + 2, e->reason, length);
    return length + 2;
}

/* Sends a Close, and expects the same back; or expects the server's. */
static bool close_both_ways(CURL *curl, const struct exchange *e)
{
    unsigned char payload[125];
    size_t wanted = write_close(e, payload), length;
    int flags;

    if (e->told_code == 0 && send_frame(curl, payload, wanted, CURLWS_CLOSE) != CURLE_OK)
        return exchange_failed(e->name, "the Close was not sent");
    flags = receive(curl, e->name, &length);
    if (flags == 0)
        return false;
    if ((flags & CURLWS_CLOSE) == 0)
        return exchange_failed(e->name, "expected a Close, got something else of %zu bytes", length);
    if (e->told_code != 0)
        return (length >= 2 && (message[0] << 8 | message[1]) == e->told_code) ||
               exchange_failed(e->name, "expected a Close with %d", e->told_code);
    return (length == wanted && memcmp(message, payload, wanted) == 0) ||
           exchange_failed(e->name, "the Close came back changed, with %zu bytes", length);
}

/* ---- the tests ---- */

/* Called for each line of the answer: neither an extension nor a subprotocol may be in it. */
static size_t look_at_line(char *line, size_t size, size_t count, void *answered)
{
    if (strncasecmp(line, "Sec-WebSocket-Protocol:", 23) == 0 ||
        strncasecmp(line, "Sec-WebSocket-Ext", 17) == 0)
        *(bool *)answered = true;
    return size * count;
}

static bool talk(CURL *curl, const struct handshake *handshake, const struct exchange *e)
{
    bool answered = false;
    long status = 0;
    CURLcode result;

    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, look_at_line);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answered);
    result = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (handshake->refused_with != 0)
        return (result != CURLE_OK && status == handshake->refused_with) ||
               exchange_failed(e->name, "expected status %ld, got %ld", handshake->refused_with, status);
    if (result != CURLE_OK)
        return exchange_failed(e->name, "no connection: %s", curl_easy_strerror(result));
    if (answered)
        return exchange_failed(e->name, "an extension or a subprotocol was answered");
    return send_all(curl, e) && receive_all(curl, e) && close_both_ways(curl, e);
}

static bool run(const char *server, const struct handshake *handshake, const struct exchange *e)
{
    CURL *curl = curl_easy_init();
    struct curl_slist *headers =
        handshake->header == NULL ? NULL : curl_slist_append(NULL, handshake->header);
    char url[128];
    bool passed;

    snprintf(url, sizeof url, "%s%s", server, handshake->path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 2L); /* up to the 101; then the frames are ours */
    exchange_set_deadline(e->name);
    passed = talk(curl, handshake, e);
    exchange_set_deadline(NULL);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return passed;
}

/* What a client can ask for beside the exchanges. */
static const struct {
    struct handshake handshake;
    struct exchange exchange;
} others[] = {
    {{"/echo", "Sec-WebSocket-Extensions: permessage-deflate", 0},
     {.name = "compression is offered, and declined",
      .sent = {{TEXT, 1000}},
      .expected = {{TEXT, 1000}},
      .close_code = 1000}},
    {{"/echo", "Sec-WebSocket-Protocol: chat", 0},
     {.name = "a subprotocol is asked for, and not answered",
      .sent = {{TEXT, 10}},
      .expected = {{TEXT, 10}},
      .close_code = 1000}},
    {{"/echo", "Origin: http://other.example", 403}, {.name = "the page of another site"}},
    {{"/elsewhere", NULL, 404}, {.name = "another path"}},
};

static bool has_websockets(void)
{
    const char *const *protocol = curl_version_info(CURLVERSION_NOW)->protocols;

    while (*protocol != NULL && strcmp(*protocol, "ws") != 0)
        protocol++;
    return *protocol != NULL;
}

int main(int count, char **arguments)
{
    static const struct handshake usual = {.path = "/echo"};
    const char *version = curl_version_info(CURLVERSION_NOW)->version;
    char *path;

    if (!has_websockets()) {
        printf("0 passed: left out, curl %s was built without WebSockets\n", version);
        return EXIT_SUCCESS;
    }
    path = count == 2 ? strstr(arguments[1], "/echo") : NULL;
    if (path == NULL) {
        fprintf(stderr, "usage: %s ws://127.0.0.1:PORT/echo\n", arguments[0]);
        return 2;
    }
    *path = '\0';
    room = malloc(EXCHANGE_LONGEST);
    message = malloc(EXCHANGE_LONGEST);
    if (room == NULL || message == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return EXIT_FAILURE;
    printf("curl %s:\n", version);
    for (size_t i = 0; i < exchange_count; i++)
        exchange_count_result(run(arguments[1], &usual, &exchanges[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        exchange_count_result(run(arguments[1], &others[i].handshake, &others[i].exchange));
    curl_global_cleanup();
    free(message);
    free(room);
    return exchange_end();
}

#endif
