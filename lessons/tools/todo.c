/*
 * todo.c - finds the client that an unwritten function's thread serves, and rejects it
 *
 * The server's own source knows nothing of this file. The linker leads some calls through here
 * (--wrap): accept4 and stream_open name a client, pthread_create hands it on to the new thread, and
 * handshake_switch says that it speaks in frames from now on.
 *
 * If an earlier function has left out a call, that is what the client is told: calls.h. So is one that
 * handshake_reject has left out. And close is led through here because a descriptor that is closed twice may
 * be another client's by then.
 */
#include "todo.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clients.h"
#include "calls.h"
#include "crash.h"
#include "handshake.h"
#include "stream.h"

#ifndef FIRST_UNWRITTEN
#define FIRST_UNWRITTEN lesson
#endif

/* The client that a thread serves, or that main has just accepted. */
struct peer {
    int fd; /* -1: none */
    struct stream *stream;
    bool switched; /* the 101 has been written */
    bool is_told;  /* what is unwritten, and the thread goes on to the end of worker */
    int depth;     /* 0: main, 1: a worker, 2: the second thread of a client */
};
static _Thread_local struct peer peer = {.fd = -1};

/* What a new thread takes with it. */
struct start {
    struct peer peer;
    void *(*routine)(void *);
    void *argument;
};

int __real_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
    size_t room = length != NULL ? *length : 0;

    calls_accept();
    peer = (struct peer){.fd = __real_accept4(listener, address, length, flags)};
    if (peer.fd >= 0)
        calls_accepted(room, length != NULL ? *length : 1);
    return peer.fd;
}

void __real_stream_open(struct stream *s, int fd);
void __wrap_stream_open(struct stream *s, int fd);
void __wrap_stream_open(struct stream *s, int fd)
{
    __real_stream_open(s, fd);
    peer.stream = s;
}

static void end_thread(void *stack)
{
    if (crash_end_thread != NULL)
        crash_end_thread(stack);
}

static void *start_routine(void *argument)
{
    struct start start = *(struct start *)argument;
    void *result, *stack = crash_begin_thread != NULL ? crash_begin_thread() : NULL;

    free(argument);
    peer = start.peer;
    peer.depth++;
    calls_begin();
    pthread_cleanup_push(end_thread, stack); /* also if the thread ends by pthread_exit */
    result = start.routine(start.argument);
    pthread_cleanup_pop(1);
    return result;
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                          void *argument)
{
    struct start *start = malloc(sizeof *start);
    int error = 1;

    if (start != NULL) {
        *start = (struct start){.peer = peer, .routine = routine, .argument = argument};
        error = __real_pthread_create(thread, attributes, start_routine, start);
    }
    if (error != 0)
        free(start);
    calls_create(error == 0);
    if (peer.depth == 0)
        peer.fd = -1; /* the new thread's now */
    return error;
}

int __real_handshake_switch(struct request *r, unsigned flags);
int __wrap_handshake_switch(struct request *r, unsigned flags);
int __wrap_handshake_switch(struct request *r, unsigned flags)
{
    int result;

    calls_switch(r, flags);
    result = __real_handshake_switch(r, flags);
    peer.switched = result == 0;
    return result;
}

/* An unwritten one returns 0, as if there were a request. */
int __real_request_read(struct request *r);
int __wrap_request_read(struct request *r);
int __wrap_request_read(struct request *r)
{
    int result = __real_request_read(r);

    return peer.is_told ? -1 : result;
}

/* The trace shows only in lesson 13 that its note is missing; so the client is told, after the response. */
void __real_handshake_reject(struct request *r);
void __wrap_handshake_reject(struct request *r);
void __wrap_handshake_reject(struct request *r)
{
    static const char words[] =
        "lesson 5 is yours to write (handshake_reject must call trace_note, with the "
        "sentence)";

    __real_handshake_reject(r);
    if (calls_has_noted_error() || peer.fd < 0)
        return;
    stream_flush(r->stream); /* a head alone waits for more */
    send(peer.fd, words, sizeof words - 1, MSG_NOSIGNAL);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    int result = __real_close(fd);

    if (result != 0 && errno == EBADF && fd >= 0 && crash_now != NULL && unwritten == NULL)
        crash_now("closed"); /* a server; the suites' own descriptors are no lesson */
    return result;
}

/* Takes the client out of the table, if it is there already, and gives its memory back, because nobody
 * else will; but that is what lesson 2's end_client is for. */
