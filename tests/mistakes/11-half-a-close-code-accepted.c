/*
 * The mistake: a close frame with one byte is taken for an empty one. It is half a code.
 * On the wire: an empty close, where Close 1002 must come.
 *
 * Caught by: tests/11_control.c
 * Says: a close of one byte
 */
static int answer_close(struct websocket *ws, size_t length)
{
    const unsigned char *payload = ws->control;
    int code = length < 2 ? CLOSE_NO_CODE : (int)big_endian(payload, 2);
    struct utf8 reason = {.missing = 0};
    struct last_word word;

    if (length >= 2 && !frame_is_close_code((unsigned)code))
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "close code that may not be sent");
    if (length > 2 && (frame_check_utf8(&reason, payload + 2, length - 2) != 0 || reason.missing > 0))
        return wrong(ws, CLOSE_BAD_TEXT, "close reason that is not UTF-8");
    frame_make_close(&word, code, payload + 2, length < 2 ? 0 : length - 2);
    say_last_word(ws, &word);
    return STREAM_END;
}
