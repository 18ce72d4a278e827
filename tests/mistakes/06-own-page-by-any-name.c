/*
 * The mistake: a page is taken for the server's own if its origin is the one in the Host field. But
 * anybody may give a name of theirs this machine's address, which is called DNS rebinding.
 * On the wire: 101 for a page of http://evil.example, whose name was led to 127.0.0.1 after the page
 * was loaded.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: Origin: http://evil.example but got: HTTP/1.1 101
 */
static int check_origin(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *text = request_header(r, "Origin", 0);
    struct origin origin;

    if (text == NULL)
        return 0;
    if (request_header(r, "Origin", 1) != NULL || origin_parse(text, &origin) != 0)
        return fail(r, 403, "The Origin field names no single origin.");
    for (size_t i = 0; i < allowed_count; i++)
        if (origin_is_same(&origin, &allowed[i]))
            return 0;
    if (origin_is_same(&origin, &r->host))
        return 0;
    return fail(r, 403, "Pages of this origin may not connect.");
}
