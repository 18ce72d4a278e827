/*
 * The mistake: surrogates, U+D800 to U+DFFF, are accepted. They are halves of UTF-16 characters, and
 * have no place in UTF-8.
 * On the wire: the server echoes a text that browsers reject.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: text that is not UTF-8 (a surrogate)
 */
static int check_byte(struct utf8 *text, unsigned char byte)
{
    if (text->missing > 0) {
        if (byte < text->low || byte > text->high)
            return -1;
        text->missing--;
        text->low = 0x80;
        text->high = 0xBF;
        return 0;
    }
    if (byte < 0x80)
        return 0;
    if (byte < 0xC2 || byte > 0xF4)
        return -1;
    text->missing = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    text->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    text->high = byte == 0xF4 ? 0x8F : 0xBF;
    return 0;
}
