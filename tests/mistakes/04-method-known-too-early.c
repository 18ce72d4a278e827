/*
 * The mistake: the method is stored as soon as it is read, before the rest of the request line is right.
 * On the wire: whoever sends "HEAD / HTTP/1" gets a 400 without the sentence that says what is wrong, as if
 * the request had been a HEAD.
 *
 * Caught by: tests/suites/04_request.c
 * Says: (r->method is set) 400
 */
static int parse_request_line(struct request *r, char *line)
{
    char *method_end = line + token_length(line), *target = method_end + 1, *version;

    if (method_end == line || *method_end != ' ')
        return fail(r, 400, "A request line must begin with a method, such as GET.");
    *method_end = '\0';
    r->method = line;
    version = target;
    while (*version > ' ' && *version < 0x7f && *version != '#')
        version++;
    if (version == target || *version != ' ')
        return fail(r, 400, "A request line must name a target, such as /echo.");
    *version++ = '\0';
    if (strncmp(version, "HTTP/", 5) != 0 || !isdigit((unsigned char)version[5]) || version[6] != '.' ||
        !isdigit((unsigned char)version[7]) || version[8] != '\0')
        return fail(r, 400, "A request line must end with a version, such as HTTP/1.1.");
    r->version = (version[5] - '0') * 10 + (version[7] - '0');
    return parse_target(r, target);
}
