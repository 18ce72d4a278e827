/*
 * The mistake: the socket is closed at once behind the close frame. Where the peer's bytes lie unread,
 * or still come, close sends a reset, and the reset throws away what the peer has not read yet.
 * On the wire: the client sees "connection reset", and not why.
 *
 * Caught by: tests/11_control.c
 * Says: reset the connection
 */
void stream_finish(struct stream *s)
{
    stream_flush(s);
}
