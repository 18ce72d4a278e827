/*
 * utf8.c - fuzzes utf8_check: a text, cut anywhere, is judged as in characters.h
 *
 * The input is a script (see script.h), of which only the sizes of the cuts count, and the text. It
 * is run by tests/fuzz/run.py, or alone: build/fuzz/utf8 FILE.
 */
#include <stdlib.h>
#include <string.h>

#include "../../utf8.h"
#include "characters.h"
#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* Checks one piece. It is laid to the end of a block of memory, so that a byte read beyond it is
 * noticed. */
static int check_piece(struct utf8 *text, unsigned char *block, const unsigned char *bytes,
                       size_t length)
{
    unsigned char *copy = block + script.length - length;

    memcpy(copy, bytes, length);
    return utf8_check(text, copy, length);
}

/* Takes a piece with the other implementation. Returns whether the text may still be UTF-8. */
static bool take_piece(struct characters *text, const unsigned char *bytes, size_t length)
{
    bool good = true;

    for (size_t i = 0; good && i < length; i++)
        good = take_byte(text, bytes[i]);
    return good;
}

/* Checks the script's text in pieces: `each` bytes, or, if that is 0, as the script cuts it. */
static void check_text(unsigned char *block, size_t each)
{
    struct utf8 text = {.missing = 0};
    struct characters wanted = {.length = 0};
    bool good = true;

    for (size_t at = 0; good && at < script.length;) {
        size_t left = script.length - at, n = each == 0 ? script_piece(left) : each;
        n = n < left ? n : left;
        good = take_piece(&wanted, script.bytes + at, n);
        bool accepted = check_piece(&text, block, script.bytes + at, n) == 0;
        require(accepted == good, "bytes %zu to %zu are %s", at, at + n,
                good ? "refused, but are UTF-8" : "accepted, but are no UTF-8");
        at += n;
        if (good)
            require((text.missing > 0) == (wanted.length > 0), "before byte %zu: a character is %s", at,
                    wanted.length > 0 ? "taken for whole, but is not" : "whole, but bytes are missed");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    unsigned char *block;

    script_read(input, size);
    script_start(NULL, false);
    block = malloc(script.length > 0 ? script.length : 1);
    require(block != NULL, "there is no memory for %zu bytes", script.length);
    check_text(block, 0);
    check_text(block, 1);
    check_text(block, SCRIPT_BYTES);
    free(block);
    return 0;
}
