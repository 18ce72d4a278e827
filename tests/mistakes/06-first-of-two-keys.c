/*
 * The mistake: the first Sec-WebSocket-Key is taken, and nobody looks for a second one.
 * On the wire: 101, with an accept key for one of them. A proxy in front may have read the other.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: two keys: expected 400
 */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *version = request_header(r, "Sec-WebSocket-Version", 0);
    const char *key = request_header(r, "Sec-WebSocket-Key", 0);

    if (version == NULL || strcmp(version, "13") != 0 ||
        request_header(r, "Sec-WebSocket-Version", 1) != NULL)
        return fail(r, 426, "The Sec-WebSocket-Version must be 13.");
    if (!request_lists(r, "Connection", "upgrade"))
        return fail(r, 400, "The Connection field does not list Upgrade.");
    if (key == NULL || !is_key(key))
        return fail(r, 400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64.");
    return check_origin(r, allowed, allowed_count);
}
