/*
 * The mistake: behind its answer, the server waits for the client's end, however long that takes.
 * On the wire: a client that keeps its end open holds a thread; a byte now and then, and it is for ever.
 *
 * Caught by: tests/14_limits.c
 * Says: must be left in a few seconds
 */
void stream_finish(struct stream *s)
{
    size_t ignored;

    if (stream_flush(s) != 0 || shutdown(s->fd, SHUT_WR) != 0)
        return;
    while (receive(s, s->in, sizeof s->in, &ignored) == 0)
        ;
}
