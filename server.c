/*
 * server.c - a WebSocket echo server with a thread for each client
 *
 * The main thread accepts connections. Each client gets a worker thread of its own, which lives as long
 * as the client stays and does one thing after another, waiting where it must:
 *
 *     accept ──► thread ──► stream ──► handshake ──► frame ──► handler
 *     here       here       stream.c   handshake.c   frame.c   here
 *
 * Each function ends by calling the next: start_client, worker, serve, respond, upgrade,
 * switch_protocols, on_upgrade, echo. In C a function must be declared before it is used, so they
 * are in the opposite order: begin with main, at the end, and read upwards. On the way back, whatever was
 * rejected is responded to in one place, serve, and whoever allocated something frees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "chat.h"
#include "clients.h"
#include "clock.h"
#include "files.h"
#include "frame.h"
#include "handshake.h"
#include "options.h"
#include "stream.h"
#include "wire.h"

/* Milliseconds that main sleeps when it cannot accept because descriptors or memory have run out. They
 * come back only when a client leaves, and asking in a loop would use all of a core. */
#define ACCEPT_PAUSE_MS 100

/* Milliseconds after which a second SIGINT is a person's: timeout(1) and others send it twice at once. */
#define SECOND_SIGINT_MS 200

/* Pools of memory (arenas) that glibc shares out among the threads. Each keeps 132 KiB when a crowd has gone,
 * and as a rule there are eight for each core. */
#define ARENAS 4

/* Seconds after which the server complains again of the same. */
#define COMPLAINT_S 3600

/* For the signal handler, which may use nothing else. */
static atomic_int listener = -1;
static atomic_bool stop_requested;
static atomic_llong stop_ms; /* when it was requested, on CLOCK_MONOTONIC */

/* What can be upgraded to a WebSocket, and which function then serves it. */
static void echo(struct websocket *ws);

static const struct route {
    const char *path;
    void (*handler)(struct websocket *ws); /* blocks until the connection ends */
    unsigned flags;                        /* for the 101: STREAM_MORE if the server speaks first */
    bool traced;                           /* its frames are recorded */
    int (*check)(struct request *request); /* what else must be right before the 101; NULL: nothing */
} routes[] = {
    {"/", echo, 0, true},
    {"/echo", echo, 0, true},
    {"/chat", chat_serve, STREAM_MORE, true, chat_name},
    {"/wire", wire_serve, STREAM_MORE, false}, /* the last one; only with --wire */
};

/* ---- the handler: an echo ---- */

/* Lesson 10. The loop of an echo server: read a message, write it back. */
static void echo(struct websocket *ws)
{
    const struct message *m = &ws->message;

    while (frame_read_message(ws) == 0)
        if (frame_write(ws, m->opcode, m->bytes, m->length, stream_more(ws->stream)) != 0)
            return;
}

/* ---- one client ---- */

/* What followed the request's empty line in the same recv: the first frame, or a part of it. It is
 * still in the stream, where it will be read first. */
struct head {
    const unsigned char *bytes;
    size_t length;
};

/* Lesson 8. Called when the protocols have been switched, with what Node.js calls request, socket and
 * head. The request has done its work, so it is freed. The head needs no work: the stream still has it. */
static void on_upgrade(struct request *request, struct stream *socket,
                       const struct head *head __attribute__((unused)), const struct route *route)
{
    struct websocket ws;

    request_free(request);
    frame_begin(&ws, socket, request->source, options.max_message, options.max_memory);
    frame_compress(&ws, request->deflate.window_bits);
    route->handler(&ws);
    if (ws.close_code != 0) { /* the client broke a rule, or we cannot go on: say why */
        trace_note(ws.source, ws.close_code == CLOSE_POLICY_VIOLATION ? TRACE_PING_TIMEOUT : TRACE_ERROR,
                   ws.reason);
        frame_close(&ws, ws.close_code, ws.reason, strlen(ws.reason));
        socket->cause = STREAM_CLOSED;
    }
    frame_end(&ws);
}

