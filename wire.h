/*
 * wire.h - the trace's two readers: the clients of /wire, and the thread of --verbose
 *
 * A client of /wire gets each event as a text message, an object of JSON with these fields:
 *
 *     n        number of the event; if one is left out, it was dropped for this client
 *     t        microseconds since the server's start
 *     conn     number of the connection
 *     event    what happened:
 *
 *       connected      with address, such as "127.0.0.1:50312"
 *       line           with dir, "in" (from the client) or "out", and text, the line without its end; at
 *                      most TRACE_LINE_BYTES of it, then "cut": true. A byte of 0x80 or more is the
 *                      character of that number.
 *       frame          with dir, bytes (the frame's header and at most TRACE_PAYLOAD_BYTES of its
 *                      payload, as they crossed the wire, in hex), length (of the payload, in bytes, as
 *                      the header says), and "cut": true if more of the payload crossed than is shown.
 *                      Recorded when the frame has ended, was rejected or broke off; there may be less
 *                      of it then, and if its header is incomplete, length is what the 7 bits of its
 *                      second byte say.
 *       ping-timeout   the client did not reply to a ping; with why
 *       error          with why
 *       disconnected   with why
 *       dropped        with count: this client was too slow for so many events. conn is 0, and n is the
 *                      number of the last of them.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdio.h>

#include "frame.h"
#include "trace.h"

/* Bytes of an event as JSON: a line, each byte of which may become six ("\u001b"), and the rest. A frame
 * takes less: two for each of its bytes. */
#define WIRE_JSON_BYTES (6 * TRACE_LINE_BYTES + 256)

/* Starts the clock that events are shown by. */
void wire_begin(void);

/* Serves a client of /wire until its connection ends. Blocks. */
void wire_serve(struct websocket *ws);

/* Starts the thread that prints every event. -1: there is no thread for it. */
int wire_start_printing(void);

/* Prints what has not been printed yet, and ends the thread. -1: standard output takes nothing, so the
 * thread still waits for it. Blocks for `seconds` at most. */
int wire_stop_printing(int seconds);

/* An event as JSON, in at most WIRE_JSON_BYTES with the null terminator. Returns the length. */
size_t wire_json(const struct trace_event *event, char *json);

/* An event as one line for people. What a client sent cannot play with a terminal: text is printed as
 * text, without characters that control it; everything else is printed in hex. */
void wire_print(const struct trace_event *event, FILE *to);

#endif
