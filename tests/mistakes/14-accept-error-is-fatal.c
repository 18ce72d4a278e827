/*
 * The mistake: when accept fails, the server ends. Most failures are a visitor's, and the others pass.
 * On the wire: the server runs out of descriptors once, and is gone.
 *
 * Caught by: tests/14_limits.c
 * Says: who is in stays in
 */
static int accept_failed(int error)
{
    if (!stop_asked)
        fprintf(stderr, "server: cannot accept for now: %s\n", strerror(error));
    return -1;
}
