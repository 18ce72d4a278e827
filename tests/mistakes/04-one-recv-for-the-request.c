/*
 * The mistake: one recv is taken for the whole request; the server does not wait for what did not come
 * with it.
 * On the wire: a request in two segments, which a slow line or a large cookie makes of it, loses its
 * last header fields, and their bytes are taken for frames.
 *
 * Caught by: tests/suites/04_request.c
 * Says: one recv is not one request
 */
int request_read(struct request *r)
{
    char *line;

    r->text = malloc(REQUEST_BYTES + 1);
    r->headers = malloc(REQUEST_HEADERS * sizeof *r->headers);
    if (r->text == NULL || r->headers == NULL)
        return fail(r, 503, "The server is out of memory.");
    if (stream_fill(r->stream) != 0 || read_line(r, 414, &line) != 0 || parse_request_line(r, line) != 0)
        return -1;
    while (stream_waiting(r->stream) > 0) {
        if (read_line(r, 431, &line) != 0)
            return -1;
        if (*line == '\0')
            break;
        if (parse_header(r, line) != 0)
            return -1;
    }
    return check_request(r);
}
