/*
 * The mistake: a zero byte is put behind what recv gave, before its answer is looked at. Where recv
 * fails, it answers -1, and the zero byte goes in front of the buffer.
 * On the wire: after a timeout, the last byte that came before is a zero.
 *
 * Caught by: tests/03_stream.c
 * Says: after a timeout, the first two bytes must still be there
 */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    int result = flush_before_waiting(s);
    ssize_t n;

    if (result == 0)
        result = await(s, POLLIN, s->deadline);
    if (result != 0)
        return result;
    n = recv(s->fd, to, room, 0);
    ((char *)to)[n] = '\0';
    if (n < 0)
        return errno == EAGAIN ? STREAM_TIMEOUT : STREAM_ERROR;
    *got = (size_t)n;
    if (n == 0)
        return atomic_load(&s->cut) ? STREAM_CUT : STREAM_END;
    return 0;
}
