/*
 * The mistake: a header line is split at ": ", but the blank may be missing, and there may be more.
 * On the wire: "Host:x" and "Sec-WebSocket-Key:dGhl..." are refused.
 *
 * Caught by: tests/04_request.c
 * Says: no blank behind the colon
 */
static int parse_header(struct request *r, char *line)
{
    char *colon = strstr(line, ": ");

    if (colon == NULL)
        return wrong(r, 400, "A header line must be a name, a colon and a value.");
    if (r->header_count == REQUEST_HEADERS)
        return wrong(r, 431, "There are too many header lines.");
    *colon = '\0';
    r->headers[r->header_count++] = (struct header){.name = line, .value = colon + 2};
    return 0;
}
