/*
 * The mistake: every reply is sent as text, because the tutorial's messages are all text.
 * On the wire: a binary message comes back as text, and the browser closes the connection if it is not
 * UTF-8.
 *
 * Caught by: tests/10_echo.c
 * Says: expected: binary*300000 close:1000 but got: text*300000
 */
static int echo(struct websocket *ws)
{
    int result;

    do {
        result = frame_read_message(ws);
        if (result == 0)
            result = frame_write(ws, OPCODE_TEXT, ws->message.bytes, ws->message.length,
                                 stream_more(ws->stream));
    } while (result == 0);
    return result;
}
