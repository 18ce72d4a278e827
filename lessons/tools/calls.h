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

/* Main calls accept4; and it has returned a client, whose address had this much room, and needed that much. */
void calls_accept(void);
void calls_accepted(size_t room, size_t needed);

/* pthread_create has succeeded or failed, in this thread. */
void calls_create(bool succeeded);

/* The 101 is about to be written. */
void calls_switch(const struct request *r, unsigned flags);

/* Gives the handler, which is unwritten, an end with a close code, so that on_upgrade goes on. False: there is no
 * websocket. */
bool calls_end_handler(const char *reason);

/* Whether that has happened, and with which reason. */
bool calls_handler_has_ended(void);
const char *calls_reason(void);

/* Whether the thread has recorded a sentence that says why. */
bool calls_has_noted_error(void);

/* Whether the thread has begun a websocket, and not ended it. */
bool calls_has_websocket(void);

/* The thread ends in an unwritten function: what its websocket holds is given back, as on_upgrade would. */
void calls_give_back(void);

/* What was left out on the way to an unwritten function, in words, and the lesson of the function that should have
 * made the call; NULL: nothing. At the end of a client: `is_end`. */
const char *calls_left_out(const char *function, bool is_end, int *lesson);

#endif
