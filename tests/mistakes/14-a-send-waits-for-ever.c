/*
 * The mistake: reading has a timeout, but sending has none.
 * On the wire: a client that sends and never reads keeps its thread for ever: the server waits in send.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: a client that reads nothing must be given up
 */
static void check_progress_locked(struct client *client, int64_t now_ms)
{
    (void)client;
    (void)now_ms;
}
