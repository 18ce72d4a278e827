/*
 * The mistake: a header field's name is compared byte for byte with the one in the RFC's example.
 * On the wire: "HOST: x" and "sec-websocket-key: ..." are not found, and good clients are rejected.
 *
 * Caught by: tests/suites/04_request.c
 * Says: the first a, which may be a capital letter
 */
const char *request_header(const struct request *r, const char *name, size_t nth)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcmp(r->headers[i].name, name) == 0 && nth-- == 0)
            return r->headers[i].value;
    return NULL;
}
