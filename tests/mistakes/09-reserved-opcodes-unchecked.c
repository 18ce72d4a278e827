/*
 * The mistake: an opcode that nobody has defined is let through.
 * On the wire: frames of opcode 3 to 7 are echoed, those of 11 to 15 are passed over, where Close 1002
 * must come.
 *
 * Caught by: tests/09_frame_header.c
 * Says: reserved opcode
 */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    if (frame->reserved != 0)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "reserved bits are set");
    if (!frame->masked)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "frame without a mask");
    if (is_control(frame->opcode) && !frame->fin)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    if (is_control(frame->opcode) && frame->length > CONTROL_BYTES)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}
