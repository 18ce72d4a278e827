/*
 * The mistake: after its response, the server waits for the client's end, however long that takes.
 * On the wire: a client that keeps its end open holds a thread; if it sends a byte now and then, for
 * ever.
 *
 * Caught by: tests/suites/05_page.c
 * Says: a client goes on sending, and stream_linger goes on receiving
 */
void stream_linger(struct stream *s)
{
    ssize_t n;

    if (stream_flush(s) != 0 || shutdown(s->fd, SHUT_WR) != 0)
        return;
    do
        n = recv(s->fd, s->in, sizeof s->in, 0);
    while (n > 0 || (n < 0 && errno == EINTR));
}
