/*
 * The mistake: a Close frame is answered like a ping, and the loop goes on. Nothing may be sent after a
 * Close frame.
 * On the wire: "close, text", and a connection that stays until the client gives it up.
 *
 * Caught by: tests/suites/11_control.c
 * Says: data after a close
 */
static int handle_close(struct websocket *ws, size_t length)
{
    const unsigned char *payload = ws->control;
    unsigned code = length < 2 ? CLOSE_NO_STATUS : (unsigned)big_endian(payload, 2);
    struct utf8 reason = {.missing = 0};

    if (length == 1)
        return fail(ws, CLOSE_PROTOCOL_ERROR, "close code cut in half");
    if (length >= 2 && !frame_is_close_code(code))
        return fail(ws, CLOSE_PROTOCOL_ERROR, "close code that may not be sent");
    if (length > 2 && (utf8_check(&reason, payload + 2, length - 2) != 0 || reason.missing > 0))
        return fail(ws, CLOSE_INVALID_PAYLOAD, "close reason that is not UTF-8");
    return frame_write(ws, OPCODE_CLOSE, payload, length, 0);
}
