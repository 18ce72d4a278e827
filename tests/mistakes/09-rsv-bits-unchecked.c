/*
 * The mistake: nobody looks at the three RSV bits.
 * On the wire: a frame of an extension that was never agreed on, such as a compressed one, is echoed as
 * if it were plain.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: RSV bits
 */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    unsigned opcode = frame->opcode;

    if ((opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE) || opcode > OPCODE_PONG)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "unknown opcode");
    if (!frame->masked)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "frame without a mask");
    if (is_control(opcode) && !frame->fin)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    if (is_control(opcode) && frame->length > CONTROL_BYTES)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}
