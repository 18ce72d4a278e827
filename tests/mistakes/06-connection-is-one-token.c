/*
 * The mistake: the value of Connection is compared with "Upgrade". It is a list of tokens.
 * On the wire: Firefox, which sends "Connection: keep-alive, Upgrade", is rejected.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: Connection: keep-alive, Upgrade
 */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *version = request_header(r, "Sec-WebSocket-Version", 0);
    const char *connection = request_header(r, "Connection", 0);
    const char *key = request_header(r, "Sec-WebSocket-Key", 0);

    if (version == NULL || strcmp(version, "13") != 0)
        return fail(r, 426, "The Sec-WebSocket-Version must be 13.");
    if (connection == NULL || strcasecmp(connection, "Upgrade") != 0)
        return fail(r, 400, "The Connection field does not list Upgrade.");
    if (key == NULL || !is_key(key))
        return fail(r, 400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64.");
    return check_origin(r, allowed, allowed_count);
}
