/*
 * The mistake: two threads write to one client, and nothing keeps their frames apart.
 * On the wire: half a frame, then another one, then the rest. The client ends the connection.
 *
 * Caught by: tests/suites/13_chat.c
 * Says: what two threads write must stay whole
 */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, unsigned flags)
{
    int result = -1;

    if (!s->closed && s->write_cause == STREAM_OK)
        result = write_locked(s, first, first_length, second, second_length, flags);
    if ((flags & STREAM_LAST) != 0)
        s->closed = true;
    return result;
}
