/*
 * characters.h - UTF-8 once more, in another way than utf8.c: by the numbers of characters
 *
 * utf8.c knows which byte may follow which. Here, the bytes of a character that have come leave a
 * range of numbers that it can still become; it is wrong once no character lies in that range.
 */
#ifndef CHARACTERS_H
#define CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>

/* A text, while it comes: the bytes of the character that is not complete yet. */
struct characters {
    unsigned char part[4];
    size_t length;
};

/* How many bytes a character has that begins with this byte; 0: none begins so. RFC 3629 section 3.
 */
static inline size_t character_bytes(unsigned char first)
{
    if ((first & 0x80) == 0x00)
        return 1;
    if ((first & 0xE0) == 0xC0)
        return 2;
    if ((first & 0xF0) == 0xE0)
        return 3;
    return (first & 0xF8) == 0xF0 ? 4 : 0;
}

/* Whether `length` bytes begin a character, or are one. */
static inline bool begins_character(const unsigned char *bytes, size_t length)
{
    static const unsigned first_mask[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    static const unsigned smallest[] = {0, 0x0, 0x80, 0x800, 0x10000}; /* else it has fewer bytes */
    size_t whole = character_bytes(bytes[0]);
    unsigned low = bytes[0] & first_mask[whole], high = low;

    for (size_t i = 1; i < whole; i++) {
        if (i < length && (bytes[i] & 0xC0) != 0x80)
            return false;
        low = low << 6 | (i < length ? bytes[i] & 0x3Fu : 0x00);
        high = high << 6 | (i < length ? bytes[i] & 0x3Fu : 0x3F);
    }
    low = low < smallest[whole] ? smallest[whole] : low;
    high = high > 0x10FFFF ? 0x10FFFF : high;
    return whole > 0 && low <= high && !(low >= 0xD800 && high <= 0xDFFF); /* surrogates */
}

/* Takes a text's next byte. Returns whether it may still be UTF-8. */
static inline bool take_byte(struct characters *text, unsigned char byte)
{
    text->part[text->length++] = byte;
    if (!begins_character(text->part, text->length))
        return false;
    if (text->length == character_bytes(text->part[0]))
        text->length = 0;
    return true;
}

#endif
