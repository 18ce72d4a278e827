/*
 * The mistake: a list of tokens is searched with strstr, which also finds a part of a token.
 * On the wire: "Connection: no-upgrade" is taken for an upgrade.
 *
 * Caught by: tests/suites/04_request.c
 * Says: a part of a token is none
 */
bool request_lists(const struct request *r, const char *name, const char *token)
{
    const char *value;

    for (size_t nth = 0; (value = request_header(r, name, nth)) != NULL; nth++)
        if (strcasestr(value, token) != NULL)
            return true;
    return false;
}
