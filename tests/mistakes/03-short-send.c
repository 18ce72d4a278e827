/*
 * The mistake: send is called once, and what it returns is only compared with -1. A send may take only
 * a part of the bytes.
 * On the wire: the end of a long response is missing, and the next bytes are taken for it.
 *
 * Caught by: tests/suites/03_stream.c
 * Says: the other side must get every byte, in order, and the end (a send may take only a part)
 */
static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    if (s->write_cause == STREAM_OK && length > 0) {
        if (send(s->fd, bytes, length, msg_more | MSG_NOSIGNAL) == -1) {
            s->write_cause = cause_of(errno);
            shutdown(s->fd, SHUT_RDWR);
        }
    }
    return s->write_cause == STREAM_OK ? 0 : -1;
}
