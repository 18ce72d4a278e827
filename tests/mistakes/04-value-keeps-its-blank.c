/*
 * The mistake: all behind the colon is taken for the value, the blank as well.
 * On the wire: the host is " x", which is none; the key would be hashed with its blank, and the client
 * would not know its accept key.
 *
 * Caught by: tests/04_request.c
 * Says: one blank behind the colon
 */
static int parse_header(struct request *r, char *line)
{
    char *colon = strchr(line, ':');

    if (colon == NULL)
        return wrong(r, 400, "A header line must be a name, a colon and a value.");
    if (r->header_count == REQUEST_HEADERS)
        return wrong(r, 431, "There are too many header lines.");
    *colon = '\0';
    r->headers[r->header_count++] = (struct header){.name = line, .value = colon + 1};
    return 0;
}
