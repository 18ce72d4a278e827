/*
 * The mistake: a message to all is sent, with waiting, while the lock of the table is held.
 * On the wire: one client that does not read, and nobody behind it in the table is told anything.
 *
 * Caught by: tests/14_limits.c
 * Says: close 1001 must come at once, also where another client takes nothing
 */
static int say_goodbye(void)
{
    static const char reason[] = "the server is stopping";

    pthread_mutex_lock(&clients.lock);
    frame_make_close(&clients.goodbye, CLOSE_GOING_AWAY, reason, strlen(reason));
    clients.stopping = true;
    for (struct client *c = clients.first; c != NULL; c = c->next) {
        if (c->progress == UPGRADED) {
            stream_say_last_word(&c->stream, &clients.goodbye);
            stream_flush(&c->stream);
        } else if (c->progress == ASKING) {
            stream_end_reading(&c->stream);
        }
    }
    pthread_mutex_unlock(&clients.lock);
    return 0;
}
