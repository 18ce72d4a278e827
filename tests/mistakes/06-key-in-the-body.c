/*
 * The mistake: the empty line is passed over. All bytes that have come are searched for header fields,
 * including those after the request.
 * On the wire: a key in the body gives 101. In bytes that somebody else may choose, such as a form's,
 * an upgrade can be hidden.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: a key in the body: expected 400
 */
int request_read(struct request *r)
{
    char *line;

    r->text = malloc(REQUEST_BYTES + 1);
    r->headers = malloc(REQUEST_HEADERS * sizeof *r->headers);
    if (r->text == NULL || r->headers == NULL)
        return fail(r, 503, "The server is out of memory.");
    if (read_line(r, 414, &line) != 0 || parse_request_line(r, line) != 0)
        return -1;
    do {
        if (read_line(r, 431, &line) != 0 || (*line != '\0' && parse_header(r, line) != 0))
            return -1;
    } while (*line != '\0' || stream_waiting(r->stream) > 0);
    return check_request(r);
}
