/*
 * learn.h - the learner's mode of a suite: what the first failure shows
 *
 * With $LEARN=1, run_suite prints a line for each test that passes, and of the first failure all
 * that helps: what was sent, what came back and what was expected, byte by byte; where the rule
 * is; a hint. With $LEARN=list it goes on after a failure, and shows a line of each.
 *
 * The tests then run in a process of their own, which another one watches: it says where a function
 * of the learner's has crashed or hangs. This is between harness.c and learn.c; a suite needs none
 * of it.
 */
#ifndef LEARN_H
#define LEARN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct test;
struct feeding;

/* Whether this is the learner's mode. */
bool learning(void);

/* To be called before a server is started or a test run: from here on, this process is watched. */
void learn_begin(void);

/* Something has happened, and the next thing is to happen in so many seconds. */
void learn_expect_within(int seconds);

/* Takes in charge a process group: it is ended with the tests, or when the next one comes (0: none). */
void learn_group(pid_t group);

/* Runs the tests and prints how they ended; `run` returns how one of them did. `name` is the suite's. */
enum outcome { PASSED, FAILED, SKIPPED };
int learn_suite(const char *name, const struct test *tests, enum outcome (*run)(const struct test *));

/* The test that runs has failed: shows why, and ends the suite; with $LEARN=list, returns. */
void learn_failure(const char *words);

/* The reader has not taken what it was fed: it hangs. */
void learn_stuck(void);

/* An unwritten function of the learner's was called. */
void learn_unwritten(const char *words);

/* The server is being waited for in vain: remembers what it is doing, as long as it is there. */
void learn_look_at_server(void);

/* Whether the server has crashed. Waits while it reports that: a signal would end it in the middle. */
bool learn_server_crashed(void);

/* ---- what passes a connection, or is fed ---- */

void learn_connected(int fd);
void learn_switched(int fd, const char *path); /* the handshake is over: what follows is of interest */
void learn_sent(int fd, const void *bytes, size_t length);
void learn_got(int fd, const void *bytes, ssize_t n); /* n as recv returned it */
void learn_fed(const struct feeding *f);

/* ---- what a check is about, for the failure that may come next ---- */

/* A string was to be another. */
void learn_texts(const char *got, const char *wanted);

/* Bytes were to be others, `wanted` as far as it goes. */
void learn_bytes(const void *got, size_t got_length, const void *wanted, size_t wanted_length);

/* What describe was given, and what it has returned. */
void learn_described(const char *text, const void *bytes, size_t length);

/* What to say instead of the check's own words: those show the bytes once more. */
void learn_short(const char *words, ...) __attribute__((format(printf, 1, 2)));

/* The check holds: what it was about is forgotten. */
void learn_holds(void);

#endif
