/*
 * The mistake: a null terminator is written after the bytes that recv returned, before anybody looks
 * whether it has failed. If it has, it returned -1, and the terminator is written in front of the
 * buffer.
 * On the wire: after an interruption, the last byte that came before it is a zero.
 *
 * Caught by: tests/suites/03_stream.c
 * Says: after an interruption, the bytes that waited must still be there
 */
static int receive(struct stream *s, void *to, size_t room, size_t *got)
{
    ssize_t n = recv(s->fd, to, room, 0);

    ((char *)to)[n] = '\0';
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return 0;
    return fail(s, n == 0 ? STREAM_EOF : cause_of(errno));
}
