/*
 * The mistake: one recv is called for the two bytes of a header, and taken to have given both.
 * On the wire: where a segment ends after the first byte, the length is whatever lay in memory, and
 * everything behind is misread.
 *
 * Caught by: tests/09_frame_header.c
 * Says: byte by byte: one recv is not one header
 */
int stream_read_exactly(struct stream *s, void *to, size_t n)
{
    int result = 0;

    if (s->in_start == s->in_end)
        result = stream_fill(s);
    if (result != 0)
        return result;
    if (n > s->in_end - s->in_start)
        n = s->in_end - s->in_start;
    memcpy(to, s->in + s->in_start, n);
    s->in_start += n;
    return 0;
}
