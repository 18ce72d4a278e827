/*
 * The mistake: send is called once, and its answer only compared with -1. A send may take a part.
 * On the wire: the end of a long answer is missing; what is sent next is taken for it.
 *
 * Caught by: tests/03_stream.c
 * Says: the other side must get every byte, in order, and the end (a send may take only a part)
 */
static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    int flags = msg_more | MSG_NOSIGNAL | (s->patience_ms == 0 ? 0 : MSG_DONTWAIT);

    if (s->write_error == 0 && length > 0 && send(s->fd, bytes, length, flags) == -1)
        s->write_error = STREAM_ERROR;
    return s->write_error;
}
