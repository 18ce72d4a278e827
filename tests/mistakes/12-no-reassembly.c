/*
 * The mistake: every frame is taken for a message.
 * On the wire: a message in two fragments comes back as its first half, and then Close 1002. Browsers
 * fragment long messages as they like.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: two fragments make one message
 */
int frame_read_message(struct websocket *ws)
{
    struct frame frame;

    ws->message.opcode = 0;
    ws->message.length = 0;
    do
        if (read_frame(ws, &frame) != 0)
            return -1;
    while (is_control(frame.opcode));
    return 0;
}
