/*
 * The mistake: there is one buffer for everything. A ping between two fragments throws away what has
 * come.
 * On the wire: Close 1002 at the next fragment, or half a message. Browsers ping as they like.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: a ping between
 */
int frame_read_message(struct websocket *ws)
{
    struct frame frame = {.opcode = OPCODE_PING};

    do {
        if (is_control(frame.opcode)) {
            ws->message.opcode = 0;
            ws->message.length = 0;
        }
        if (read_frame(ws, &frame) != 0)
            return -1;
    } while (is_control(frame.opcode) || !frame.fin);
    return 0;
}
