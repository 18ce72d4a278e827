/*
 * The mistake: each fragment must be a text of its own. A fragment may end inside a character, only the
 * message may not.
 * On the wire: Close 1007 for a good text, depending on where the sender's buffer ended.
 *
 * Caught by: tests/12_messages.c
 * Says: a good text in two fragments, which may cut a character
 */
static int data_frame(struct websocket *ws, struct frame *frame)
{
    int result = 0;

    if (!frame->fin || frame->opcode == OPCODE_CONTINUATION || ws->message.opcode != 0)
        result = join_fragment(ws, frame);
    if (ws->message.opcode == 0)
        ws->message.opcode = frame->opcode;
    if (result == 0)
        result = too_big(ws, frame);
    if (result == 0)
        result = read_payload(ws, frame);
    if (result == 0)
        result = text_cut_off(ws);
    return result;
}
