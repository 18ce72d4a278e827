/*
 * The mistake: recv is asked again and again whether something has come.
 * On the wire: nothing. But each silent client uses a whole core.
 *
 * Caught by: tests/suites/03_stream.c
 * Says: recv waits by itself
 */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    ssize_t n;

    do
        n = recv(s->fd, to, room, MSG_DONTWAIT);
    while (n < 0 && errno == EAGAIN);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 0;
    return fail(s, n == 0 ? STREAM_EOF : cause_of(errno));
}
