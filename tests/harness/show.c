/* show.c - see show.h */
#include "show.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"

#define WIDTH 78
#define ROW 16   /* bytes in a row of hex */
#define ROWS 8   /* rows that are shown whole */
#define LINES 20 /* lines of text, likewise */
#define TEXT_WIDTH 70

const char *show_colour(const char *sequence)
{
    const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

    if (!isatty(STDOUT_FILENO) || (none != NULL && *none != '\0'))
        return "";
    return terminal == NULL || *terminal == '\0' || strcmp(terminal, "dumb") == 0 ? "" : sequence;
}

/* Prints what points at a wrong byte, after so many spaces. */
static void show_caret(size_t column, const char *caret)
{
    printf("%*s%s%s%s\n", (int)column, "", show_colour(RED), caret, show_colour(PLAIN));
}

void show_words(size_t indent, const char *words)
{
    size_t column = 0; /* 0: a line begins */

    for (words += strspn(words, " \n"); *words != '\0'; words += strspn(words, " ")) {
        size_t word = strcspn(words, " \n");
        if (*words == '\n' || (column > 0 && column + 1 + word > WIDTH)) {
            printf("\n");
            column = 0;
            words += *words == '\n' ? 1 : 0;
            continue;
        }
        printf("%*s%.*s", column == 0 ? (int)indent : 1, "", (int)word, words);
        column += (column == 0 ? indent : 1) + word;
        words += word;
    }
    if (column > 0)
        printf("\n");
}

size_t first_difference(const unsigned char *a, size_t a_length, const unsigned char *b, size_t b_length)
{
    size_t shorter = a_length < b_length ? a_length : b_length;

    for (size_t i = 0; i < shorter; i++)
        if (a[i] != b[i])
            return i;
    return a_length == b_length ? NONE_WRONG : shorter;
}

/* ---- text ---- */

static bool is_text(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((bytes[i] < ' ' && strchr("\r\n\t", bytes[i]) == NULL) || bytes[i] > '~')
            return false;
    return true;
}

/* Prints one byte so that it can be seen; returns how many columns it took. */
static size_t put_visible(unsigned char byte)
{
    static const char names[] = "\rr\nn\tt";
    const char *name = byte == '\0' ? NULL : strchr(names, byte);

    if (name != NULL && byte < ' ')
        return (size_t)printf("\\%c", name[1]);
    return (size_t)(byte < ' ' || byte == 0x7F ? printf("\\x%02x", byte) : printf("%c", byte));
}

/* Prints one line, without what is far from the wrong byte; the caret is below. */
static void show_line(const unsigned char *line, size_t length, size_t wrong)
{
    size_t at = wrong != NONE_WRONG && wrong > TEXT_WIDTH - 10 ? wrong - TEXT_WIDTH / 2 : 0;
    size_t column = (size_t)printf("    %s", at > 0 ? "… " : "") - (at > 0 ? 2 : 0), caret = 0;

    for (; at < length && column < TEXT_WIDTH; at++) {
        if (at == wrong)
            caret = column;
        column += put_visible(line[at]);
    }
    if (at == wrong)
        caret = column;
    if (at < length)
        printf(" … %zu more", length - at);
    printf("\n");
    if (caret > 0)
        show_caret(caret, "^");
}

static void show_text(const unsigned char *text, size_t length, size_t wrong)
{
    size_t at = 0, line, count = 0;

    for (; at < length && count < LINES; at += line, count++) {
        const unsigned char *end = memchr(text + at, '\n', length - at);
        line = end != NULL ? (size_t)(end - text) + 1 - at : length - at;
        show_line(text + at, line,
                  wrong != NONE_WRONG && wrong >= at &&
                          (wrong < at + line || (wrong == length && at + line == length && end == NULL))
                      ? wrong - at
                      : NONE_WRONG);
    }
    if (wrong == length && (length == 0 || text[length - 1] == '\n'))
        show_caret(4, "^");
    if (at < length)
        printf("    … %zu bytes more\n", length - at);
}

void show_string(const char *text, size_t wrong)
{
    show_text((const unsigned char *)text, strlen(text), wrong);
}

/* ---- hex ---- */

