/*
 * The mistake: a ping is read and ignored.
 * On the wire: no pong. The client takes the server for dead, and leaves.
 *
 * Caught by: tests/suites/11_control.c
 * Says: an empty ping gets a pong
 */
static int handle_control(struct websocket *ws, const struct frame *frame)
{
    if (frame->opcode == OPCODE_CLOSE)
        return handle_close(ws, (size_t)frame->length);
    return 0;
}
