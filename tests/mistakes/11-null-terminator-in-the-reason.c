/*
 * The mistake: the reason of a Close frame is sent as C stores it, with its null terminator.
 * On the wire: the reason has one character more than it should, which a browser shows as a box, or not at
 * all.
 *
 * Caught by: tests/suites/11_control.c
 * Says: no null terminator belongs there
 */
static void on_upgrade(struct request *request, struct stream *socket, const struct head *head,
                       const struct route *route)
{
    struct websocket ws;

    (void)head; /* to look at, in a debugger: the stream will give these bytes out */
    request_free(request);
    frame_begin(&ws, socket, request->source, options.max_message, options.max_memory);
    frame_compress(&ws, request->deflate.window_bits);
    route->handler(&ws);
    if (ws.close_code != 0) { /* the client broke a rule, or we cannot go on: say why */
        trace_note(ws.source, ws.close_code == CLOSE_POLICY_VIOLATION ? TRACE_PING_TIMEOUT : TRACE_ERROR,
                   ws.reason);
        frame_close(&ws, ws.close_code, ws.reason, strlen(ws.reason) + 1);
        socket->cause = STREAM_CLOSED;
    }
    frame_end(&ws);
}
