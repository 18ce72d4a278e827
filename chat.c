/*
 * chat.c - see chat.h for what is said
 *
 *     worker of ada ──► room ──► sender of ada, sender of bob, ...
 *     worker of bob ──►
 *
 * A worker says what its client has sent, and waits for nobody. Each client's second thread (sender.c)
 * takes messages out of the room and sends them.
 */
#include "chat.h"

#include <stdio.h>
#include <string.h>

#include "broadcast.h"
#include "sender.h"

static struct broadcast room = BROADCAST_EMPTY;

/* ---- the name ---- */

/* Lesson 13, provided. The value of a parameter in a query such as "page=5f&name=ada", and its length;
 * NULL: it is not there. `name` ends with the equals sign. */
static const char *find_parameter(const char *query, const char *name, size_t *length)
{
    while (query != NULL && strncmp(query, name, strlen(name)) != 0) {
        const char *ampersand = strchr(query, '&');
        query = ampersand == NULL ? NULL : ampersand + 1;
    }
    if (query == NULL)
        return NULL;
    query += strlen(name);
    *length = strcspn(query, "&");
    return query;
}

/* Lesson 13. Takes a client's name from its request, and checks it; a client without one is a guest.
 * Without a space or a colon in it, no name looks like the server, or like a name and what it says. */
int chat_name(struct request *request)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *name = request->source->name;
    size_t length;
    const char *given = find_parameter(request->query, "name=", &length);

    if (given == NULL) {
        snprintf(name, TRACE_NAME_BYTES, "guest-%lu", request->source->connection);
        return 0;
    }
    if (length == 0 || length >= TRACE_NAME_BYTES || strspn(given, allowed) < length) {
        request->status = 400;
        request->reason = "A name is 1 to 32 letters, digits, - or _, as in /chat?name=ada.";
        return -1;
    }
    memcpy(name, given, length);
    name[length] = '\0';
    return 0;
}

/* ---- the room ---- */

/* Lesson 13, provided. Stores why the connection must be closed. Always returns -1. */
static int fail(struct websocket *ws, unsigned code, const char *reason)
{
    ws->close_code = code;
    ws->reason = reason;
    return -1;
}

/* Lesson 13. Tells everybody what a client has done. The server runs without it. */
static void tell_all(const char *name, const char *what)
{
    char line[BROADCAST_BYTES];
    int length = snprintf(line, sizeof line, "* %s %s", name, what);

    broadcast_publish(&room, line, (size_t)length);
}

/* Lesson 13. Publishes what a client has said, with its name in front. All of it will be sent as text, so
 * bytes that are not UTF-8 are rejected here. The server runs without it. */
static int say(struct websocket *ws)
{
    const struct message *m = &ws->message;
    struct utf8 check = {.missing = 0};
    char line[BROADCAST_BYTES];
    size_t length = (size_t)snprintf(line, sizeof line, "%s: ", ws->source->name);

    if (m->length > sizeof line - length)
        return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the chat's limit");
    if (utf8_check(&check, m->bytes, m->length) != 0 || check.missing > 0)
        return fail(ws, CLOSE_INVALID_PAYLOAD, "message that is not UTF-8");
    if (m->length > 0) /* memcpy from NULL is not allowed, not even of nothing */
        memcpy(line + length, m->bytes, m->length);
    broadcast_publish(&room, line, length + m->length);
    return 0;
}

/* Lesson 13, provided. A subscriber's next message, or how many it has lost, as a text to send. */
static int next_text(struct subscriber *subscriber, char *text, size_t *length, bool wait)
{
    if (broadcast_next(&room, subscriber, text, wait) != 0)
        return -1;
    *length = subscriber->size;
    if (subscriber->dropped > 0)
        *length =
            (size_t)snprintf(text, SENDER_BYTES, "* %llu messages were dropped: you read too slowly",
                             (unsigned long long)subscriber->dropped);
    return 0;
}

/* Lesson 13. Serves a client: publishes what it says, while the sender sends what everybody says. */
void chat_serve(struct websocket *ws)
{
    const char *name = ws->source->name;
    struct sender sender = {.ws = ws, .next = next_text};

    broadcast_subscribe(&room, &sender.subscriber);
    if (sender_start(&sender) != 0)
        return;
    tell_all(name, "has joined");
    while (frame_read_message(ws) == 0 && say(ws) == 0)
        ;
    broadcast_end(&room, &sender.subscriber); /* before "has left", which is for the others */
    tell_all(name, "has left");
    sender_join(&sender);
}
