/*
 * The mistake: two threads write to one client, and nothing keeps their frames apart.
 * On the wire: half a frame, then another one, then the rest. The client ends the connection.
 *
 * Caught by: tests/13_wire.c
 * Says: what two threads write must stay whole
 */
int stream_write(struct stream *s, const void *first, size_t first_length, const void *second,
                 size_t second_length, bool more)
{
    size_t length = first_length + second_length;
    int result = s->last_word_said ? STREAM_OVER : s->write_error;

    if (result == 0 && length > STREAM_BUFFER_BYTES - s->out_length) {
        result = send_large_locked(s, first, first_length, second, second_length);
    } else if (result == 0 && !more && s->out_length == 0 && length <= SMALL_BYTES) {
        result = send_small_locked(s, first, first_length, second, second_length);
    } else if (result == 0) {
        append_locked(s, first, first_length);
        append_locked(s, second, second_length);
        if (!more)
            result = flush_locked(s, 0);
    }
    return result;
}
