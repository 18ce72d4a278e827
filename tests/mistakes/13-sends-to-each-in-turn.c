/*
 * The mistake: whoever says something sends it to each client in turn, as nearly everybody writes it
 * first. `send` blocks when one of them does not read.
 * On the wire: one client that reads slowly, and nobody's message arrives any more.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: nobody may wait for a slow reader
 */
void chat_serve(struct websocket *ws)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct websocket *there[1000]; /* NULL: free */
    const char *what = "has joined";
    size_t own = 0;

    pthread_mutex_lock(&lock);
    while (there[own] != NULL)
        own++;
    there[own] = ws;
    pthread_mutex_unlock(&lock);
    while (what != NULL) {
        char line[BROADCAST_BYTES];
        const struct message *m = &ws->message;
        int length = *what != '\0' ? snprintf(line, sizeof line, "* %s %s", ws->source->name, what)
                                   : snprintf(line, sizeof line, "%s: %.*s", ws->source->name,
                                              (int)m->length, (const char *)m->bytes);
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
            if (there[i] != NULL)
                frame_write(there[i], OPCODE_TEXT, line, (size_t)length, 0);
        pthread_mutex_unlock(&lock);
        if (strcmp(what, "has left") == 0)
            break;
        what = frame_read_message(ws) == 0 ? "" : "has left";
    }
    pthread_mutex_lock(&lock);
    there[own] = NULL;
    pthread_mutex_unlock(&lock);
}
