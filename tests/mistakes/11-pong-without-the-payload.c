/*
 * The mistake: every ping gets an empty pong.
 * On the wire: a client that numbers its pings does not know which one was answered.
 *
 * Caught by: tests/suites/11_control.c
 * Says: a pong brings the ping's payload back
 */
static int handle_control(struct websocket *ws, const struct frame *frame)
{
    if (frame->opcode == OPCODE_CLOSE)
        return handle_close(ws, (size_t)frame->length);
    if (frame->opcode == OPCODE_PING)
        return frame_write(ws, OPCODE_PONG, NULL, 0, stream_more(ws->stream));
    return 0;
}
