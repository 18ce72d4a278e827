/*
 * sender.h - the second thread of a client that gets what others publish
 *
 * A thread waits in one place at a time. The worker of such a client waits in recv for what its client
 * says, so somebody else must wait for the next message:
 *
 *     worker:  frame_read_message ──► publish it, or ignore it
 *     sender:  next ──► frame_write
 *
 * Both write to the client, because the worker sends Pong and Close frames. The stream's write lock
 * keeps each frame whole. The trace may record two frames of the same moment in the other order.
 */
#ifndef SENDER_H
#define SENDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "broadcast.h"
#include "frame.h"

/* Bytes of the longest text that a sender sends: an event of the trace. */
#define SENDER_BYTES 4096

/* Writes a subscriber's next message as text into `text`, which has room for SENDER_BYTES. Returns and
 * blocks as broadcast_next does. */
typedef int sender_next(struct subscriber *subscriber, char *text, size_t *length, bool wait);

/* What the two threads of a client share. Before sender_start, the worker sets ws and next, which then do
 * not change, and begins the subscription. */
struct sender {
    struct websocket *ws;
    sender_next *next;
    struct subscriber subscriber; /* see broadcast.h for its locks */
    pthread_t thread;             /* the worker's own */
};

/* Starts the second thread. -1: there is none; the websocket's close_code says so. Does not block. */
int sender_start(struct sender *sender);

/* Waits until the second thread has ended: call broadcast_end before. Blocks for as long as the client
 * takes to receive what is being sent to it. */
void sender_join(struct sender *sender);

#endif
