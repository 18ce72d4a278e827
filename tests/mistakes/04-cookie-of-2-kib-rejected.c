/*
 * The mistake: a line may have 1 KiB. Cookies are often longer, and a browser sends those of all
 * programs that have run at the same address.
 * On the wire: 431 for some people's browsers, and for others not.
 *
 * Caught by: tests/suites/04_request.c
 * Says: a cookie of 2 KiB
 */
static int read_line(struct request *r, int too_long, char **line)
{
    size_t room = 1024, length;
    int result;

    if (room > REQUEST_BYTES - r->used)
        room = REQUEST_BYTES - r->used;
    *line = r->text + r->used;
    result = stream_read_line(r->stream, *line, room + 1, &length);
    if (result == 0 && length + 1 > room) {
        r->stream->cause = STREAM_TOO_LONG;
        result = -1;
    }
    if (result != 0)
        return r->stream->cause == STREAM_EOF && r->used + length == 0 ? -1 : fail_line(r, too_long);
    r->used += length + 1;
    return 0;
}
