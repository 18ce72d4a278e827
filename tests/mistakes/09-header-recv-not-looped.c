/*
 * The mistake: one recv is called for the two bytes of a header, and is taken to have returned both.
 * On the wire: if a segment ends after the first byte, the length is whatever was in memory, and
 * everything after it is misread.
 *
 * Caught by: tests/suites/09_frame_header.c
 * Says: one recv is not one header
 */
int stream_need(struct stream *s, size_t n)
{
    return s->in_end - s->in_start < n ? stream_fill(s) : 0;
}
