/*
 * libwebsockets as a client: a library in C that was not written for this server. It calls back for
 * whatever happens on a connection. exchange.c says what is exchanged.
 *
 *     tests/peers/with-server.sh build/peers/libwebsockets       (make check-peers does)
 *
 * With COMPRESSED=1 and a server that compresses, long messages are exchanged compressed, and nothing else.
 * Once compression was agreed on, this library hands out a message twice if it comes as it is (4.1 and
 * 4.3), and gives each fragment that it sends an opcode of its own (4.1); npm's ws as the server has the same
 * trouble with it.
 */
#include "exchange.h"

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library would wait 5 seconds for a Close that does not come. */
#define CLOSE_S 4

/* How to ask for the connection. */
struct handshake {
    const char *path, *origin, *protocol;
    bool compression;
    unsigned int refused_with; /* the status that is expected, or 0 */
};

struct talk {
    const struct handshake *handshake;
    const struct exchange *exchange;
    size_t sent, received;
    unsigned char *message; /* what has come of one */
    size_t length;
    lws_usec_t closing_us;
    int told_code;
    unsigned int status; /* of a refusal, and what the library says of it */
    char why[80];
    bool opened, failed, over;
};

static bool compressed; /* every client offers permessage-deflate, and the server agrees */
static struct lws_context *context;
static unsigned char *room; /* LWS_PRE bytes for the library's header, then the payload */

/* ---- sending ---- */

static int flags_of(const struct item *item)
{
    static const int initial[] = {[TEXT] = LWS_WRITE_TEXT, [BINARY] = LWS_WRITE_BINARY};

    if (item->kind == PING)
        return LWS_WRITE_PING;
    return lws_write_ws_flags(initial[item->kind], item->part == WHOLE || item->part == FIRST,
                              item->part == WHOLE || item->part == LAST);
}

/* -1, here and below, tells the library to close the connection. */
static int send_frame(struct lws *wsi, struct talk *t, const struct item *item)
{
    /* NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): a value, and a flag added to it */
    enum lws_write_protocol flags = (enum lws_write_protocol)flags_of(item);

    exchange_write_payload(t->exchange, t->sent, room + LWS_PRE);
    if (lws_write(wsi, room + LWS_PRE, item->length, flags) < (int)item->length) {
        t->failed = !exchange_failed(t->exchange->name, "the frame could not be sent");
        return -1;
    }
    t->sent++;
    lws_callback_on_writable(wsi);
    return 0;
}

/* Sends the next frame; or a Close, once everything has come. */
static int send_next(struct lws *wsi, struct talk *t)
{
    const struct exchange *e = t->exchange;
    const struct item *item = exchange_sent(e, t->sent);

    if (item != NULL)
        return send_frame(wsi, t, item);
    if (exchange_expected(e, t->received) != NULL || e->told_code != 0)
        return 0;
    t->closing_us = lws_now_usecs();
    lws_close_reason(wsi, (enum lws_close_status)e->close_code, (unsigned char *)e->reason,
                     e->reason == NULL ? 0 : strlen(e->reason));
    return -1;
}

/* ---- receiving ---- */

static int take(struct lws *wsi, struct talk *t, enum item_kind kind, const unsigned char *bytes,
                size_t length)
{
    if (!exchange_is_expected(t->exchange, t->received, kind, bytes, length)) {
        t->failed = true;
        return -1;
    }
    t->received++;
    lws_callback_on_writable(wsi);
    return 0;
}

/* Messages are handed out in pieces. */
static int take_piece(struct lws *wsi, struct talk *t, const void *bytes, size_t length)
{
    size_t whole = t->length + length;

    if (whole > EXCHANGE_LONGEST) {
        t->failed = !exchange_failed(t->exchange->name, "more than %d bytes came", EXCHANGE_LONGEST);
        return -1;
    }
    if (length > 0)
        memcpy(t->message + t->length, bytes, length);
    t->length = whole;
    if (!lws_is_final_fragment(wsi))
        return 0;
    t->length = 0;
    return take(wsi, t, lws_frame_is_binary(wsi) ? BINARY : TEXT, t->message, whole);
}

/* The server has agreed: it must not have named a subprotocol, nor an extension unless it compresses. */
static int opened(struct lws *wsi, struct talk *t)
{
    t->opened = true;
    if ((lws_hdr_total_length(wsi, WSI_TOKEN_EXTENSIONS) > 0) == compressed &&
        lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) == 0)
        return 0;
    t->failed = !exchange_failed(t->exchange->name, "%s, or a subprotocol was answered",
                                 compressed ? "no extension" : "an extension");
    return -1;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct talk *t = user;

    switch (reason) {
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        return opened(wsi, t);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return send_next(wsi, t);
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return take_piece(wsi, t, in, length);
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        return take(wsi, t, PONG, in, length);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        t->told_code = length < 2 ? 1005 : ((unsigned char *)in)[0] << 8 | ((unsigned char *)in)[1];
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        t->status = lws_http_client_http_response(wsi);
        snprintf(t->why, sizeof t->why, "%.*s", (int)length, in == NULL ? "" : (char *)in);
        t->over = true;
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        t->over = true;
        return 0;
    default:
        return 0;
    }
}