static void end_client_of(int lesson)
{
    struct client *client;

    if (peer.stream == NULL) {
        close(peer.fd);
        return;
    }
    client = (struct client *)((char *)peer.stream - offsetof(struct client, stream));
    clients_leave(client);
    if (lesson > 2)
        clients_free(client);
    else
        close(peer.fd);
}

static void send_501(const char *sentence)
{
    char response[500];
    int n = snprintf(response, sizeof response,
                     "HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n%s\n",
                     strlen(sentence) + 1, sentence);

    send(peer.fd, response, (size_t)n, MSG_NOSIGNAL);
}

static void send_1011(const char *sentence)
{
    unsigned char close_frame[2 + 125] = {0x88, 0, 0x03, 0xF3};
    size_t length = strlen(sentence);

    if (length > 123)
        length = 123;
    close_frame[1] = (unsigned char)(2 + length);
    memcpy(close_frame + 4, sentence, length);
    stream_flush(peer.stream); /* the 101, and what else was written before */
    send(peer.fd, close_frame, 4 + length, MSG_NOSIGNAL);
}

/* The lesson to go on with is the first unwritten one, which need not be that of this function. Without a
 * client, though, it is not start_client's turn yet. */
static void describe(char *words, size_t size, int lesson, const char *function, const char *sentence)
{
    if (strcmp(function, "start_client") == 0 && peer.fd < 0)
        snprintf(words, size,
                 "lesson 1 is yours to write (accept_loop must call start_client only after accept4 has "
                 "returned a client)");
    else if (lesson == FIRST_UNWRITTEN)
        snprintf(words, size, "lesson %d is yours to write (%s)", lesson, sentence);
    else
        snprintf(words, size, "lesson %d is yours to write (then, in lesson %d: %s)", FIRST_UNWRITTEN,
                 lesson, sentence);
}

/* Tells the client, which has its WebSocket or not yet. What was left out before this function goes first. */
static void tell_client(const char *function, const char *words, bool is_end)
{
    char earlier[300];
    int lesson;
    const char *missing =
        peer.depth == 1 || !peer.switched ? calls_left_out(function, is_end, &lesson) : NULL;

    if (missing != NULL)
        snprintf(earlier, sizeof earlier, "lesson %d is yours to write (%s)", lesson, missing);
    if (peer.switched)
        send_1011(missing != NULL ? earlier : words);
    else
        send_501(missing != NULL ? earlier : words);
}

/* An end of the handler with words that are sent at the client's very end: what on_upgrade does after the handler
 * is a part of its lesson. Returns false if this is no such call. */
static bool goes_on(const char *function, const char *words)
{
    static _Thread_local char kept[300];

    if (strcmp(function, "frame_close") == 0 && calls_handler_has_ended())
        return true;
    if (strcmp(function, "echo") != 0 || peer.depth != 1)
        return false;
    snprintf(kept, sizeof kept, "%s", words);
    return calls_end_handler(kept);
}

void __real_stream_linger(struct stream *s);
void __wrap_stream_linger(struct stream *s);
void __wrap_stream_linger(struct stream *s)
{
    if (calls_handler_has_ended() || calls_has_websocket())
        tell_client("", calls_reason(), true);
    __real_stream_linger(s);
}

/* Whether serve, after an unwritten function, only ends the client: then its thread goes on, because what
 * worker does at its end is a part of lesson 2. */
static bool is_last_in_serve(const char *function)
{
    static const char *const last[] = {"request_read", "respond", "handshake_reject", "stream_linger"};

    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++)
        if (strcmp(function, last[i]) == 0)
            return peer.depth == 1 && !peer.switched;
    return false;
}

static void tell_and_wait(const char *function, const char *words)
{
    char ignored[1000];

    tell_client(function, words, false);
    shutdown(peer.fd, SHUT_WR);
    if (peer.depth > 1) /* its worker reads on, and gives back what there is */
        pthread_exit(NULL);
    while (recv(peer.fd, ignored, sizeof ignored, 0) > 0)
        ;
}

void todo(int lesson, const char *function, const char *sentence)
{
    char words[300];

    describe(words, sizeof words, lesson, function, sentence);
    if (peer.fd < 0 && unwritten != NULL)
        unwritten(words);
    if (peer.fd < 0) {
        fprintf(stderr, "server: %s\n", words);
        exit(EXIT_FAILURE);
    }
    if (goes_on(function, words))
        return;
    if (!peer.is_told)
        tell_and_wait(function, words);
    peer.is_told = is_last_in_serve(function);
    if (peer.is_told)
        return;
    calls_give_back();
    end_client_of(lesson);
    peer = (struct peer){.fd = -1};
    if (lesson != 2)
        pthread_exit(NULL);
}
