/*
 * The mistake: the socket is closed as soon as the response is sent. If bytes of the client lie unread,
 * or still come, close sends a reset, and the reset throws away what the client has not read yet.
 * On the wire: a client that sends a body never sees why it was rejected.
 *
 * Caught by: tests/suites/05_page.c
 * Says: the response must arrive
 */
void stream_linger(struct stream *s)
{
    if (stream_flush(s) == 0)
        shutdown(s->fd, SHUT_WR);
}
