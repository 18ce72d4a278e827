/*
 * The mistake: all senders share one lock, and keep it while they send. `send` blocks when a client does
 * not read, and then everybody waits for that client.
 * On the wire: one laptop that has gone to sleep silences the room.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: nor hold a lock while it sends
 */
static void *send_messages(void *argument)
{
    static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;
    struct sender *sender = argument;
    struct websocket *ws = sender->ws;
    char text[SENDER_BYTES];
    size_t length;

    for (;;) {
        int result = sender->next(&sender->subscriber, text, &length, false);
        if (result != 0 && stream_flush(ws->stream) == 0)
            result = sender->next(&sender->subscriber, text, &length, true);
        if (result != 0)
            return NULL;
        pthread_mutex_lock(&table);
        result = frame_write(ws, OPCODE_TEXT, text, length, 0);
        pthread_mutex_unlock(&table);
        if (result != 0)
            return NULL;
    }
}
