/*
 * The mistake: behind the handshake, silence has no end. A client whose machine was switched off never
 * says so.
 * On the wire: no ping. The dead fill the table, until nobody else gets in.
 *
 * Caught by: tests/14_limits.c
 * Says: a ping after silence
 */
static int peer_silent(struct websocket *ws)
{
    (void)ws;
    return 0;
}
