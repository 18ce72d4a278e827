/* utf8.c - see utf8.h for what it promises */
#include "utf8.h"

#include <stdint.h>
#include <string.h>

/* Lesson 12. Checks one byte of a text. `low` and `high` keep out overlong forms, surrogates and what is
 * beyond U+10FFFF (RFC 3629 section 4). */
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
    text->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return 0;
}

/* Lesson 12, provided. How many bytes can be skipped because they are ASCII, as most text is: no byte of
 * such a run has its highest bit set. Looks at 32 bytes at once. */
static size_t skip_ascii(const unsigned char *bytes, size_t length)
{
    uint64_t words[4];
    size_t i = 0;

    for (; length - i >= sizeof words; i += sizeof words) {
        memcpy(words, bytes + i, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & 0x8080808080808080) != 0)
            break;
    }
    return i;
}

/* Lesson 12. Checks the next bytes of a text. The server runs without it. */
int utf8_check(struct utf8 *text, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text->missing == 0)
            i += skip_ascii(bytes + i, length - i);
        if (i < length && check_byte(text, bytes[i]) != 0)
            return -1;
    }
    return 0;
}
