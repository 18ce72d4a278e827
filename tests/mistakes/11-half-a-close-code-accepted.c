/*
 * The mistake: a Close frame with one byte is taken for an empty one. It is half a code.
 * On the wire: an empty Close frame, but Close 1002 must come.
 *
 * Caught by: tests/suites/11_control.c
 * Says: a close of one byte
 */
static int handle_close(struct websocket *ws, size_t length)
{
    const unsigned char *payload = ws->control;
    unsigned code = length < 2 ? CLOSE_NO_STATUS : (unsigned)big_endian(payload, 2);
    struct utf8 reason = {.missing = 0};

    if (length >= 2 && !frame_is_close_code(code))
        return fail(ws, CLOSE_PROTOCOL_ERROR, "close code that may not be sent");
    if (length > 2 && (utf8_check(&reason, payload + 2, length - 2) != 0 || reason.missing > 0))
        return fail(ws, CLOSE_INVALID_PAYLOAD, "close reason that is not UTF-8");
    frame_close(ws, code, payload + 2, length < 2 ? 0 : length - 2);
    ws->stream->cause = STREAM_EOF;
    return -1;
}
