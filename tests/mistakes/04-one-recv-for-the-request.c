/*
 * The mistake: one recv is taken for the whole request; what did not come with it is not waited for.
 * On the wire: a request in two segments, as a slow line or a large cookie makes it, loses its last
 * header lines, and their bytes are taken for frames.
 *
 * Caught by: tests/04_request.c
 * Says: one recv is not one request
 */
int request_read(struct request *r, struct stream *s)
{
    char *line;
    int status;

    *r = (struct request){.text = malloc(REQUEST_BYTES + 1),
                          .headers = malloc(REQUEST_HEADERS * sizeof *r->headers)};
    if (r->text == NULL || r->headers == NULL)
        return wrong(r, 503, "The server is out of memory.");
    status = stream_fill(s);
    if (status == 0)
        status = read_line(r, s, 414, &line);
    if (status == 0)
        status = parse_request_line(r, line);
    while (status == 0 && stream_has_input(s) && (status = read_line(r, s, 431, &line)) == 0 &&
           *line != '\0')
        status = parse_header(r, line);
    return status == 0 ? check_request(r) : status;
}
