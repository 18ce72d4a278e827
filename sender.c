/* sender.c - see sender.h for what it promises */
#include "sender.h"

#include "clients.h"

_Static_assert(BROADCAST_BYTES <= SENDER_BYTES, "a sender has room for a message");

/* Lesson 13. The second thread's whole life: sends each message. Those that follow each other at once go
 * together, and what was written is sent before the thread waits. It ends when the subscription does, or
 * when nothing can be sent any more, which the worker notices too. The server runs without it. */
static void *send_messages(void *argument)
{
    struct sender *sender = argument;
    struct websocket *ws = sender->ws;
    char text[SENDER_BYTES];
    size_t length;

    pthread_setname_np(pthread_self(), "sender");
    for (;;) {
        int result = sender->next(&sender->subscriber, text, &length, false);
        if (result != 0 && stream_flush(ws->stream) == 0)
            result = sender->next(&sender->subscriber, text, &length, true);
        if (result != 0 || frame_write(ws, OPCODE_TEXT, text, length, STREAM_MORE) != 0)
            return NULL;
    }
}

/* Lesson 13. Starts the second thread. It is not detached, because sender_join waits for it. */
int sender_start(struct sender *sender)
{
    if (pthread_create(&sender->thread, &thread_attributes, send_messages, sender) == 0)
        return 0;
    sender->ws->close_code = CLOSE_INTERNAL_ERROR;
    sender->ws->reason = "no thread to send with";
    return -1;
}

/* Lesson 13, provided. Waits for the second thread's end. */
void sender_join(struct sender *sender)
{
    pthread_join(sender->thread, NULL);
}
