/*
 * The mistake: an opcode that nobody has defined is accepted.
 * On the wire: frames of opcode 3 to 7 are echoed, and those of 11 to 15 are ignored, but Close 1002
 * must come.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: unknown opcode
 */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    unsigned opcode = frame->opcode;

    if (frame->rsv != 0)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "RSV bits are set");
    if (!frame->masked)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "frame without a mask");
    if (is_control(opcode) && !frame->fin)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    if (is_control(opcode) && frame->length > CONTROL_BYTES)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}
