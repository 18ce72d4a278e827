/*
 * The mistake: a line goes into an array that is thought to be long enough, and nobody counts.
 * On the wire: a line of some thousand bytes overwrites what follows the array in memory. The server
 * crashes, or does what the sender wants.
 *
 * Caught by: tests/suites/04_request.c
 * Says: short ones has crashed
 */
static int read_line(struct request *r, int too_long, char **line)
{
    char buffer[1024];
    size_t length;

    if (stream_read_line(r->stream, buffer, REQUEST_LINE_BYTES + 2, &length) != 0)
        return r->stream->cause == STREAM_EOF && r->used + length == 0 ? -1 : fail_line(r, too_long);
    if (r->used + length + 1 > REQUEST_BYTES)
        return fail(r, too_long, "The request is too long.");
    *line = r->text + r->used;
    memcpy(*line, buffer, length + 1);
    r->used += length + 1;
    return 0;
}
