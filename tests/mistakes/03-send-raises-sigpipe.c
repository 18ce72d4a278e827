/*
 * The mistake: send is called without MSG_NOSIGNAL. If the client has gone, the process gets SIGPIPE,
 * which ends it unless somebody has asked for something else.
 * On the wire: one client that leaves at the wrong moment ends the server for all.
 *
 * Caught by: tests/suites/03_stream.c
 * Says: a peer that is gone must be an error, but SIGPIPE came
 */
static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    const char *next = bytes;

    while (s->write_cause == STREAM_OK && length > 0) {
        ssize_t n = send(s->fd, next, length, msg_more);
        if (n >= 0) {
            next += n;
            length -= (size_t)n;
        } else if (errno != EINTR) {
            s->write_cause = cause_of(errno);
            shutdown(s->fd, SHUT_RDWR);
        }
    }
    return s->write_cause == STREAM_OK ? 0 : -1;
}
