/*
 * The mistake: each piece of a payload is unmasked as if it were its beginning. Which byte of the key
 * comes next depends on how many bytes of the frame came before.
 * On the wire: long messages come back with parts that are garbled, and not always the same ones.
 *
 * Caught by: tests/10_echo.c
 * Says: a payload that no single recv brings
 */
static int read_piece(struct websocket *ws, struct frame *frame, unsigned char *to, size_t room,
                      size_t *got)
{
    int result;

    if (room > frame->length - frame->offset)
        room = (size_t)(frame->length - frame->offset);
    do
        result = stream_read_some(ws->stream, to, room, got);
    while (result == STREAM_TIMEOUT && (result = peer_silent(ws)) == 0);
    if (result != 0)
        return result;
    frame_unmask(to, *got, frame->masking_key, 0);
    frame->offset += *got;
    return 0;
}