/* ---- the tests ---- */

static bool went_well(const struct talk *t)
{
    const struct exchange *e = t->exchange;

    if (t->failed)
        return false; /* and it has been said */
    if (t->handshake->refused_with != 0)
        return (!t->opened && t->status == t->handshake->refused_with) ||
               exchange_failed(e->name, "expected status %u, got %u", t->handshake->refused_with,
                               t->status);
    if (!t->opened)
        return exchange_failed(e->name, "no connection: %s (status %u)", t->why, t->status);
    if (exchange_expected(e, t->received) != NULL)
        return exchange_failed(e->name, "only %zu of the answers came before the end", t->received);
    if (t->told_code != e->told_code)
        return exchange_failed(e->name, "expected the server to close with %d, got %d (0: it did not)",
                               e->told_code, t->told_code);
    if (t->closing_us != 0 && lws_now_usecs() - t->closing_us > CLOSE_S * 1000000L)
        return exchange_failed(e->name, "the Close was not answered within %d s", CLOSE_S);
    return true;
}

static void run(const char *address, int port, const struct handshake *handshake,
                const struct exchange *exchange)
{
    struct talk t = {.handshake = handshake, .exchange = exchange, .message = malloc(EXCHANGE_LONGEST)};
    struct lws_client_connect_info info = {.context = context,
                                           .address = address,
                                           .host = address,
                                           .port = port,
                                           .path = handshake->path,
                                           .origin = handshake->origin,
                                           .protocol = handshake->protocol,
                                           .userdata = &t};

    exchange_set_deadline(exchange->name);
    info.vhost = lws_get_vhost_by_name(context, handshake->compression ? "compression" : "plain");
    if (lws_client_connect_via_info(&info) == NULL)
        t.over = true; /* the library may have called back with the reason */
    while (!t.over) /* to the end, also where the test has failed: the connection knows t until then */
        lws_service(context, 0);
    exchange_set_deadline(NULL);
    exchange_count_result(went_well(&t));
    free(t.message);
}

static bool make_context(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "plain", .callback = on_event, .rx_buffer_size = 65536}, {0}};
    static const struct lws_extension extensions[] = {{"permessage-deflate",
                                                       lws_extension_callback_pm_deflate,
                                                       "permessage-deflate; client_max_window_bits"},
                                                      {0}};
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                             .protocols = protocols,
                                             .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                                                        LWS_SERVER_OPTION_VALIDATE_UTF8};

    lws_set_log_level(LLL_ERR, NULL);
    context = lws_create_context(&info);
    if (context == NULL)
        return false;
    info.vhost_name = "plain";
    if (lws_create_vhost(context, &info) == NULL)
        return false;
    info.vhost_name = "compression";
    info.extensions = extensions;
    return lws_create_vhost(context, &info) != NULL;
}

/* Whether an exchange is one of those that can be had compressed. */
static bool can_be_compressed(const struct exchange *e)
{
    return exchange_sent(e, 1) == NULL && e->sent[0].length > 1000 && e->expected[0].length > 1000;
}

/* What a client can ask for beside the exchanges. */
static const struct {
    struct handshake handshake;
    struct exchange exchange;
} others[] = {
    {{.path = "/echo", .compression = true},
     {.name = "compression is offered, and declined",
      .sent = {{TEXT, 1000}},
      .expected = {{TEXT, 1000}},
      .close_code = 1000}},
    {{.path = "/echo", .protocol = "chat"},
     {.name = "a subprotocol is asked for, and not answered",
      .sent = {{TEXT, 10}},
      .expected = {{TEXT, 10}},
      .close_code = 1000}},
    {{.path = "/echo", .origin = "http://other.example", .refused_with = 403},
     {.name = "the page of another site"}},
    {{.path = "/elsewhere", .refused_with = 404}, {.name = "another path"}},
};

int main(int count, char **arguments)
{
    struct handshake usual = {.path = "/echo"};
    char address[64];
    int port;

    if (count != 2 || sscanf(arguments[1], "ws://%63[0-9.]:%d/echo", address, &port) != 2) {
        fprintf(stderr, "usage: %s ws://127.0.0.1:PORT/echo\n", arguments[0]);
        return 2;
    }
    room = malloc(LWS_PRE + EXCHANGE_LONGEST);
    if (room == NULL || !make_context()) {
        fprintf(stderr, "%s: no memory\n", arguments[0]);
        return EXIT_FAILURE;
    }
    compressed = getenv("COMPRESSED") != NULL;
    usual.compression = compressed;
    printf("libwebsockets %s%s:\n", lws_get_library_version(), compressed ? ", compressed" : "");
    /* It cannot send a Close without a code: asked for one, it sends 1005, which must not be sent. */
    for (size_t i = 0; i < exchange_count; i++)
        if (compressed ? can_be_compressed(&exchanges[i])
                       : exchanges[i].close_code != 0 || exchanges[i].told_code != 0)
            run(address, port, &usual, &exchanges[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others && !compressed; i++)
        run(address, port, &others[i].handshake, &others[i].exchange);
    lws_context_destroy(context);
    free(room);
    return exchange_end();
}
