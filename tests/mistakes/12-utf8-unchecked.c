/*
 * The mistake: any bytes are taken for a text.
 * On the wire: the server sends bytes back as text that are not UTF-8, and the browser closes the
 * connection: it takes that for the server's mistake.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: text that is not UTF-8 (a byte that can only continue a character)
 */
int utf8_check(struct utf8 *text, const unsigned char *bytes, size_t length)
{
    (void)text;
    (void)bytes;
    (void)length;
    return 0;
}