/* Lesson 8. Switches protocols: sends the 101, and hands over what belongs to the connection. */
static int switch_protocols(struct client *client, struct request *request, const struct route *route)
{
    struct stream *socket = &client->stream;
    struct head head = {stream_next(socket), stream_waiting(socket)};

    /* If frames are here already, or we speak first, the 101 is sent together with the first reply. */
    if (handshake_switch(request, route->flags | (head.length > 0 ? STREAM_MORE : 0)) != 0)
        return -1;
    clients_upgraded(client);
    if (!route->traced)
        trace_hide(&client->source);
    on_upgrade(request, socket, &head, route);
    return 0;
}

/* Lesson 5, provided. Stores with which status a request is rejected. Always returns -1. */
static int fail(struct request *request, int status, const char *reason)
{
    request->status = status;
    request->reason = reason; /* NULL: the default sentence of the status */
    return -1;
}

/* Lesson 6. Checks a request for a WebSocket, and switches protocols if everything is right. */
static int upgrade(struct client *client, struct request *request, const struct route *route)
{
    if (route == NULL)
        return fail(request, 404, NULL);
    if (handshake_check(request, options.origins, options.origin_count) != 0)
        return -1;
    if (route->check != NULL && route->check(request) != 0)
        return -1;
    return switch_protocols(client, request, route);
}

/* Lesson 5. Responds with one of the page's files; a HEAD request gets the head alone. */
static int send_file(struct request *request, const struct file *file)
{
    size_t length = 0;
    char *bytes = files_read(file, &length);
    int result;

    if (bytes == NULL)
        return fail(request, 500, "The server cannot read this file of its page.");
    result = handshake_respond(request, 200, "", file->type, length);
    if (result == 0 && strcmp(request->method, "HEAD") != 0)
        result = stream_write(request->stream, bytes, length, NULL, 0, 0);
    free(bytes);
    return result;
}

