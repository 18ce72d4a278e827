/*
 * show.h - bytes for a person to read: as text or as hex, with a caret under the first wrong one,
 *          and what frames mean in words, and back
 *
 * Nothing that is printed here is wider than a terminal of 80 columns.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>
#include <stddef.h>

/* No byte is wrong. */
#define NONE_WRONG ((size_t)-1)

/* Colours: the escape sequence if a person looks at stdout on a terminal, and has not set NO_COLOR;
 * else "". lessons/tools/learner.py decides the same for scripts. */
#define RED "\x1b[31m"
#define GREEN "\x1b[32m"
#define PLAIN "\x1b[0m"
const char *show_colour(const char *sequence);

/* Prints words, with each line indented and none longer than the terminal is wide. */
void show_words(size_t indent, const char *words);

/* Prints bytes, of which the first `kept` are known and `total` there were: in lines if they are
 * text, else 16 a row. Under the wrong one is a caret, and what is far from it is left out. */
void show_bytes(const unsigned char *bytes, size_t kept, size_t total, size_t wrong);

/* The same for one string of a suite's, in one line if it fits. */
void show_string(const char *text, size_t wrong);

/* What frames mean: text "Hello", close 1000. None of a server's may be masked. The caller frees
 * the words; NULL: no memory for them. */
char *frames_in_words(const unsigned char *bytes, size_t kept, size_t total, bool of_server);

/* The bytes that describe would describe so: "text:48656c6c6f close:1000". What a server may choose is
 * taken from what it has sent. The caller frees them; NULL: these are no frames. */
unsigned char *answer_bytes(const char *answers, const unsigned char *got, size_t got_length,
                            size_t *length);

/* The first byte in which two rows differ; the length of the shorter one if the other goes on;
 * NONE_WRONG: they are the same. */
size_t first_difference(const unsigned char *a, size_t a_length, const unsigned char *b,
                        size_t b_length);

#endif
