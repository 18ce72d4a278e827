/*
 * The mistake: a payload is handled as a string. It may hold zero bytes, even if it is text.
 * On the wire: the echo ends at the first zero byte.
 *
 * Caught by: tests/suites/10_echo.c
 * Says: zero bytes in a text
 */
static void echo(struct websocket *ws)
{
    const struct message *m = &ws->message;
    int result = 0;

    while (result == 0 && frame_read_message(ws) == 0) {
        char *text = strndup(m->length > 0 ? (char *)m->bytes : "", m->length);
        if (text == NULL)
            return;
        result = frame_write(ws, m->opcode, text, strlen(text), 0);
        free(text);
    }
}
