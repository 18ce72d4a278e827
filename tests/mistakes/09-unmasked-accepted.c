/*
 * The mistake: a frame without a mask is read like any other.
 * On the wire: an echo, but RFC 6455 section 5.1 wants Close 1002. The mask is what keeps a page from
 * choosing the bytes that a proxy sees.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: frame without a mask
 */
static int check_rules(struct websocket *ws, const struct frame *frame)
{
    unsigned opcode = frame->opcode;

    if (frame->rsv != 0)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "RSV bits are set");
    if ((opcode > OPCODE_BINARY && opcode < OPCODE_CLOSE) || opcode > OPCODE_PONG)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "unknown opcode");
    if (is_control(opcode) && !frame->fin)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame in fragments");
    if (is_control(opcode) && frame->length > CONTROL_BYTES)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
    return 0;
}
