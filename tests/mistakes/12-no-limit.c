/*
 * The mistake: a message may be of any length.
 * On the wire: a client sends until the server has no memory left.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: one byte over the limit
 */
static int check_size(struct websocket *ws, const struct frame *frame)
{
    (void)ws;
    (void)frame;
    return 0;
}
