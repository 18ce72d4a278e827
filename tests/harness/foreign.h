/*
 * foreign.h - another program as the server: $FOREIGN is its command line, as for sh
 *
 * It is started with $PORT set to a free port, and is ready when it accepts a connection there, or
 * at the address that it prints (http://localhost:3000). It is ended by SIGTERM, and with it all
 * processes that it has started: they are a process group.
 */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether another program is the server. */
bool foreign(void);

/* Starts it, in a process group of its own; what it writes goes to the two files. */
pid_t foreign_start(int out, int err);

/* The port at which it can be reached; 0: at none yet. */
int foreign_port(int out);

#endif
