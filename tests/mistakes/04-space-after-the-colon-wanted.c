/*
 * The mistake: a header field is split at ": ", but the space may be missing, and there may be more
 * than one.
 * On the wire: "Host:x" and "Sec-WebSocket-Key:dGhl..." are rejected.
 *
 * Caught by: tests/suites/04_request.c
 * Says: no space after the colon
 */
static int parse_header(struct request *r, char *line)
{
    char *colon = strstr(line, ": ");

    if (colon == NULL)
        return fail(r, 400, "A header field must be a name, a colon and a value.");
    if (r->header_count == REQUEST_HEADERS)
        return fail(r, 431, "There are too many header fields.");
    *colon = '\0';
    r->headers[r->header_count++] = (struct header){.name = line, .value = colon + 2};
    return 0;
}
