/*
 * The mistake: a recv that a signal has interrupted is called again, as every textbook says, and nobody
 * asks why the signal was sent.
 * On the wire: nothing is said to a client that is idle: no ping, no 408, no Close frame when the
 * server stops.
 *
 * Caught by: tests/suites/03_stream.c
 * Says: a read that waits must fail with the cause that main has stored
 */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    ssize_t n;

    do
        n = recv(s->fd, to, room, 0);
    while (n < 0 && errno == EINTR);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 0;
    return fail(s, n == 0 ? STREAM_EOF : cause_of(errno));
}
