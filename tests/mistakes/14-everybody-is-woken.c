/*
 * The mistake: the signal goes to each worker, once a second, whether it is to notice something or not.
 * On the wire: nothing. But ten thousand idle clients cost ten thousand wake-ups a second.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: their threads must sleep
 */
static void wake_locked(struct client *client)
{
    if (client->running)
        pthread_kill(client->thread, WAKE_SIGNAL);
}
