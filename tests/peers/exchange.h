/*
 * exchange.h - what the clients in C exchange with the server
 *
 * libwebsockets.c and curl.c go through the same table, each with its own library. An exchange is a
 * connection: what the client sends, what must come back in this order, and how it ends.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#define EXCHANGE_ITEMS 4
#define EXCHANGE_LONGEST (1024 * 1024 + 1) /* bytes of a message; the server takes one less */

enum item_kind { NO_ITEM, TEXT, BINARY, PING, PONG };
enum item_part { WHOLE, FIRST, MIDDLE, LAST };

/* A frame to send, or a message or pong that must come. Where bytes is NULL, it has a pattern. */
struct item {
    enum item_kind kind;
    size_t length;
    const char *bytes;
    enum item_part part; /* of a message in fragments */
};

struct exchange {
    const char *name;
    struct item sent[EXCHANGE_ITEMS];
    struct item expected[EXCHANGE_ITEMS];
    int times;          /* that all of it is sent, before anything is expected; 0 is once */
    int close_code;     /* sent when all has come; 0 is a Close without a code */
    const char *reason; /* or NULL */
    int told_code;      /* not 0: the server must close, with this code */
};

extern const struct exchange exchanges[];
extern const size_t exchange_count;

/* The nth frame to send, or thing that must come; NULL behind the last one. */
const struct item *exchange_sent(const struct exchange *exchange, size_t nth);
const struct item *exchange_expected(const struct exchange *exchange, size_t nth);

/* Writes the payload of the nth frame to send to room, which has room for EXCHANGE_LONGEST bytes. */
void exchange_write_payload(const struct exchange *exchange, size_t nth, unsigned char *room);

/* Whether what has come is the nth expected thing; if not, says so on stderr. */
bool exchange_is_expected(const struct exchange *exchange, size_t nth, enum item_kind kind,
                          const unsigned char *bytes, size_t length);

/* Says on stderr what went wrong in the test of that name. Gives false. */
bool exchange_failed(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the program with a sentence, unless it is called again within the deadline. NULL: no more. */
void exchange_set_deadline(const char *name);

/* Counts; and prints "3 passed, 0 failed" and gives the program's exit code. */
void exchange_count_result(bool passed);
int exchange_end(void);

#endif