static void show_row(const unsigned char *bytes, size_t from, size_t length, size_t wrong)
{
    size_t count = length - from < ROW ? length - from : ROW;

    printf("    %04zx  ", from);
    for (size_t i = 0; i < ROW; i++) {
        if (i < count)
            printf("%02x ", bytes[from + i]);
        else
            printf("   ");
        if (i == ROW / 2 - 1)
            printf(" ");
    }
    printf(" ");
    for (size_t i = 0; i < count; i++)
        printf("%c", bytes[from + i] >= ' ' && bytes[from + i] <= '~' ? bytes[from + i] : '.');
    printf("\n");
    if (wrong >= from && wrong < from + ROW)
        show_caret(10 + 3 * (wrong - from) + (wrong - from >= ROW / 2 ? 1 : 0), "^^");
}

/* Whether a row is shown: all of few; of many, the first ones and those around the wrong byte. */
static bool is_shown(size_t row, size_t rows, size_t wrong)
{
    size_t bad = wrong / ROW;

    if (rows <= ROWS || (wrong == NONE_WRONG && row < ROWS - 2))
        return true;
    return wrong != NONE_WRONG && (row < 3 || (row + 1 >= bad && row <= bad + 1));
}

static void show_hex(const unsigned char *bytes, size_t kept, size_t total, size_t wrong)
{
    size_t rows = (kept + ROW - 1) / ROW, left_out = 0;

    if (wrong != NONE_WRONG && wrong == kept && kept % ROW == 0)
        rows++; /* a row for the caret: the byte that is missing */
    for (size_t row = 0; row < rows; row++) {
        if (!is_shown(row, rows, wrong)) {
            left_out += kept - row * ROW < ROW ? kept - row * ROW : ROW;
            continue;
        }
        if (left_out > 0)
            printf("    … %zu bytes more\n", left_out);
        left_out = 0;
        show_row(bytes, row * ROW, kept, wrong);
    }
    left_out += total - kept;
    if (left_out > 0)
        printf("    … %zu bytes more\n", left_out);
}

void show_bytes(const unsigned char *bytes, size_t kept, size_t total, size_t wrong)
{
    size_t head = 0;

    for (size_t i = 4; i <= kept && head == 0 && isalpha(bytes[0]); i++)
        if (memcmp(bytes + i - 4, "\r\n\r\n", 4) == 0 && is_text(bytes, i))
            head = i; /* of HTTP; frames may follow */
    if (kept > 0 && is_text(bytes, kept))
        head = kept;
    if (head > 0)
        show_text(bytes, head,
                  wrong != NONE_WRONG && (wrong < head || kept == head) ? wrong : NONE_WRONG);
    if (head < kept || (head == 0 && wrong != NONE_WRONG))
        show_hex(bytes + head, kept - head, total - head,
                 wrong == NONE_WRONG || wrong < head ? NONE_WRONG : wrong - head);
    else if (total > kept)
        printf("    … %zu bytes more\n", total - kept);
}

/* ---- frames in words ---- */

static void say_payload(FILE *to, const unsigned char *payload, size_t n, const unsigned char *key)
{
    char text[41];
    bool printable = n > 0 && n < sizeof text;

    for (size_t i = 0; printable && i < n; i++) {
        text[i] = (char)(payload[i] ^ (key != NULL ? key[i % 4] : 0));
        printable = text[i] >= ' ' && text[i] <= '~';
    }
    if (printable)
        fprintf(to, " \"%.*s\"", (int)n, text);
    else if (n == 0)
        fprintf(to, " of 0 bytes");
    else
        fprintf(to, " of %zu byte%s", n, n == 1 ? "" : "s");
}

static void say_close(FILE *to, const unsigned char *payload, size_t n, const unsigned char *key)
{
    unsigned char code[2] = {0, 0};

    if (n < 2) {
        fprintf(to, n == 0 ? " without a code" : " with half a code");
        return;
    }
    for (size_t i = 0; i < 2; i++)
        code[i] = payload[i] ^ (key != NULL ? key[i] : 0);
    fprintf(to, " %d", code[0] << 8 | code[1]);
    if (n > 2 && key == NULL)
        fprintf(to, " \"%.*s\"", (int)(n - 2), (const char *)payload + 2);
}

/* Says what one frame is, of which `left` bytes are known, and `more` follow. Answers how many
 * bytes it has, or 0: it is not whole. */
