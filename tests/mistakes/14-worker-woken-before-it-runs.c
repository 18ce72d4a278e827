/*
 * The mistake: main sends the signal to every worker, also to one whose thread has not begun, and has not
 * stored who it is.
 * On the wire: if clients come while the server stops, it crashes, and nobody gets a Close frame.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: a server that stops while clients come
 */
static void wake_locked(struct client *client)
{
    if (atomic_load(&client->stream.wake) != 0)
        pthread_kill(client->thread, WAKE_SIGNAL);
}
