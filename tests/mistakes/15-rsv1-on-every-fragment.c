/*
 * The mistake: RSV1 is taken for a property of the frame, so each fragment of a message may have it.
 * On the wire: a continuation with RSV1 is accepted; Close 1002 must come.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: RSV1 on a continuation
 */
static bool is_compressed(const struct websocket *ws, const struct frame *frame)
{
    return ws->window_bits != 0 && frame->rsv == RSV1 && !is_control(frame->opcode);
}
