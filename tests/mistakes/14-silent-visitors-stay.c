/*
 * The mistake: no wait has an end.
 * On the wire: a visitor who connects and says nothing keeps his place for ever. As many as there are
 * places, from one machine, and nobody else gets in.
 *
 * Caught by: tests/14_limits.c
 * Says: 408 for a silent visitor
 */
int stream_set_patience(struct stream *s, int seconds)
{
    (void)seconds;
    s->patience_ms = 0;
    return 0;
}

int stream_set_deadline(struct stream *s, int seconds)
{
    (void)seconds;
    s->deadline = 0;
    return 0;
}
