/*
 * script.h - a peer in memory, for fuzzing: what it sends, and how the bytes are cut
 *
 * The server blocks and has threads; a fuzzer wants one call that returns. So the linker leads the
 * server's calls of recv, send, poll, shutdown, setsockopt, time and clock_gettime to
 * script.c (--wrap, as in tests/counted.c), and there is no socket: a recv takes from a text in
 * memory, a send adds to another, and the clock goes on only where a poll waits in vain.
 *
 * An input of the fuzzer is a line and the bytes that the peer sends. The line says how these are
 * cut, a character for each recv or send, again and again; an empty line cuts nothing.
 *
 *     i   interrupted by a signal, then whatever comes next
 *     w   would block: a recv was silent for the whole patience, a send finds no room; then what
 *         comes next
 *     f   the server stops now, as told from another thread; then a cut like any other character
 *     R Q X P L V   no cut, but a switch (below)
 *     any other character c: at most 1 + c % 64 bytes; '*', '+' and ',': 1000, 16384 and all that
 *         there is room for
 *
 *     R   in the bytes, "*9000a" stands for 9000 times the byte a, at most SCRIPT_REPEAT_BYTES;
 *         and the cuts are SCRIPT_STRETCH times as long
 *     Q   after its last byte the peer is quiet for ever;
 *     X   or the connection breaks; else the peer ends in an orderly way
 *     P   the server has patience for ever: nothing times out, and Q is an orderly end
 *     L   the low limit for a message (session.c)
 *     V   somebody watches the wire's view
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The socket of the peer in memory: no descriptor has this number, so to close it does nothing. */
#define SCRIPT_FD (-1)

/* Bytes that one repetition can stand for: more than a message's 64 KiB step in memory. */
#define SCRIPT_REPEAT_BYTES 70000

/* How many times longer the cuts are where there are repetitions: a recv for each few of 70000
 * bytes would take so long that other inputs were hardly tried. */
#define SCRIPT_STRETCH 16

/* Bytes that a peer can send: one such repetition and more, yet little to compare. */
#define SCRIPT_BYTES (80 * 1024)

/* Bytes that can come back. Pings are added to echoes, two bytes for a byte that came late. */
#define SCRIPT_OUT_BYTES (4 * SCRIPT_BYTES)

/* Events of the wire's view that are looked at: a thousand more would tell the same. */
#define SCRIPT_EVENTS 40

/* Seconds of the server's patience; its clock is ours, so they pass at once. */
#define SCRIPT_PATIENCE_S 30

struct script {
    /* What the input says. */
    const unsigned char *cuts;
    size_t cut_count;
    bool repeats, ends_quietly, breaks, endless_patience, low_limit, watched;
    size_t length;
    unsigned char bytes[SCRIPT_BYTES]; /* what the peer sends */

    /* How it is played. */
    bool whole;            /* nothing is cut: for an outcome to compare with */
    bool no_silence;       /* no recv is silent before the end */
    void (*on_recv)(void); /* called before each recv; NULL: nothing */
    void (*on_stop)(void); /* called at the first f; NULL: nothing */

    /* What has happened. */
    size_t cut;                     /* which cut is next */
    bool in_hindered, out_hindered; /* the last call did not go through: the next does */
    size_t given;                   /* bytes that recv has given out */
    size_t silences;                /* recvs that were silent, the one at the end not counted */
    bool stopped;                   /* on_stop was called */
    bool quiet;                     /* the silence at the end was met */
    bool no_more_out;               /* the server has ended its direction */
    bool held_back;                 /* the last of what was sent may wait for a further send */
    size_t out_length;
    unsigned char out[SCRIPT_OUT_BYTES]; /* what came back */
};

extern struct script script;

/* Takes an input apart. The input must stay as it is until the next one is read. */
void script_read(const uint8_t *input, size_t size);

/* Begins to play it: nothing was given and nothing came back. */
void script_start(bool whole);

/* How many bytes the next cut lets through, of `room`: at least one. */
size_t script_piece(size_t room);

/* Where a condition does not hold: says in words what is wrong, and ends the program; the fuzzer
 * keeps the input then. A macro, for it is asked for every byte. */
#define require(holds, ...) ((holds) ? (void)0 : fail(__VA_ARGS__))
_Noreturn void fail(const char *message, ...) __attribute__((format(printf, 1, 2)));

/* Begins to watch the wire's view, where the script wants it; script_end_view reads its first
 * SCRIPT_EVENTS events as JSON and as lines, and requires that both are harmless text. */
void script_begin_view(void);
void script_end_view(void);

#endif
