/*
 * The mistake: a text is any bytes.
 * On the wire: the server sends back as a text what is none, and the browser ends the connection:
 * the server's fault, as it sees it.
 *
 * Caught by: tests/12_messages.c
 * Says: text that is not UTF-8 (a byte that can only continue a character)
 */
int frame_check_utf8(struct utf8 *text, const unsigned char *bytes, size_t length)
{
    (void)text;
    (void)bytes;
    (void)length;
    return 0;
}
