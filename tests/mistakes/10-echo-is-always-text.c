/*
 * The mistake: every reply is sent as text, because the tutorial's messages are all text.
 * On the wire: a binary message comes back as text, and the browser closes the connection if it is not
 * UTF-8.
 *
 * Caught by: tests/suites/10_echo.c
 * Says: expected: binary*300000 close:1000 but got: text*300000
 */
static void echo(struct websocket *ws)
{
    const struct message *m = &ws->message;

    while (frame_read_message(ws) == 0)
        if (frame_write(ws, OPCODE_TEXT, m->bytes, m->length, stream_more(ws->stream)) != 0)
            return;
}
