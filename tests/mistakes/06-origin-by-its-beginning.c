/*
 * The mistake: an origin is taken for the server's own if it begins with the server's address.
 * On the wire: "http://localhost:8080.evil.example" begins with "http://localhost:8080", and gets 101.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: Origin: http://localhost:8080.evil.example but got: HTTP/1.1 101
 */
static int check_origin(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *text = request_header(r, "Origin", 0), *host = request_header(r, "Host", 0);
    struct origin origin;

    if (text == NULL)
        return 0;
    if (host != NULL && strncmp(text, "http://", 7) == 0 && strncmp(text + 7, host, strlen(host)) == 0)
        return 0;
    if (request_header(r, "Origin", 1) != NULL || origin_parse(text, &origin) != 0)
        return fail(r, 403, "The Origin field names no single origin.");
    for (size_t i = 0; i < allowed_count; i++)
        if (origin_is_same(&origin, &allowed[i]))
            return 0;
    if (origin_is_same(&origin, &r->host) && origin_is_local_or_address(&origin))
        return 0;
    return fail(r, 403, "Pages of this origin may not connect.");
}
