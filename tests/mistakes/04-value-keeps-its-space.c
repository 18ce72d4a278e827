/*
 * The mistake: everything after the colon is taken for the value, including the space.
 * On the wire: the host is " x", which is none; the key would be hashed with its space, and the client
 * would not recognise its accept key.
 *
 * Caught by: tests/suites/04_request.c
 * Says: one space after the colon
 */
static int parse_header(struct request *r, char *line)
{
    char *colon = strchr(line, ':');

    if (colon == NULL)
        return fail(r, 400, "A header field must be a name, a colon and a value.");
    if (r->header_count == REQUEST_HEADERS)
        return fail(r, 431, "There are too many header fields.");
    *colon = '\0';
    r->headers[r->header_count++] = (struct header){.name = line, .value = colon + 1};
    return 0;
}
