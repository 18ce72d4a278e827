/*
 * calls.h - calls that a function of the learner's must make, although nothing shows yet if it leaves one out
 *
 * Without clients_running, say, all goes well until the server stops, twelve lessons later. So todo.c asks, when
 * an unwritten function is reached, what should have been called by then.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stdbool.h>

#include "handshake.h"

/* A client's thread begins. */
void calls_begin(void);

/* Main calls accept4, with so many bytes of room for an address. */
void calls_accept(size_t room);

/* The 101 is about to be written. */
void calls_switch(const struct request *r, unsigned flags);

/* Gives the handler, which is unwritten, an end with a close code, so that on_upgrade goes on. False: there is no
 * websocket. */
bool calls_end_handler(const char *reason);

/* Whether that has happened, with which reason, and that frame_close, which is unwritten as well, was called. */
bool calls_handler_has_ended(void);
const char *calls_reason(void);
void calls_closed(void);

/* The thread ends in an unwritten function: what its websocket holds is given back, as on_upgrade would. */
void calls_give_back(void);

/* What was left out, in words, and the lesson of the function that should have made the call; NULL: nothing. At
 * the end of a client: `is_end`. */
const char *calls_left_out(bool is_end, int *lesson);

#endif
