/*
 * The mistake: what one recv gave is taken for the whole payload.
 * On the wire: short messages are right. Of a long one, the beginning is echoed, and the rest taken for
 * frames.
 *
 * Caught by: tests/10_echo.c
 * Says: a payload that no single recv brings
 */
static int read_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;
    size_t got = 0;
    int result = 0;

    if (frame->length == 0)
        return 0;
    result = make_room(ws);
    if (result == 0)
        result = read_piece(ws, frame, m->bytes + m->length, m->capacity - m->length, &got);
    if (m->opcode == OPCODE_TEXT && frame_check_utf8(&ws->text, m->bytes + m->length, got) != 0)
        result = wrong(ws, CLOSE_BAD_TEXT, "text that is not UTF-8");
    m->length += got;
    return result;
}
