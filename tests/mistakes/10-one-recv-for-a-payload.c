/*
 * The mistake: whatever one recv returned is taken for the whole payload.
 * On the wire: short messages are right. Of a long one, the beginning is echoed, and the rest is taken
 * for frames.
 *
 * Caught by: tests/suites/10_echo.c
 * Says: a payload that no single recv brings
 */
static int read_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;
    size_t got;

    m->bytes = m->memory;
    if (frame->length == 0)
        return 0;
    if (make_room(ws) != 0 ||
        read_piece(ws, frame, m->bytes + m->length, m->capacity - m->length, &got) != 0)
        return -1;
    m->length += got;
    return check_text(ws, m->bytes + m->length - got, got);
}
