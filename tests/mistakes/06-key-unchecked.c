/*
 * The mistake: whatever is in Sec-WebSocket-Key is hashed. It must be 16 bytes in Base64.
 * On the wire: 101 for an empty key, or for one of a thousand characters.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: a key that is not 16 bytes in Base64: expected 400
 */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *version = request_header(r, "Sec-WebSocket-Version", 0);

    if (version == NULL || strcmp(version, "13") != 0 ||
        request_header(r, "Sec-WebSocket-Version", 1) != NULL)
        return fail(r, 426, "The Sec-WebSocket-Version must be 13.");
    if (!request_lists(r, "Connection", "upgrade"))
        return fail(r, 400, "The Connection field does not list Upgrade.");
    if (request_header(r, "Sec-WebSocket-Key", 0) == NULL ||
        request_header(r, "Sec-WebSocket-Key", 1) != NULL)
        return fail(r, 400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64.");
    return check_origin(r, allowed, allowed_count);
}
