/*
 * The mistake: a Close frame ends the loop, and the connection, without a reply.
 * On the wire: the browser's close event says 1006, "abnormal", instead of what was agreed on.
 *
 * Caught by: tests/suites/11_control.c
 * Says: a close must be answered by a close
 */
static int handle_close(struct websocket *ws, size_t length)
{
    (void)length;
    ws->stream->cause = STREAM_EOF;
    return -1;
}
