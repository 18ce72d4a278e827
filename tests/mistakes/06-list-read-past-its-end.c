/*
 * The mistake: the way to the next element of a list goes one byte beyond the comma, or beyond the null
 * terminator if there is no comma. The next header field comes after it.
 * On the wire: "Connection: keep-alive" is taken for an upgrade if a later field's value is "Upgrade".
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: Upgrade in the field after Connection
 */
bool request_lists(const struct request *r, const char *name, const char *token)
{
    const char *p;

    for (size_t nth = 0; (p = request_header(r, name, nth)) != NULL; nth++)
        for (; *p != '\0'; p += strcspn(p, ",") + 1) {
            p += strspn(p, " \t");
            size_t length = token_length(p), spaces = strspn(p + length, " \t");
            bool whole = p[length + spaces] == ',' || p[length + spaces] == '\0';
            if (whole && length == strlen(token) && strncasecmp(p, token, length) == 0)
                return true;
        }
    return false;
}
