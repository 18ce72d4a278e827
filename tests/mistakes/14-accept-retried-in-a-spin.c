/*
 * The mistake: when accept fails because descriptors have run out, it is called again at once. It fails
 * at once, until a client leaves.
 * On the wire: nothing; but the loop uses all of a core, which the clients could use.
 *
 * Caught by: tests/14_limits.c
 * Says: a server that cannot accept uses a core
 */
static int accept_failed(int error)
{
    static time_t said;

    if (stop_requested || error == EBADF || error == EINVAL || error == ENOTSOCK)
        return -1;
    complain("accept clients", &said);
    return 0;
}