static size_t say_frame(FILE *to, const unsigned char *p, size_t left, size_t more)
{
    uint64_t n = 0;
    size_t header = frame_header(p, left, &n);
    const unsigned char *key = header > 0 && p[1] & 0x80 ? p + header - 4 : NULL;
    unsigned opcode = p[0] & 15;

    if (header == 0) {
        fprintf(to, "half a header");
        return 0;
    }
    if (opcode_names[opcode] != NULL)
        fprintf(to, "%s", opcode_names[opcode]);
    else
        fprintf(to, "unknown opcode %u", opcode);
    if ((p[0] & 0x80) == 0)
        fprintf(to, opcode == 0 ? " (not the last)" : " (to be continued)");
    if (p[0] & 0x70)
        fprintf(to, (p[0] & 0x70) == 0x40 ? " with RSV1" : " with reserved bits");
    if (n > left - header && n <= left - header + more) { /* the rest was not kept */
        fprintf(to, " of %llu bytes", (unsigned long long)n);
        return left;
    }
    if (n > left - header) {
        fprintf(to, ", of which %zu of %llu bytes are there", left - header + more,
                (unsigned long long)n);
        return 0;
    }
    if (opcode == 8)
        say_close(to, p + header, (size_t)n, key);
    else
        say_payload(to, p + header, (size_t)n, key);
    return header + (size_t)n;
}

char *frames_in_words(const unsigned char *bytes, size_t kept, size_t total, bool of_server)
{
    char *words = NULL;
    size_t size, count = 0, n = 1;
    FILE *to = open_memstream(&words, &size);

    for (size_t at = 0; to != NULL && at < kept && n > 0; at += n, count++) {
        if (count == 6) {
            fprintf(to, ", …");
            break;
        }
        fprintf(to, "%s", count > 0 ? ", " : "");
        if (of_server && kept - at > 1 && bytes[at + 1] & 0x80)
            fprintf(to, "a masked frame! ");
        n = say_frame(to, bytes + at, kept - at, total - kept);
    }
    if (to != NULL)
        fclose(to);
    return words;
}

/* ---- and back: the bytes of frames that are described in words ---- */

/* A close frame with a code. Its reason is the server's own choice; one that came with another code belongs
 * to that. */
static void add_close(struct bytes *to, unsigned code, const unsigned char *got, size_t got_length)
{
    unsigned char payload[127] = {(unsigned char)(code >> 8), (unsigned char)code};
    size_t at = to->length, n = 2;

    if (at + 2 <= got_length && got[at] == 0x88 && (got[at + 1] & 0x7F) > 2 &&
        (got[at + 1] & 0x7F) < 126)
        n = got[at + 1] & 0x7F;
    if (at + 2 + n > got_length || memcmp(got + at + 2, payload, 2) != 0)
        n = 2;
    if (n > 2)
        memcpy(payload + 2, got + at + 4, n - 2);
    add_frame(to, 0x88, NULL, payload, n);
}

/* The payload that follows ":" or "*" in one word of what describe returns. */
static unsigned char *payload_of(const char *word, size_t *n)
{
    unsigned char *bytes;
    unsigned value;

    *n = *word == '*' ? strtoul(word + 1, NULL, 10) : *word == ':' ? strcspn(word + 1, " ") / 2 : 0;
    bytes = malloc(*n + 1);
    for (size_t i = 0; bytes != NULL && i < *n; i++) {
        value = (unsigned)(i % 251);
        if (*word == ':')
            sscanf(word + 1 + 2 * i, "%2x", &value);
        bytes[i] = (unsigned char)value;
    }
    return bytes;
}

unsigned char *answer_bytes(const char *answers, const unsigned char *got, size_t got_length,
                            size_t *length)
{
    struct bytes row = {NULL, 0};

    add_bytes(&row, NULL, 0);
    for (const char *word = answers; *word != '\0'; word += strcspn(word, " "), word += *word == ' ') {
        bool part = strncmp(word, "part-of-", 8) == 0;
        const char *name = part ? word + 8 : word;
        size_t letters = strcspn(name, " :*"), n;
        unsigned opcode = 0;
        while (opcode < 16 && (opcode_names[opcode] == NULL || strlen(opcode_names[opcode]) != letters ||
                               strncmp(opcode_names[opcode], name, letters) != 0))
            opcode++;
        if (opcode == 16) {
            free(row.bytes);
            return NULL;
        }
        if (opcode == 8 && name[letters] == ':') {
            add_close(&row, (unsigned)atoi(name + letters + 1), got, got_length);
        } else {
            unsigned char *payload = payload_of(name + letters, &n);
            add_frame(&row, opcode | (part ? 0 : 0x80), NULL, payload, n);
            free(payload);
        }
    }
    *length = row.length;
    return row.bytes;
}