/* Lesson 5, provided. The route of a path, or NULL. */
static const struct route *find_route(const char *path)
{
    size_t count = sizeof routes / sizeof routes[0] - (options.wire ? 0 : 1);

    for (size_t i = 0; i < count; i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    return NULL;
}

/* Lesson 5. Responds to a request that was read whole: what is it for, and does that exist? */
static int respond(struct client *client, struct request *request)
{
    const struct route *route = find_route(request->path);
    const struct file *file = files_lookup(request->path);

    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        return fail(request, 405, NULL);
    if (route == NULL && file == NULL)
        return fail(request, 404, NULL);
    if (handshake_is_upgrade(request))
        return upgrade(client, request, route);
    if (file == NULL)
        return fail(request, 426, NULL); /* RFC 9110 section 15.5.22: come back with an Upgrade field */
    return send_file(request, file);
}

/* Lesson 4, provided. Reads a request and responds to it. -1: it is rejected, or the connection ended. */
static int serve_request(struct client *client, struct request *request)
{
    if (client->rejected)
        return fail(request, 503, NULL);
    if (request_read(request) != 0)
        return -1;
    if (options.compress) /* here, because what follows is the learner's */
        handshake_negotiate(request);
    return respond(client, request);
}

/* Lesson 4, provided. Serves one client: one request, and what follows from it. */
static void serve(struct client *client)
{
    struct stream *s = &client->stream;
    struct request request = {.stream = s, .source = &client->source};

    if (serve_request(client, &request) != 0 && request.status != 0)
        handshake_reject(&request);
    request_free(&request);
    stream_linger(s);
    trace_note(&client->source, TRACE_DISCONNECTED, stream_reason(s));
}

/* Lesson 2. Takes a client out of the table, and frees all that it has. */
static void end_client(struct client *client)
{
    clients_leave(client);
    clients_free(client);
}

/* Lesson 2. A worker's whole life: one client. Its name shows in gdb's "info threads". */
static void *worker(void *argument)
{
    struct client *client = argument;
    char name[16]; /* what Linux allows, with the null terminator */

    snprintf(name, sizeof name, "client %lu", client->number % 100000000);
    pthread_setname_np(pthread_self(), name);
    clients_running(client);
    serve(client);
    end_client(client);
    return NULL;
}

/* Lesson 2. Starts the worker's thread, and detaches it: nobody waits for its result. */
static int start_worker(struct client *client)
{
    pthread_t thread;
    int error = pthread_create(&thread, &thread_attributes, worker, client);

    if (error == 0)
        pthread_detach(thread);
    errno = error;
    return error == 0 ? 0 : -1;
}

/* Lesson 14, provided. Says what the server cannot do for now, because errno says so; the same no more
 * than once an hour. */
static void complain(const char *what, time_t *said)
{
    time_t now = time(NULL);

    if (*said != 0 && now - *said < COMPLAINT_S)
        return;
    fprintf(stderr, "server: cannot %s for now: %s\n", what, strerror(errno));
    *said = now;
}

/* Lesson 2. Starts a client on its socket. The client is made here and handed over whole: a thread that
 * was given the address of a local variable would read whatever is there later. */
static void start_client(int fd, const char *address)
{
    static time_t said_memory, said_thread; /* only main complains */
    struct client *client = clients_new(fd, address);

    if (client == NULL) {
        complain("make room for a client", &said_memory);
        close(fd);
    } else if (clients_enter(client, options.max_connections) != 0) {
        trace_note(&client->source, TRACE_DISCONNECTED, "too many clients are being rejected");
        clients_free(client);
    } else if (start_worker(client) != 0) {
        complain("start a client's thread", &said_thread);
        trace_note(&client->source, TRACE_DISCONNECTED, "there is no thread for it");
        end_client(client);
    }
}

/* ---- listening ---- */

/* Lesson 14, provided. Decides what a failed accept means: -1 ends the accept loop. Most failures are
 * one client's; only running out of descriptors or memory is ours, and it passes. */
static int accept_failed(int error)
{
    static time_t said;
    struct timespec pause = {.tv_nsec = ACCEPT_PAUSE_MS * 1000000};

    if (stop_requested)
        return -1;
    if (error == EBADF || error == EINVAL || error == ENOTSOCK) {
        fprintf(stderr, "server: cannot accept clients any more: %s\n", strerror(error));
        return -1;
    }
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
        return 0;
    complain("accept clients", &said);
    nanosleep(&pause, NULL);
    return 0;
}

/* Lesson 1, provided. Writes an address as "127.0.0.1:8080", or "[::1]:8080", because an IPv6 address
 * has colons itself. */
static int write_address(const struct sockaddr *address, socklen_t length,
                         char text[TRACE_ADDRESS_BYTES])
{
    char host[64], port[6];
    bool v6 = address->sa_family == AF_INET6;

    text[0] = '\0';
    if (getnameinfo(address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    snprintf(text, TRACE_ADDRESS_BYTES, v6 ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

/* Lesson 1. Accepts clients, one after another, as long as the server runs. Returns 0 after a
 * signal, else -1: nothing can be accepted any more. */
static int accept_loop(void)
{
    for (;;) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof from;
        char address[TRACE_ADDRESS_BYTES];
        int fd;

        clients_check_time();
        fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
        if (fd >= 0) {
            write_address((struct sockaddr *)&from, length, address);
            start_client(fd, address);
        } else if (accept_failed(errno) != 0) {
            return stop_requested ? 0 : -1;
        }
    }
}

/* Lesson 1, provided. Says why the server cannot listen, and what helps. */
static void say_cannot_listen(int error)
{
    const char *help = error == EADDRINUSE      ? "; --port 0 finds a free one"
                       : error == EACCES        ? "; ports from 1024 on need no special rights"
                       : error == EADDRNOTAVAIL ? "; 'ip address' lists those of this machine"
                                                : "";

    fprintf(stderr, "server: cannot listen on address %s, port %s: %s%s (see server --help)\n",
            options.address, options.port, strerror(error), help);
}

/* Lesson 1. Opens the socket that clients connect to: socket, bind, listen. Returns it, or -1. */
static int open_socket(const struct addrinfo *at)
{
    int on = 1, fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    /* SO_REUSEADDR: a server that was just stopped may be started again on the same port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int error = errno; /* close may change it */
    close(fd);
    errno = error;
    return -1;
}

/* Lesson 1, provided. Listens on the first address that can be had: a name may stand for several. */
static int open_listener(void)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(options.address, options.port, &hints, &found);

    if (error != 0) {
        fprintf(stderr, "server: --address %s: %s (see server --help)\n", options.address,
                error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
        return -1;
    }
    for (struct addrinfo *at = found; at != NULL && listener < 0; at = at->ai_next) {
        listener = open_socket(at);
        error = errno;
    }
    freeaddrinfo(found);
    if (listener < 0) {
        say_cannot_listen(error);
        return -1;
    }
    return 0;
}

/* Lesson 1. Says where the server can be reached, once it can. */
static int announce(void)
{
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof own;
    char address[TRACE_ADDRESS_BYTES];

    if (getsockname(listener, (struct sockaddr *)&own, &length) != 0 ||
        write_address((struct sockaddr *)&own, length, address) != 0) {
        fprintf(stderr, "server: cannot find out its own address\n");
        return -1;
    }
    printf("listening on http://%s/\n", address);
    return options_flush_output();
}

/* ---- the program's beginning and end ---- */

/* Lesson 14, provided. The handler of the signals that stop the server: it ends the accept loop. A
 * second SIGINT ends the process, if it comes from a person. */
static void on_signal(int number)
{
    int kept = errno; /* the interrupted function may be about to look at it */

    if (number == SIGINT && stop_requested && clock_ms() - stop_ms >= SECOND_SIGINT_MS) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT); /* comes when this handler has returned, and ends the process */
    }
    if (!stop_requested)
        stop_ms = clock_ms();
    stop_requested = true;         /* before the shutdown, so that accept_failed sees it */
    shutdown(listener, SHUT_RDWR); /* on Linux, this makes a waiting accept, or the next one, fail */
    errno = kept;
}

/* Lesson 14. Asks for on_signal to be called by SIGINT, SIGTERM and SIGHUP, instead of ending the
 * process. SIGHUP may have been set to be ignored, by nohup(1). The server runs without it. */
static int stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, before;

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return -1;
    if (sigaction(SIGHUP, NULL, &before) != 0 || before.sa_handler == SIG_IGN)
        return 0;
    return sigaction(SIGHUP, &action, NULL);
}

/* Lesson 1, provided. If one of the three standard descriptors is closed, a socket would get its number,
 * and a client would get what is printed. So they are taken, by what cannot be written to. */
static void take_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

/* Lesson 1, provided. What must be so before the server listens. */
static void prepare(int argc, char **argv)
{
    sigset_t none;

    signal(SIGPIPE, SIG_IGN); /* a terminal or a client that has gone must not end the process */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL); /* whoever has started us may have blocked what we wait for */
    take_standard_descriptors();
    options_parse(argc, argv);
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, MESSAGE_LARGE_BYTES); /* else glibc raises it, and keeps large messages */
    mallopt(M_ARENA_MAX, ARENAS);
#endif
    wire_begin();
    files_find();
    clients_raise_descriptors(options.max_connections);
    clients_begin((int)options.timeout_s);
}

/* Lesson 1, provided. The main thread: listen, accept until a signal comes, stop. */
int main(int argc, char **argv)
{
    int result, stopped;

    prepare(argc, argv);
    if (open_listener() != 0 || stop_on_signals() != 0)
        return EXIT_FAILURE;
    if ((options.verbose && wire_start_printing() != 0) || announce() != 0)
        return EXIT_FAILURE;
    result = accept_loop();
    stopped = clients_stop();
    if (stopped != 0)
        fprintf(stderr, "server: some client's thread has not ended\n");
    if ((options.verbose && wire_stop_printing(STOP_S) != 0) || stopped != 0)
        _exit(result + stopped == 0 ? EXIT_SUCCESS : EXIT_FAILURE); /* some thread is still there */
    files_forget();
    free(options.origins);
    close(listener);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
