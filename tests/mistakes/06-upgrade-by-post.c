/*
 * The mistake: nobody looks at the method, neither for the page nor for an upgrade.
 * On the wire: a POST gets 101. A form on any page can send a POST.
 *
 * Caught by: tests/suites/06_upgrade.c
 * Says: an upgrade by POST: expected 405
 */
bool handshake_is_upgrade(const struct request *r)
{
    return r->version >= 11 && request_lists(r, "Upgrade", "websocket");
}

static int respond(struct client *client, struct request *request)
{
    const struct route *route = find_route(request->path);
    const struct file *file = files_lookup(request->path);

    if (route == NULL && file == NULL)
        return fail(request, 404, NULL);
    if (handshake_is_upgrade(request))
        return upgrade(client, request, route);
    if (file == NULL)
        return fail(request, 426, NULL);
    return send_file(request, file);
}
