/*
 * The mistake: send is called without MSG_NOSIGNAL. Where the peer has gone, the process gets SIGPIPE,
 * which ends it unless somebody has asked for something else.
 * On the wire: one client that leaves at the wrong moment takes the server along.
 *
 * Caught by: tests/03_stream.c
 * Says: a peer that is gone must be an error, but SIGPIPE came
 */
static int send_all_locked(struct stream *s, struct iovec *list, size_t count)
{
    struct msghdr pieces = {.msg_iov = list, .msg_iovlen = count};
    int flags = s->patience_ms == 0 ? 0 : MSG_DONTWAIT;

    while (s->write_error == 0 && pieces.msg_iovlen > 0) {
        ssize_t n = sendmsg(s->fd, &pieces, flags);
        if (n >= 0)
            skip_sent(&pieces, (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            s->write_error = STREAM_ERROR;
        else if (await(s, POLLOUT, end_of_patience(s)) != 0)
            s->write_error = STREAM_STUCK;
    }
    return s->write_error;
}
