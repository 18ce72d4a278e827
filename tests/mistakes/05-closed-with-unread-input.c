/*
 * The mistake: the socket is closed as soon as the answer is sent. Where the peer's bytes lie unread,
 * or still come, close sends a reset, and the reset throws away what the peer has not read yet.
 * On the wire: a client that sends a body never sees why it was refused.
 *
 * Caught by: tests/05_page.c
 * Says: the answer must arrive
 */
void stream_finish(struct stream *s)
{
    if (stream_flush(s) == 0)
        shutdown(s->fd, SHUT_WR);
}
