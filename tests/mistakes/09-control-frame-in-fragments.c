/*
 * The mistake: a control frame without FIN is accepted.
 * On the wire: a ping in two halves gets two pongs, or the second half is taken for a message's.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: control frame in fragments
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
    if (is_control(opcode) && frame->length > CONTROL_BYTES)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}
