/*
 * The mistake: whatever one recv returned is taken for a line, even if its end has not come yet.
 * On the wire: nothing, as long as a request comes in one segment. A request that comes in two is
 * rejected, or misunderstood.
 *
 * Caught by: tests/suites/03_stream.c
 * Says: one recv is not one line
 */
int stream_read_line(struct stream *s, char *line, size_t size, size_t *length)
{
    *length = 0;
    if (s->in_start == s->in_end && stream_fill(s) != 0)
        return -1;
    while (s->in_start < s->in_end && *length + 1 < size) {
        char byte = (char)s->in[s->in_start++];
        if (byte == '\n')
            break;
        line[(*length)++] = byte;
    }
    if (*length > 0 && line[*length - 1] == '\r')
        --*length;
    line[*length] = '\0';
    return 0;
}
