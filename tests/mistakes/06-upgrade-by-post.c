/*
 * The mistake: nobody looks at the method, neither for the page nor for an upgrade.
 * On the wire: a POST gets 101. A form of any page can send a POST.
 *
 * Caught by: tests/06_upgrade.c
 * Says: an upgrade by POST: expected 405
 */
bool handshake_is_upgrade(const struct request *r)
{
    return r->version >= 11 && request_lists(r, "Upgrade", "websocket");
}

static int answer(struct client *client, struct request *request)
{
    const struct resource *resource = NULL;

    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
        if (strcmp(resources[i].path, request->path) == 0)
            resource = &resources[i];
    if (asks_for_view(request) && !options.wire)
        resource = NULL;
    if (resource == NULL)
        return 404;
    if (handshake_is_upgrade(request))
        return upgrade(client, request, resource);
    if (resource->file == NULL)
        return 426;
    return send_file(&client->stream, request, resource);
}
