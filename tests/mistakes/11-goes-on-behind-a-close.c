/*
 * The mistake: a close is answered like a ping, and the loop goes on. Nothing may be sent behind a
 * close frame.
 * On the wire: "close, text", and a connection that stays until the client is tired of it.
 *
 * Caught by: tests/11_control.c
 * Says: data behind a close
 */
static int answer_close(struct websocket *ws, size_t length)
{
    const unsigned char *payload = ws->control;
    int code = length < 2 ? CLOSE_NO_CODE : (int)big_endian(payload, 2);
    struct utf8 reason = {.missing = 0};
    struct last_word word;

    if (length == 1)
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "close code cut in half");
    if (length >= 2 && !frame_is_close_code((unsigned)code))
        return wrong(ws, CLOSE_PROTOCOL_ERROR, "close code that may not be sent");
    if (length > 2 && (frame_check_utf8(&reason, payload + 2, length - 2) != 0 || reason.missing > 0))
        return wrong(ws, CLOSE_BAD_TEXT, "close reason that is not UTF-8");
    frame_make_close(&word, code, payload + 2, length < 2 ? 0 : length - 2);
    return say_last_word(ws, &word);
}

int stream_say_last_word(struct stream *s, const struct last_word *word)
{
    return stream_write(s, word->bytes, word->length, NULL, 0, true);
}
