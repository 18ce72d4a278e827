/*
 * The mistake: the index into the masking key counts the bytes of the message. It must begin anew with
 * each frame, because each has a key of its own.
 * On the wire: from the second fragment on, messages are garbled, unless the first one's length is a
 * multiple of four.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: the mask begins anew with each fragment
 */
static int read_piece(struct websocket *ws, struct frame *frame, unsigned char *to, size_t room,
                      size_t *got)
{
    if (room > frame->length - frame->offset)
        room = (size_t)(frame->length - frame->offset);
    while (stream_read_some(ws->stream, to, room, got) != 0)
        if (read_on(ws) != 0)
            return -1;
    frame_unmask(to, *got, frame->masking_key,
                 is_control(frame->opcode) ? frame->offset : ws->message.length);
    frame->offset += *got;
    return 0;
}
