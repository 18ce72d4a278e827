/*
 * crash.h - a stack for crash.c's handler, which each thread needs (todo.c sees threads begin); and a crash
 * that somebody else has noticed
 *
 * Weak: if crash.c is not linked, these are NULL.
 */
#ifndef CRASH_H
#define CRASH_H

/* For a thread that begins; what it returns is for crash_end_thread. */
void *crash_begin_thread(void) __attribute__((weak));
void crash_end_thread(void *stack) __attribute__((weak));

/* Ends the program as a crash does, and says where. `why` is a word that where.sh knows. */
void crash_now(const char *why) __attribute__((weak, noreturn));

#endif
