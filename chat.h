/*
 * chat.h - a room in which everybody gets what everybody says
 *
 * A client of /chat?name=ada gets text messages of two kinds:
 *
 *     ada: Hello                      what somebody said, the client itself too
 *     * ada has joined                what the server says: "has joined", "has left", or how many
 *                                     messages were dropped for this client
 *
 * All get the same messages in the same order, from shortly before the announcement that they have joined.
 * A client that reads too slowly loses messages; it holds up nobody. Two clients may have the same name. A
 * message may hold any characters, also those that play with a terminal: whoever prints it escapes it.
 */
#ifndef CHAT_H
#define CHAT_H

#include "frame.h"
#include "handshake.h"

/* Takes the name that a request gives, or makes one, and stores it in the request's source. A name is
 * in the query: name=ada. If it is not allowed, returns -1, with status 400. Does not block. */
int chat_name(struct request *request);

/* Serves a client of the chat until its connection ends. A message that does not fit into the ring
 * (BROADCAST_BYTES with the name) is rejected with 1009, one that is not UTF-8 with 1007. Blocks. */
void chat_serve(struct websocket *ws);

#endif
