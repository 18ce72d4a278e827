/*
 * The mistake: only the form of the bytes is checked: a first one, and the right number of bytes that
 * continue it. A character may then be written with more bytes than it needs.
 * On the wire: C0 AF is a slash that no check for slashes has seen.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: text that is not UTF-8 (an overlong form)
 */
static int check_byte(struct utf8 *text, unsigned char byte)
{
    if (text->missing > 0) {
        text->missing--;
        return (byte & 0xC0) == 0x80 ? 0 : -1;
    }
    if (byte < 0x80)
        return 0;
    if (byte < 0xC0 || byte > 0xF7)
        return -1;
    text->missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    return 0;
}
