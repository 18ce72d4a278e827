/*
 * counted.h - what counted.c counts in a server, for the test that reads it while the server runs
 */
#ifndef COUNTED_H
#define COUNTED_H

#include <stdatomic.h>

/* The environment's name for the file that the counts are kept in, mapped by both processes. */
#define COUNTS_VARIABLE "SERVER_COUNTS"

/* Calls since the server's start. A call that sends is counted when it begins, one that receives or
 * waits when it ends: what a client has been answered is then counted already, and what the server
 * waits for next is not. */
struct counts {
    atomic_long receives; /* recv */
    atomic_long sends;    /* send, sendmsg */
    atomic_long polls;
    atomic_long allocations; /* malloc, calloc, realloc */
};

#endif
