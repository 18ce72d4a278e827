/*
 * The mistake: the socket is closed right after the Close frame. If bytes of the client lie unread, or
 * still come, close sends a reset, and the reset throws away what the client has not read yet.
 * On the wire: the client sees "connection reset", and not why.
 *
 * Caught by: tests/suites/11_control.c
 * Says: reset the connection
 */
void stream_linger(struct stream *s)
{
    stream_flush(s);
}
