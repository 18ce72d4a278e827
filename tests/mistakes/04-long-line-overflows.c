/*
 * The mistake: a line goes into an array that is thought to be long enough, and nobody counts.
 * On the wire: a line of some thousand bytes overwrites what lies behind the array. The server crashes,
 * or does what the sender wants.
 *
 * Caught by: tests/04_request.c
 * Says: reading a long line has crashed
 */
static int read_line(struct request *r, struct stream *s, int too_long, char **line)
{
    char buffer[1024];
    size_t length;
    int result = stream_read_line(s, buffer, REQUEST_LINE_BYTES + 2, &length);

    if (result == STREAM_END && r->used == 0 && length == 0)
        return STREAM_END;
    if (result == 0 && r->used + length + 1 > REQUEST_BYTES)
        result = STREAM_TOO_LONG;
    *line = r->text + r->used;
    if (result == 0) {
        memcpy(*line, buffer, length + 1);
        r->used += length + 1;
    }
    return line_status(r, result, too_long);
}
