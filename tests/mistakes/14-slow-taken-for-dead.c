/*
 * The mistake: a client that sends nothing is pinged, and given up if no pong comes, even if it is
 * still busy receiving what it was sent before the ping.
 * On the wire: a large echo over a slow line ends with Close 1008, though every byte arrives.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: with --timeout 2: 
 */
static int keepalive(struct websocket *ws)
{
    if (ws->pinged && ws->pinged_at == ws->stream->received)
        return fail(ws, CLOSE_POLICY_VIOLATION, "no reply to a ping");
    ws->pinged = true;
    ws->pinged_at = ws->stream->received;
    return frame_write(ws, OPCODE_PING, NULL, 0, 0);
}
