/*
 * The mistake: each fragment must be a text of its own. A fragment may end inside a character; only the
 * message may not.
 * On the wire: Close 1007 for a good text, depending on where the sender's buffer ended.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: a good text in two fragments, which may cut a character
 */
static int read_data(struct websocket *ws, struct frame *frame)
{
    if (!frame->fin || frame->opcode == OPCODE_CONTINUATION || ws->message.opcode != 0)
        if (join_fragment(ws, frame) != 0)
            return -1;
    if (ws->message.opcode == 0)
        ws->message.opcode = frame->opcode;
    if (check_size(ws, frame) != 0 || read_payload(ws, frame) != 0)
        return -1;
    return check_text_end(ws);
}
