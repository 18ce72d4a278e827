/*
 * The mistake: a recv that a signal has interrupted is called again, and waits as long as at first.
 * On the wire: who is silent stays, for as long as signals come, or a debugger looks.
 *
 * Caught by: tests/03_stream.c
 * Says: must wait only for the rest of its time
 */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    ssize_t n = -1;
    int result = flush_before_waiting(s);

    if (result == 0)
        result = await(s, POLLIN, s->deadline);
    while (result == 0 && (n = recv(s->fd, to, room, 0)) < 0 && errno == EINTR)
        ;
    if (result != 0)
        return result;
    *got = n > 0 ? (size_t)n : 0;
    if (n < 0)
        return errno == EAGAIN ? STREAM_TIMEOUT : STREAM_ERROR;
    if (n == 0)
        return atomic_load(&s->cut) ? STREAM_CUT : STREAM_END;
    return 0;
}
