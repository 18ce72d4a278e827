/*
 * The mistake: the Close frame is written like any other, and nobody remembers that it was the last
 * one.
 * On the wire: a frame that another thread writes meanwhile, or the reply to a ping, follows the Close
 * frame. The client ends the connection, because nothing may follow it.
 *
 * Caught by: tests/suites/11_control.c
 * Says: after the Close frame nothing may be sent
 */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, unsigned flags)
{
    int result = -1;

    pthread_mutex_lock(&s->write_lock);
    if (s->write_cause == STREAM_OK)
        result = write_locked(s, first, first_length, second, second_length, flags);
    pthread_mutex_unlock(&s->write_lock);
    return result;
}
