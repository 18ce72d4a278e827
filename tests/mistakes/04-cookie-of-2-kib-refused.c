/*
 * The mistake: a header line may have 1 KiB. Cookies are often longer, and a browser sends those of
 * all programs that ran at the same address.
 * On the wire: 431 for some people's browsers, and for others not.
 *
 * Caught by: tests/04_request.c
 * Says: a cookie of 2 KiB
 */
static int read_line(struct request *r, struct stream *s, int too_long, char **line)
{
    size_t room = 1024, length;
    int result;

    if (room > REQUEST_BYTES - r->used)
        room = REQUEST_BYTES - r->used;
    *line = r->text + r->used;
    result = stream_read_line(s, *line, room + 1, &length);
    if (result == STREAM_END && r->used == 0 && length == 0)
        return STREAM_END;
    if (result == 0 && length + 1 > room)
        result = STREAM_TOO_LONG;
    if (result == 0)
        r->used += length + 1;
    return line_status(r, result, too_long);
}
