/*
 * options.h - the command line
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "origin.h"

/* The options, set before the first thread starts and only read from then on. */
struct options {
    const char *address;
    const char *port;
    size_t timeout_s;
    size_t max_message; /* bytes */
    size_t max_memory;  /* bytes, for the large messages of all clients */
    size_t max_connections;
    size_t max_watchers;    /* clients of /wire */
    struct origin *origins; /* memory of the options'; kept until the process ends */
    size_t origin_count;
    bool compress; /* agree on permessage-deflate, if a client offers it */
    bool wire;     /* offer /wire */
    bool verbose;  /* print every event */
};

extern struct options options;

/* Reads the command line. If something is wrong with it, prints why and exits with status 2; --help and
 * --version print and exit too. */
void options_parse(int argc, char **argv);

/* Writes out what has been printed, because stdout may be a file or a pipe, which would keep it. -1: it
 * cannot be written; that has been said on stderr. May block. */
int options_flush_output(void);

#endif
