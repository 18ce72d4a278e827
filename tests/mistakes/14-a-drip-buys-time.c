/*
 * The mistake: each recv has a timeout, but the request as a whole has none.
 * On the wire: a visitor who sends a byte now and then keeps his place for ever.
 *
 * Caught by: tests/14_limits.c
 * Says: a request that drips must be refused
 */
int stream_set_deadline(struct stream *s, int seconds)
{
    (void)seconds;
    s->deadline = 0;
    return 0;
}
