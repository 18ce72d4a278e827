/*
 * The mistake: the empty line is passed over. All that has come is searched for header lines, what
 * stands behind the request as well.
 * On the wire: a key in the body gives 101. In bytes that somebody else may choose, such as a form's,
 * an upgrade can be hidden.
 *
 * Caught by: tests/06_upgrade.c
 * Says: a key in the body: expected 400
 */
int request_read(struct request *r, struct stream *s)
{
    char *line;
    int status;

    *r = (struct request){.text = malloc(REQUEST_BYTES + 1),
                          .headers = malloc(REQUEST_HEADERS * sizeof *r->headers)};
    if (r->text == NULL || r->headers == NULL)
        return wrong(r, 503, "The server is out of memory.");
    status = read_line(r, s, 414, &line);
    if (status == 0)
        status = parse_request_line(r, line);
    while (status == 0 && (status = read_line(r, s, 431, &line)) == 0) {
        if (*line != '\0')
            status = parse_header(r, line);
        else if (!stream_has_input(s))
            break;
    }
    return status == 0 ? check_request(r) : status;
}
