/*
 * The mistake: send is called without MSG_NOSIGNAL. Where the peer has gone, the process gets SIGPIPE,
 * which ends it unless somebody has asked for something else.
 * On the wire: one client that leaves at the wrong moment takes the server along.
 *
 * Caught by: tests/03_stream.c
 * Says: a peer that is gone must be an error, but SIGPIPE came
 */
static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    const char *next = bytes;
    int flags = msg_more | (s->patience_ms == 0 ? 0 : MSG_DONTWAIT);

    while (s->write_error == 0 && length > 0) {
        ssize_t n = send(s->fd, next, length, flags);
        if (n >= 0) {
            next += n;
            length -= (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            s->write_error = STREAM_ERROR;
        } else if (await(s, POLLOUT, end_of_patience(s)) != 0) {
            s->write_error = STREAM_STUCK;
        }
    }
    return s->write_error;
}
