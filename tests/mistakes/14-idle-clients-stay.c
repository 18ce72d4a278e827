/*
 * The mistake: after the handshake, a client may be idle for ever. If its machine was switched off, it
 * never says so.
 * On the wire: no ping. Dead clients fill the table, until nobody else can connect.
 *
 * Caught by: tests/suites/14_limits.c
 * Says: a ping after the timeout
 */
static int keepalive(struct websocket *ws)
{
    (void)ws;
    return 0;
}
