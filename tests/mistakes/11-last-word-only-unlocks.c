/*
 * The mistake: the lock is let go of, and nobody looks whether something was left to be done meanwhile.
 * On the wire: what another thread wanted to go at once waits, until something else is sent.
 *
 * Caught by: tests/11_control.c
 * Says: letting go of the lock must take it up
 */
int stream_say_last_word(struct stream *s, const struct last_word *word)
{
    int result;

    pthread_mutex_lock(&s->write_lock);
    result = s->last_word_said ? STREAM_OVER : 0;
    if (result == 0)
        append_locked(s, word->bytes, word->length);
    s->last_word_said = true;
    pthread_mutex_unlock(&s->write_lock);
    return result;
}
