/*
 * The mistake: one buffer for all. A ping between two fragments throws away what has come.
 * On the wire: Close 1002 at the next fragment, or half a message. Browsers ping as they like.
 *
 * Caught by: tests/12_messages.c
 * Says: a ping between
 */
int frame_read_message(struct websocket *ws)
{
    struct frame frame;
    int result;

    ws->message.opcode = 0;
    ws->message.length = 0;
    do {
        result = read_frame(ws, &frame);
        if (result == 0 && is_control(frame.opcode)) {
            ws->message.opcode = 0;
            ws->message.length = 0;
        }
    } while (result == 0 && (is_control(frame.opcode) || !frame.fin));
    return result;
}
