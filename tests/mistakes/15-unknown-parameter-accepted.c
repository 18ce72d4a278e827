/*
 * The mistake: a parameter that the server does not know is passed over, and the offer is accepted.
 * On the wire: the client has asked for something that the server will not do, and believes it agreed.
 *
 * Caught by: tests/suites/15_compression.c
 * Says: must be declined: permessage-deflate; server_max_window_bit=10
 */
static int add_parameter(struct offer *offer, const struct parameter *p)
{
    static const char known[] = "server_no_context_takeover client_no_context_takeover "
                                "server_max_window_bits client_max_window_bits ";
    unsigned value = p->has_value ? read_window_bits(p->value) : 1, *place = NULL;
    char word[NAME_BYTES + 1];

    snprintf(word, sizeof word, "%s ", p->name);
    if (strstr(known, word) == NULL)
        return 0;
    if (strcmp(p->name, "server_no_context_takeover") == 0 && !p->has_value)
        place = &offer->server_no_context_takeover;
    if (strcmp(p->name, "client_no_context_takeover") == 0 && !p->has_value)
        place = &offer->client_no_context_takeover;
    if (strcmp(p->name, "server_max_window_bits") == 0 && value >= LEAST_OF_ZLIB)
        place = &offer->server_max_window_bits;
    if (strcmp(p->name, "client_max_window_bits") == 0 && value > 0)
        place = &offer->client_max_window_bits;
    if (place == NULL || *place != 0)
        return -1;
    *place = value;
    return 0;
}
