/*
 * The mistake: nobody looks at Sec-WebSocket-Version.
 * On the wire: a client of another version gets 101, and both sides misunderstand each other's frames,
 * instead of agreeing on version 13.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: a version other than 13: expected 426
 */
int handshake_check(struct request *r, const struct origin *allowed, size_t allowed_count)
{
    const char *key = request_header(r, "Sec-WebSocket-Key", 0);

    if (!request_lists(r, "Connection", "upgrade"))
        return fail(r, 400, "The Connection field does not list Upgrade.");
    if (key == NULL || request_header(r, "Sec-WebSocket-Key", 1) != NULL || !is_key(key))
        return fail(r, 400, "There must be one Sec-WebSocket-Key, of 16 bytes in Base64.");
    return check_origin(r, allowed, allowed_count);
}
