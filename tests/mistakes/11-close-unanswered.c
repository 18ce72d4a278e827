/*
 * The mistake: a close frame ends the loop, and the connection, without an answer.
 * On the wire: the browser's close event says 1006, "abnormal", where it should say what was agreed on.
 *
 * Caught by: tests/11_control.c
 * Says: a close must be answered by a close
 */
static int answer_close(struct websocket *ws, size_t length)
{
    (void)ws;
    (void)length;
    return STREAM_END;
}
