/*
 * An echo server made with libwebsockets: an event loop, in C. It hands out what has come in pieces
 * of up to 128 KiB, room for a message of 64 KiB with its header; each piece waits in a queue until
 * the library says that it may be written, one at a time. A message that came in pieces goes back in
 * fragments. Compression is off, as no extension is given; TCP_NODELAY is on, as always here.
 *
 * Under /chat, each message goes to all who are there: a copy of it waits in the queue of each. The
 * library's own ring of messages (lws_ring) would save the copies of 67 bytes, not the writes.
 */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_BYTES (128 * 1024)

/* What a client has not got back yet, beyond which its input waits. */
#define QUEUE_BYTES (1024 * 1024)

/* Its own loop is poll(), which looks at every client each time; libev's is epoll. For the comparison
 * of tests/peers it is built with its own (-DLOOP=0): with libev, this version does not always end a
 * connection that has broken a rule. */
#ifndef LOOP
#define LOOP LWS_SERVER_OPTION_LIBEV
#endif

struct piece {
    struct piece *next;
    int flags;
    size_t length;
    unsigned char bytes[]; /* LWS_PRE bytes for the library's header, then the piece */
};

struct client {
    struct lws *wsi;
    struct piece *first, **end;
    size_t waiting;
    char name[33]; /* in the chat; else empty */
    struct client *next_in_room;
};

static struct client *room;

/* Queues a piece, with a prefix that may be empty. */
static void queue(struct client *c, int flags, const char *prefix, const void *bytes, size_t length)
{
    size_t before = strlen(prefix);
    struct piece *p = malloc(sizeof *p + LWS_PRE + before + length);

    if (p == NULL)
        abort();
    p->next = NULL;
    p->flags = flags;
    p->length = before + length;
    memcpy(p->bytes + LWS_PRE, prefix, before);
    memcpy(p->bytes + LWS_PRE + before, bytes, length);
    *c->end = p;
    c->end = &p->next;
    c->waiting += p->length;
    if (c->waiting >= QUEUE_BYTES)
        lws_rx_flow_control(c->wsi, 0);
    lws_callback_on_writable(c->wsi);
}

static void take_piece(struct client *c, const void *bytes, size_t length)
{
    int flags = lws_write_ws_flags(lws_frame_is_binary(c->wsi) ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
                                   lws_is_first_fragment(c->wsi), lws_is_final_fragment(c->wsi));
    char prefix[40];

    if (*c->name == '\0') {
        queue(c, flags, "", bytes, length);
        return;
    }
    snprintf(prefix, sizeof prefix, "%s: ", c->name);
    for (struct client *to = room; to != NULL; to = to->next_in_room)
        queue(to, LWS_WRITE_TEXT, prefix, bytes, length);
}

static void come(struct lws *wsi, struct client *c)
{
    char path[10] = "", argument[40];
    const char *name;

    c->wsi = wsi;
    c->end = &c->first;
    lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    if (strcmp(path, "/chat") != 0)
        return;
    name = lws_get_urlarg_by_name(wsi, "name=", argument, sizeof argument);
    snprintf(c->name, sizeof c->name, "%s", name != NULL ? name : "guest");
    c->next_in_room = room;
    room = c;
}

static void go(struct client *c)
{
    for (struct piece *p = c->first, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
    for (struct client **at = &room; *at != NULL; at = &(*at)->next_in_room)
        if (*at == c) {
            *at = c->next_in_room;
            return;
        }
}

static int write_piece(struct lws *wsi, struct client *c)
{
    struct piece *p = c->first;
    int result;

    if (p == NULL)
        return 0;
    result = lws_write(wsi, p->bytes + LWS_PRE, p->length, p->flags);
    c->first = p->next;
    if (c->first == NULL)
        c->end = &c->first;
    c->waiting -= p->length;
    free(p);
    if (c->waiting < QUEUE_BYTES)
        lws_rx_flow_control(wsi, 1);
    if (c->first != NULL)
        lws_callback_on_writable(wsi);
    return result < 0 ? -1 : 0;
}

static int echo(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    struct client *c = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        come(wsi, c);
        break;
    case LWS_CALLBACK_RECEIVE:
        take_piece(c, in, length);
        break;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_piece(wsi, c);
    case LWS_CALLBACK_CLOSED:
        go(c);
        break;
    default:
        break;
    }
    return 0;
}

int main(void)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo",
         .callback = echo,
         .per_session_data_size = sizeof(struct client),
         .rx_buffer_size = PIECE_BYTES},
        {0},
    };
    struct lws_context_creation_info info = {0};
    struct lws_context *context;
    struct lws_vhost *vhost;

    lws_set_log_level(LLL_ERR, NULL);
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.pt_serv_buf_size = PIECE_BYTES;
    /* With IPv6 it would take no notice of iface, and listen everywhere. Text is checked, as in the
     * other peers. */
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LOOP | LWS_SERVER_OPTION_DISABLE_IPV6 |
                   LWS_SERVER_OPTION_VALIDATE_UTF8;
    context = lws_create_context(&info);
    vhost = context == NULL ? NULL : lws_create_vhost(context, &info);
    if (vhost == NULL)
        return EXIT_FAILURE;
    printf("listening on http://127.0.0.1:%d/\n", lws_get_vhost_listen_port(vhost));
    fflush(stdout);
    while (lws_service(context, 0) >= 0)
        ;
    lws_context_destroy(context);
    return EXIT_SUCCESS;
}
