/*
 * The mistake: a control frame may be of any length.
 * On the wire: a ping of 126 bytes or more is read into the 125 bytes that are there for it.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: control frame over 125 bytes
 */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    unsigned opcode = frame->opcode;

    if (frame->rsv != 0)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "RSV bits are set");
    if ((opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE) || opcode > OPCODE_PONG)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "unknown opcode");
    if (!frame->masked)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "frame without a mask");
    if (is_control(opcode) && !frame->fin)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    return 0;
}
