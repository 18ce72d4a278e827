/*
 * script.h - a peer in memory, for fuzzing: what it sends, and how the bytes are cut
 *
 * The server blocks and has threads; a fuzzer wants one call that returns. So the linker leads the
 * server's calls of recv, send, shutdown, setsockopt, ioctl, time and clock_gettime to script.c
 * (--wrap, as in tests/harness/counted.c), and there is no socket: a recv takes from a text in
 * memory, a send adds to another, and the clock stands still. The main thread is played here too: it
 * stores a cause in stream.wake, and its signal interrupts the call.
 *
 * An input of the fuzzer is a line and the bytes that the peer sends. The line says how these are
 * cut, a character for each recv or send, again and again; an empty line cuts nothing.
 *
 *     i   interrupted by a signal, for nothing
 *     w   main finds that the client is idle, stores that, and interrupts the call
 *     u   the same, while bytes have come that are not read yet;
 *     a   or while bytes are not acknowledged yet
 *     f   the server stops: main stores that, and interrupts the call
 *     R Q X P L M V D   no cut, but a switch (below)
 *     any other character c: at most 1 + c % 64 bytes; '*', '+' and ',': 1000, 16384 and all that
 *         there is room for
 *
 * A call that was interrupted is not interrupted again: the next one lets bytes through. If it is also
 * to be interrupted, the signal has come just before it: the cause is stored, and that is all.
 *
 *     R   in the bytes, "*9000a" stands for 9000 times the byte a, at most SCRIPT_REPEAT_BYTES;
 *         and the cuts are SCRIPT_STRETCH times as long
 *     Q   after its last byte the peer is idle for ever;
 *     X   or the connection breaks; else the peer ends in an orderly way
 *     P   there is no timeout: nobody is ever idle, and Q is an orderly end
 *     L   the low limit for a message, and
 *     M   little memory for large ones (both in session.c)
 *     V   the trace is on
 *     D   messages may be compressed (in session.c): few bytes stand for many, so no more than
 *         SCRIPT_COMPRESSED_BYTES are sent then
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../stream.h"

/* The socket of the peer in memory: no descriptor has this number, so to close it does nothing. */
#define SCRIPT_FD (-1)

/* Bytes that one repetition can stand for: more than a message's 64 KiB step in memory. */
#define SCRIPT_REPEAT_BYTES 70000

/* How many times longer the cuts are where there are repetitions: a recv for each few of 70000
 * bytes would take so long that other inputs were hardly tried. */
#define SCRIPT_STRETCH 16

/* Bytes that a peer can send: one such repetition and more, yet little to compare. */
#define SCRIPT_BYTES (80 * 1024)

#define SCRIPT_COMPRESSED_BYTES (5 * 1024)

/* Bytes that can come back. Pings are added to echoes, two bytes for a byte that came late. */
#define SCRIPT_OUT_BYTES (4 * SCRIPT_BYTES)

/* Events of the trace that are looked at: a thousand more would tell the same. */
#define SCRIPT_EVENTS 40

struct script {
    /* What the input says. */
    const unsigned char *cuts;
    size_t cut_count;
    bool repeats, ends_idle, breaks, no_timeout, low_limit, low_memory, traced, compresses;
    size_t length;
    unsigned char bytes[SCRIPT_BYTES]; /* what the peer sends */

    /* How it is played. */
    struct stream *stream;                      /* the server's */
    bool whole;                                 /* nothing is cut: for an outcome to compare with */
    bool no_wakes;                              /* main wakes nobody before the end */
    void (*on_recv)(void);                      /* called before each recv; NULL: nothing */
    void (*on_noticed)(enum stream_cause wake); /* the server has noticed what main stored; or NULL */

    /* What has happened. */
    size_t cut;                     /* which cut is next */
    bool in_hindered, out_hindered; /* the last call was interrupted: the next is not */
    size_t given;                   /* bytes that recv has given out */
    enum stream_cause stored;       /* what main stored last, and on_noticed was not told of yet */
    int unread, unacknowledged;     /* bytes that are under way since */
    size_t wakes_left_out;          /* because of no_wakes */
    bool stopped;                   /* main has stored the stop */
    bool limited;                   /* recv has a time limit */
    bool no_more_out;               /* the server has ended its direction */
    bool held_back;                 /* the last of what was sent may wait for a further send */
    size_t out_length;
    unsigned char out[SCRIPT_OUT_BYTES]; /* what came back */
};

extern struct script script;

/* Takes an input apart. The input must stay as it is until the next one is read. */
void script_read(const uint8_t *input, size_t size);

/* Begins to play it, for a stream: nothing was given and nothing came back. */
void script_start(struct stream *stream, bool whole);

/* Calls on_noticed if the server has noticed what main stored last. */
void script_note_wake(void);

/* How many bytes the next cut lets through, of `room`: at least one. */
size_t script_piece(size_t room);

/* If a condition does not hold: says in words what is wrong, and ends the program; the fuzzer keeps
 * the input then. A macro, because it is asked for every byte. */
#define require(holds, ...) ((holds) ? (void)0 : script_fail(__VA_ARGS__))
_Noreturn void script_fail(const char *message, ...) __attribute__((format(printf, 1, 2)));

/* Turns the trace on, if the script wants it. script_end_trace reads its first SCRIPT_EVENTS events as
 * JSON and as lines, and requires that both are harmless text, and that no cookie is in them. */
void script_begin_trace(void);
void script_end_trace(void);

#endif
