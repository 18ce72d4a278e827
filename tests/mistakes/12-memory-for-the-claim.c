/*
 * The mistake: memory is taken for the length that the header claims, before a byte of it has come.
 * On the wire: the 14 bytes of a header cost the server a mebibyte; some thousand clients cost it
 * everything it has.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: claims of 1 MiB cost
 */
static int read_payload(struct websocket *ws, struct frame *frame)
{
    struct message *m = &ws->message;
    size_t needed = m->length + (size_t)frame->length + 1, got;
    unsigned char *bytes = realloc(m->memory, needed);

    if (bytes == NULL)
        return fail(ws, CLOSE_INTERNAL_ERROR, "out of memory");
    memset(bytes + m->length, 0, needed - m->length);
    memory_used += counted(needed) - counted(m->capacity);
    m->memory = m->bytes = bytes;
    m->capacity = needed;
    while (frame->offset < frame->length) {
        if (read_piece(ws, frame, m->bytes + m->length, m->capacity - m->length, &got) != 0)
            return -1;
        m->length += got;
        if (check_text(ws, m->bytes + m->length - got, got) != 0)
            return -1;
    }
    return 0;
}
