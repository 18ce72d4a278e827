/* origin.c - see origin.h for what the calls promise */
#include "origin.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lesson 4, provided. Reads the end of an authority, "" or ":8080"; "" leaves the port as it is. */
static int parse_port(const char *text, unsigned *port)
{
    size_t digits = *text == ':' ? strspn(text + 1, "0123456789") : 0;

    if (*text == '\0')
        return 0;
    if (*text != ':' || digits > 5 || text[1 + digits] != '\0')
        return -1;
    if (digits > 0)
        *port = (unsigned)strtoul(text + 1, NULL, 10);
    return *port > 65535 ? -1 : 0;
}

/* Lesson 4, provided. Whether each % in a name begins an escape of two hex digits: RFC 3986 section
 * 2.1. */
static bool escapes_are_whole(const char *text)
{
    while ((text = strchr(text, '%')) != NULL) {
        if (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2]))
            return false;
        text++;
    }
    return true;
}

/* Lesson 4, provided. Whether a text is an IPv6 address in brackets, with nothing left out. */
static bool is_bracketed_address(const char *text)
{
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(text + 1, "]");
    struct in6_addr ignored;

    if (length >= sizeof address || strcmp(text + 1 + length, "]") != 0)
        return false;
    memcpy(address, text + 1, length);
    address[length] = '\0';
    return inet_pton(AF_INET6, address, &ignored) == 1;
}

/* Lesson 4, provided. Reads a host, a name or an address in brackets: RFC 3986 section 3.2.2. */
static int parse_host(const char *text, char host[HOST_BYTES + 1])
{
    static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-._~%!$&'()*+,;=";
    size_t length = strlen(text);

    if (length == 0 || length > HOST_BYTES)
        return -1;
    if (*text == '[' && !is_bracketed_address(text))
        return -1;
    if (*text != '[' && (strspn(text, name_bytes) != length || !escapes_are_whole(text)))
        return -1;
    for (size_t i = 0; i <= length; i++)
        host[i] = (char)tolower((unsigned char)text[i]);
    return 0;
}

/* Lesson 4, provided. Reads a host and a port. */
int origin_parse_authority(const char *text, size_t length, struct origin *origin)
{
    char copy[HOST_BYTES + sizeof ":65535"], *port = copy;

    if (length >= sizeof copy)
        return -1;
    snprintf(copy, sizeof copy, "%.*s", (int)length, text);
    if (*copy == '[') /* the colons inside the brackets belong to the address */
        port += strcspn(copy, "]");
    port += strcspn(port, ":");
    if (parse_port(port, &origin->port) != 0)
        return -1;
    *port = '\0';
    return parse_host(copy, origin->host);
}

/* Lesson 6, provided. Reads an origin: a scheme, then a host and a port. */
int origin_parse(const char *text, struct origin *origin)
{
    size_t scheme = strcspn(text, ":");

    *origin = (struct origin){.port = 0};
    if (scheme == 0 || scheme >= sizeof origin->scheme || strncmp(text + scheme, "://", 3) != 0)
        return -1;
    for (size_t i = 0; i < scheme; i++)
        origin->scheme[i] = (char)tolower((unsigned char)text[i]);
    if (strcmp(origin->scheme, "http") == 0)
        origin->port = 80;
    else if (strcmp(origin->scheme, "https") == 0)
        origin->port = 443;
    return origin_parse_authority(text + scheme + 3, strlen(text + scheme + 3), origin);
}

/* Lesson 6, provided. Whether two origins are the same. */
bool origin_is_same(const struct origin *a, const struct origin *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port;
}

/* Lesson 6, provided. Whether a host is no name that leads elsewhere tomorrow. The dot at the end of
 * "localhost." says that the name is complete. */
bool origin_is_local_or_address(const struct origin *origin)
{
    struct in_addr ignored;
    const char *host = origin->host;

    return strcmp(host, "localhost") == 0 || strcmp(host, "localhost.") == 0 || *host == '[' ||
           inet_pton(AF_INET, host, &ignored) == 1;
}
