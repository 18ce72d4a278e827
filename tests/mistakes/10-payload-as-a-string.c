/*
 * The mistake: a payload is handled as a string. It may hold zero bytes, even if it is text.
 * On the wire: the echo ends at the first zero byte.
 *
 * Caught by: tests/10_echo.c
 * Says: zero bytes in a text
 */
static int echo(struct websocket *ws)
{
    int result;

    do {
        result = frame_read_message(ws);
        if (result == 0) {
            char *text =
                strndup(ws->message.length > 0 ? (char *)ws->message.bytes : "", ws->message.length);
            if (text == NULL)
                return -1;
            result = frame_write(ws, ws->message.opcode, text, strlen(text), 0);
            free(text);
        }
    } while (result == 0);
    return result;
}
