/*
 * The mistake: each piece of a payload is unmasked as if it were the beginning. Which byte of the key
 * comes next depends on how many bytes of the frame came before.
 * On the wire: long messages come back partly garbled, and not always in the same place.
 *
 * Caught by: tests/suites/10_echo.c
 * Says: a payload that no single recv brings
 */
static int read_piece(struct websocket *ws, struct frame *frame, unsigned char *to, size_t room,
                      size_t *got)
{
    if (room > frame->length - frame->offset)
        room = (size_t)(frame->length - frame->offset);
    while (stream_read_some(ws->stream, to, room, got) != 0)
        if (read_on(ws) != 0)
            return -1;
    frame_unmask(to, *got, frame->masking_key, 0);
    frame->offset += *got;
    return 0;
}
