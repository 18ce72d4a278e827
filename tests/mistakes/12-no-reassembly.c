/*
 * The mistake: every frame is taken for a message.
 * On the wire: a message in two fragments comes back as its first half, and then Close 1002. Browsers
 * fragment long messages as they like.
 *
 * Caught by: tests/12_messages.c
 * Says: two fragments make one message
 */
int frame_read_message(struct websocket *ws)
{
    struct frame frame;
    int result;

    ws->message.opcode = 0;
    ws->message.length = 0;
    do
        result = read_frame(ws, &frame);
    while (result == 0 && is_control(frame.opcode));
    return result;
}
