/*
 * The mistake: when accept fails, the server ends. Most failures are one client's, and the others pass.
 * On the wire: the server runs out of descriptors once, and is gone.
 *
 * Caught by: tests/14_limits.c
 * Says: a client that is served stays while there are no descriptors
 */
static int accept_failed(int error)
{
    if (!stop_requested)
        fprintf(stderr, "server: cannot accept clients for now: %s\n", strerror(error));
    return -1;
}
