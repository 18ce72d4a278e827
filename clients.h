/*
 * clients.h - the table of all clients: how many there are and may be, and which worker to wake
 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "stream.h"
#include "trace.h"

/* A client. Its worker owns it, and frees it at the end. */
struct client {
    unsigned long number; /* counts from 1; never changes */
    bool rejected;        /* one too many: it only learns that; never changes */

    /* Under the table's lock. */
    struct client *next, *previous;
    bool running;           /* its worker has started, and not ended: */
    pthread_t thread;       /* this one */
    bool upgraded;          /* the 101 has been written: from then on, every byte is a sign of life */
    unsigned long received; /* what stream.received was when main last looked */
    int64_t since_ms;       /* since when nothing has come; before the upgrade: since it came */
    struct stream_progress progress; /* with our bytes, when main last looked */
    int64_t taken_ms;                /* since when it has acknowledged none, although some are pending */

    struct trace_source source; /* its worker's own */
    struct stream stream;       /* has a lock of its own */
};

/* How all threads but main are started. Set by clients_begin. */
extern pthread_attr_t thread_attributes;

/* Prepares the table and thread_attributes, before the first client. `timeout_s` is the time that a
 * client has for its request, and may be idle after its upgrade; 0: for ever. */
void clients_begin(int timeout_s);

/* Raises the number of descriptors that the process may have to what it may ask for, and says so on
 * stderr if that is too low for so many clients. Does not block. */
void clients_raise_descriptors(size_t most);

/* Makes a client, with pages of memory of its own, so that nothing is left of a crowd that has gone.
 * NULL: errno says why. Does not block. */
struct client *clients_new(int fd, const char *address);

/* Closes the client's socket, and gives the memory back. Does not block. */
void clients_free(struct client *client);

/* For main: enters a client, before its thread is started. Sets client->rejected if there are
 * `most` clients already. -1: so many are being rejected that this one is not even told. */
int clients_enter(struct client *client, size_t most);

/* For a worker: it runs now, and can be woken. */
void clients_running(struct client *client);

/* For a worker: its client has its WebSocket. */
void clients_upgraded(struct client *client);

/* Takes a client out of the table. */
void clients_leave(struct client *client);

/* For main, before each accept: once a second, wakes every worker whose client's time is up, or if
 * nobody is there, gives memory back to the system. A timer interrupts main's waiting every second, so
 * that it comes back. Does not block. */
void clients_check_time(void);

/* For main: wakes every worker, so that it tells its client that the server stops; waits until all of
 * them have ended, and after STOP_S seconds aborts the connections that are left. Blocks, for twice
 * STOP_S at most. -1: some worker has not ended, because the file system hangs. */
int clients_stop(void);

/* Seconds that clients have for an orderly end when the server stops. */
#define STOP_S 5

/* Clients beyond the most that are served: they learn that the server is full. Beyond
 * these, a connection is closed without a response, because a crowd must not get as many threads as
 * it wants. */
#define MOST_REJECTED 64

#endif
