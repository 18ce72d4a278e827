/*
 * The mistake: when accept fails for want of descriptors, it is called again at once. It fails at once,
 * until a client leaves.
 * On the wire: nothing; but a processor is burnt, which the clients could use.
 *
 * Caught by: tests/14_limits.c
 * Says: burns the processor
 */
static int accept_failed(int error)
{
    static bool said;

    if (stop_asked || error == EBADF || error == EINVAL || error == ENOTSOCK)
        return -1;
    if (!said)
        fprintf(stderr, "server: cannot accept for now: %s\n", strerror(error));
    said = true;
    return 0;
}
