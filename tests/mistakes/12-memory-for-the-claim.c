/*
 * The mistake: memory is taken for the length that the header claims, before a byte of it has come.
 * On the wire: 14 bytes of a header cost the server a mebibyte; some thousand clients, all it has.
 *
 * Caught by: tests/12_messages.c
 * Says: claims of 1 MiB cost
 */
static int read_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;
    size_t needed = m->length + (size_t)frame->length + 1;
    unsigned char *bytes = realloc(m->bytes, needed);
    int result = 0;

    if (bytes == NULL)
        return wrong(ws, CLOSE_INTERNAL_ERROR, "out of memory");
    memset(bytes + m->length, 0, needed - m->length);
    m->bytes = bytes;
    m->capacity = needed;
    while (result == 0 && frame->offset < frame->length) {
        size_t got = 0;
        result = read_piece(ws, frame, m->bytes + m->length, m->capacity - m->length, &got);
        if (m->opcode == OPCODE_TEXT && frame_check_utf8(&ws->text, m->bytes + m->length, got) != 0)
            result = wrong(ws, CLOSE_BAD_TEXT, "text that is not UTF-8");
        m->length += got;
    }
    return result;
}
