/*
 * server.c - a WebSocket echo server with a thread for each client
 *
 * The main thread accepts connections. Each client gets a worker thread of its own, which lives
 * as long as the client stays and does one thing after the other, waiting where it must:
 *
 *     accept ──► thread ──► stream ──► handshake ──► frame ──► handler
 *     here       here       stream.c   handshake.c   frame.c   here
 *
 * Each function ends by calling the next: start_client, worker, serve, answer, upgrade,
 * switch_protocols, on_upgrade, echo. C wants a function before its use, so they stand in the
 * opposite order: begin with main, at the end, and read upwards. On the way back, what was
 * refused is answered in one place, serve, and what was taken is given back by whoever took it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <malloc.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "frame.h"
#include "handshake.h"
#include "stream.h"
#include "wire.h"

#define VERSION "1.0.0"

/* Where the page's files are. The Makefile says it absolutely, so that the server finds them from
 * whatever folder it is started in. */
#ifndef CLIENT_DIRECTORY
#define CLIENT_DIRECTORY "client"
#endif

/* Threads beyond --max-connections that tell further visitors that the server is full. Beyond
 * these, a connection is closed without a word: a crowd must not get as many threads as it wants. */
#define REFUSALS 64

/* Seconds that clients have, when the server stops, to answer the close frame. */
#define STOP_S 5

/* Milliseconds after which main sends again what was left of a close frame when it stopped, because
 * the client's socket had no room. The worker cannot: it waits for the client, in recv. */
#define FAREWELL_PAUSE_MS 10

/* Milliseconds that the main thread sleeps when it cannot accept for want of descriptors or
 * memory: those come back only when a client leaves, and asking in a loop would burn a core. */
#define ACCEPT_PAUSE_MS 100

/* Bytes of stack for a worker. An echo touches two pages, 8 KiB (as /proc/PID/smaps shows), of which
 * the C library has more than a quarter; with the sanitizers it is several times that. The rest is
 * address space, which costs nothing untouched. The usual 8 MiB would cost as little, but ten thousand
 * times that is 80 GB of addresses, more than some systems let a process have (ulimit -v). */
#define THREAD_STACK_BYTES (256 * 1024)

/* Descriptors that are not clients: standard input and output, the listener, files of the page. */
#define OTHER_DESCRIPTORS 16

/* What an option is where it is not given; --help tells of these. */
#define DEFAULT_ADDRESS "127.0.0.1"
#define DEFAULT_PORT "8080"
#define DEFAULT_TIMEOUT_S 30
#define DEFAULT_MAX_MESSAGE (1024 * 1024)
#define DEFAULT_MAX_CONNECTIONS 1024

/* The options, set before the first thread starts and only read from then on. */
static struct {
    const char *address;
    const char *port;
    int timeout_s;
    size_t max_message; /* bytes */
    size_t max_connections;
    struct origin *origins;
    size_t origin_count;
    bool wire;    /* there is a /wire */
    bool verbose; /* every event is printed */
} options = {
    .address = DEFAULT_ADDRESS,
    .port = DEFAULT_PORT,
    .timeout_s = DEFAULT_TIMEOUT_S,
    .max_message = DEFAULT_MAX_MESSAGE,
    .max_connections = DEFAULT_MAX_CONNECTIONS,
};

/* How far a client has come, which decides how it is told that the server stops. */
enum progress {
    ASKING,   /* its request is still being read */
    ANSWERED, /* its request is whole, and is being answered */
    UPGRADED, /* the 101 is written, so a close frame may follow */
};

/* A visitor. Its worker owns it, and frees it at the end. */
struct client {
    unsigned long number; /* counts from 1; never changes */
    bool turned_away;     /* one too many: is told so; never changes */

    /* Under clients.lock. */
    enum progress progress;
    struct client *next, *previous;

    struct wire_tap tap;  /* its worker's own */
    struct stream stream; /* has a lock of its own */
};

/* How all threads but the main one are started; set before the first one. */
static pthread_attr_t thread_attributes;

/* All clients there are. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t left; /* a client has left */

    /* Under lock. */
    struct client *first;
    size_t admitted, turned_away; /* how many there are of each kind */
    bool stopping;
    struct last_word goodbye; /* set when stopping is, and never changed after */
} clients = {.lock = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER};

/* For the signal handler, which may touch nothing else. */
static int listener = -1;
static volatile sig_atomic_t stop_asked;

#define JAVASCRIPT "text/javascript; charset=utf-8"

/* What can be asked for. A path from a request is only ever compared with these, so none can
 * reach another file. */
static const struct resource {
    const char *path;
    const char *file, *type; /* NULL: no file, the address is for WebSockets only */
    bool upgrades;
} resources[] = {
    {"/", "index.html", "text/html; charset=utf-8", true},
    {"/style.css", "style.css", "text/css; charset=utf-8", false},
    {"/icon.svg", "icon.svg", "image/svg+xml", false},
    {"/page.js", "page.js", JAVASCRIPT, false},
    {"/words.js", "words.js", JAVASCRIPT, false},
    {"/wire.js", "wire.js", JAVASCRIPT, false},
    {"/track.js", "track.js", JAVASCRIPT, false},
    {"/view.js", "view.js", JAVASCRIPT, false},
    {"/list.js", "list.js", JAVASCRIPT, false},
    {"/figure.js", "figure.js", JAVASCRIPT, false},
    {"/echo", NULL, NULL, true},
    {"/wire", NULL, NULL, true}, /* only with --wire */
};

/* ---- the handlers: an echo, and the view of the wire ---- */

/* Lesson 10. The loop of an echo server: read a message, write it back. */
static int echo(struct websocket *ws)
{
    int result;

    do {
        result = frame_read_message(ws);
        if (result == 0)
            result = frame_write(ws, ws->message.opcode, ws->message.bytes, ws->message.length,
                                 stream_has_input(ws->stream));
    } while (result == 0);
    return result;
}

/* What the two threads of a watcher share. */
struct view {
    struct websocket *ws;
    struct wire_watcher watcher;
};

/* Lesson 13. The second thread of a watcher: sends what it sees, and says all before it waits. */
static void *send_view(void *argument)
{
    struct view *view = argument;
    struct wire_event event;
    char json[WIRE_JSON_BYTES];
    size_t length;
    enum wire_result next;
    int result = 0;

    pthread_setname_np(pthread_self(), "view");
    do {
        next = wire_next(&view->watcher, &event, false);
        if (next == WIRE_NOTHING) {
            result = stream_flush(view->ws->stream);
            if (result == 0) /* else the client is lost, and waiting would only hide that */
                next = wire_next(&view->watcher, &event, true);
        }
        if (next == WIRE_EVENT && result == 0) {
            length = wire_json(&event, json);
            result = frame_write(view->ws, OPCODE_TEXT, json, length, true);
        }
    } while (next == WIRE_EVENT && result == 0);
    if (result != 0)
        stream_cut(view->ws->stream); /* the first thread must notice as well */
    return NULL;
}

/* Lesson 13. Lets a client watch the wire. Reading blocks, and so does waiting for events: a second
 * thread sends, while this one reads what the client has to say (pong, close). */
static int watch(struct websocket *ws)
{
    struct view view = {.ws = ws};
    pthread_t sender;
    int result = CLOSE_INTERNAL_ERROR;

    wire_hide(ws->stream->tap);
    wire_watch(&view.watcher);
    if (pthread_create(&sender, &thread_attributes, send_view, &view) != 0) {
        ws->problem = "no thread for the view";
    } else {
        do
            result = frame_read_message(ws); /* a message says nothing to us */
        while (result == 0);
        wire_end(&view.watcher);
        pthread_join(sender, NULL);
    }
    wire_stop_watching(&view.watcher);
    return result;
}

/* What came behind the request's empty line, with the same recv: the first frame, or a part of it.
 * It still lies in the stream, which gives it out first. */
struct head {
    const unsigned char *bytes;
    size_t length;
};

/* Lesson 13, given. Whether a request is for the view of the wire. */
static bool asks_for_view(const struct request *request)
{
    return strcmp(request->path, "/wire") == 0;
}

/* Lesson 8. Called when the protocols have been switched, with what Node.js calls request, socket
 * and head. From here on the request has done its work, and its memory goes back. */
static int on_upgrade(struct request *request, struct stream *socket, const struct head *head)
{
    int (*handler)(struct websocket *) = asks_for_view(request) ? watch : echo;
    struct websocket ws;
    int result;

    (void)head; /* to look at, in a debugger: the stream will give these bytes out */
    request_free(request);
    frame_begin(&ws, socket, options.max_message);
    result = handler(&ws);
    if (result >= CLOSE_NORMAL) {   /* the client broke a rule, or we cannot go on: say why */
        if (result != CLOSE_POLICY) /* that is a ping without an answer, and told already */
            wire_note(socket->tap, WIRE_ERROR, ws.problem);
        frame_send_close(&ws, result);
        result = STREAM_OVER;
    }
    frame_end(&ws);
    return result;
}

/* ---- the table of clients ---- */

/* Lesson 14. Enters a client into the table. Answers 0, or -1: one too many even to be told so.
 * The server runs without it. */
static int enter_table(struct client *client)
{
    bool enters;

    pthread_mutex_lock(&clients.lock);
    client->turned_away = clients.admitted >= options.max_connections;
    enters = !client->turned_away || clients.turned_away < REFUSALS;
    if (enters) {
        clients.admitted += client->turned_away ? 0 : 1;
        clients.turned_away += client->turned_away ? 1 : 0;
        client->next = clients.first;
        if (clients.first != NULL)
            clients.first->previous = client;
        clients.first = client;
    }
    pthread_mutex_unlock(&clients.lock);
    return enters ? 0 : -1;
}

/* Lesson 14. Takes a client out of the table, and wakes main if it waits for that. The server runs
 * without it. */
static int leave_table(struct client *client)
{
    pthread_mutex_lock(&clients.lock);
    clients.admitted -= client->turned_away ? 0 : 1;
    clients.turned_away -= client->turned_away ? 1 : 0;
    if (client->next != NULL)
        client->next->previous = client->previous;
    if (client->previous != NULL)
        client->previous->next = client->next;
    else
        clients.first = client->next;
    pthread_cond_signal(&clients.left);
    pthread_mutex_unlock(&clients.lock);
    return 0;
}

/* Lesson 14, given. Whether a client is one too many: then 503, at once. The server runs without it. */
static int table_full(const struct client *client)
{
    return client->turned_away ? 503 : 0;
}

/* Lesson 14, given. Notes how far a client has come. Answers whether the server has begun to stop; a
 * client that was upgraded meanwhile is told so. The server runs without it. */
static bool note_progress(struct client *client, enum progress progress)
{
    bool stopping;

    pthread_mutex_lock(&clients.lock);
    client->progress = progress;
    stopping = clients.stopping;
    pthread_mutex_unlock(&clients.lock);
    if (stopping && progress == UPGRADED)
        stream_farewell(&client->stream, &clients.goodbye);
    return stopping;
}

/* ---- one client ---- */

/* Lesson 8. Switches protocols: sends the 101, and hands over what belongs to the connection. */
static int switch_protocols(struct client *client, struct request *request)
{
    struct stream *socket = &client->stream;
    struct head head;
    /* The view speaks first. Its 101 waits for that, so that a watcher who has it misses nothing. */
    int result = handshake_switch(socket, request, asks_for_view(request));

    if (result != 0)
        return result;
    stream_set_deadline(socket, 0); /* the request is over; now only silence is limited */
    note_progress(client, UPGRADED);
    head.bytes = socket->in + socket->in_start;
    head.length = socket->in_end - socket->in_start;
    return on_upgrade(request, socket, &head);
}

/* Lesson 6. Checks a request for a WebSocket, and switches protocols where all is well. */
static int upgrade(struct client *client, struct request *request, const struct resource *resource)
{
    int status = resource->upgrades ? 0 : 404;

    if (status == 0)
        status = handshake_check(request, options.origins, options.origin_count);
    return status == 0 ? switch_protocols(client, request) : status;
}

/* Lesson 5, given. Reads one of the page's files whole, into memory that the caller frees; NULL: it
 * cannot be read. Not on the stack, of which little should be touched: see THREAD_STACK_BYTES. */
static char *read_file(const char *name, size_t *length)
{
    char path[sizeof CLIENT_DIRECTORY + 32], *bytes = NULL;
    struct stat about;
    int file;

    snprintf(path, sizeof path, "%s/%s", CLIENT_DIRECTORY, name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    if (fstat(file, &about) == 0 && (bytes = malloc((size_t)about.st_size + 1)) != NULL) {
        *length = (size_t)about.st_size;
        if (read(file, bytes, *length) != (ssize_t)*length) {
            free(bytes);
            bytes = NULL;
        }
    }
    close(file);
    return bytes;
}

/* Lesson 5. Answers with one of the page's files; a HEAD request gets the head alone. */
static int send_file(struct stream *s, struct request *request, const struct resource *resource)
{
    size_t length = 0;
    char *bytes = read_file(resource->file, &length);
    int result;

    if (bytes == NULL) {
        request->problem = "The server cannot read the files of its page.";
        return 500;
    }
    result = handshake_respond(s, 200, "", resource->type, length);
    if (result == 0 && strcmp(request->method, "HEAD") != 0)
        result = stream_write(s, bytes, length, NULL, 0, false);
    free(bytes);
    return result;
}

/* Lesson 5. Answers a request that was read whole: what is it for, and is it that at all? */
static int answer(struct client *client, struct request *request)
{
    const struct resource *resource = NULL;

    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
        if (strcmp(resources[i].path, request->path) == 0)
            resource = &resources[i];
    if (asks_for_view(request) && !options.wire)
        resource = NULL;
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
        return 405;
    if (resource == NULL)
        return 404;
    if (handshake_is_upgrade(request))
        return upgrade(client, request, resource);
    if (resource->file == NULL)
        return 426; /* RFC 9110 section 15.5.22: come back with an Upgrade header */
    return send_file(&client->stream, request, resource);
}

/* Lesson 4, given. Serves one visitor: one request, and what follows from it. */
static void serve(struct client *client)
{
    struct stream *s = &client->stream;
    struct request request = {.text = NULL};
    int status = table_full(client);

    if (stream_set_patience(s, options.timeout_s) != 0)
        status = 500; /* without a limit a client could stay for ever */
    stream_set_deadline(s, options.timeout_s);
    if (status == 0)
        status = request_read(&request, s);
    if (note_progress(client, ANSWERED) && (status == 0 || status >= 400)) {
        request.problem = "The server is stopping.";
        status = 503;
    }
    if (status == 0)
        status = answer(client, &request);
    if (status >= 400) {
        handshake_refuse(s, &request, status);
        status = STREAM_OK;
    }
    request_free(&request);
    stream_finish(s);
    wire_note(&client->tap, WIRE_DISCONNECTED, stream_describe(status));
}

/* Lesson 2. Gives back all that a client has. */
static void end_client(struct client *client)
{
    leave_table(client);
    stream_close(&client->stream);
    free(client);
}

/* Lesson 2. A worker's whole life: one client. Its name shows in gdb's "info threads". */
static void *worker(void *argument)
{
    struct client *client = argument;
    char name[16]; /* what Linux allows, with the zero byte */

    snprintf(name, sizeof name, "client %lu", client->number % 10000000);
    pthread_setname_np(pthread_self(), name);
    serve(client);
    end_client(client);
    return NULL;
}

/* Lesson 2. Makes the worker's thread, and detaches it: nobody waits for its result. */
static int start_worker(struct client *client)
{
    pthread_t thread;
    int error = pthread_create(&thread, &thread_attributes, worker, client);

    if (error == 0)
        pthread_detach(thread);
    return error;
}

/* Lesson 2. Starts a client on its socket. The client is made here and handed over whole: a thread
 * that was given the address of a local variable would read whatever stands there later. */
static void start_client(int fd, const char *address)
{
    static unsigned long number; /* only main counts */
    struct client *client = malloc(sizeof *client);

    if (client == NULL) {
        close(fd);
        return;
    }
    client->number = ++number;
    client->turned_away = false;
    client->progress = ASKING;
    client->next = client->previous = NULL;
    wire_open(&client->tap, client->number, address);
    stream_open(&client->stream, fd, &client->tap);
    if (enter_table(client) != 0) {
        stream_close(&client->stream);
        free(client);
    } else if (start_worker(client) != 0) {
        end_client(client);
    }
}

/* ---- listening ---- */

/* Lesson 14. Decides what a failed accept means. Most failures are the visitor's; only a want of
 * descriptors or memory is ours, and it passes. Answers 0: go on. The server runs without it. */
static int accept_failed(int error)
{
    static bool said;
    struct timespec pause = {.tv_nsec = ACCEPT_PAUSE_MS * 1000000};

    if (stop_asked || error == EBADF || error == EINVAL || error == ENOTSOCK)
        return -1;
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
        return 0;
    if (!said)
        fprintf(stderr, "server: cannot accept for now: %s\n", strerror(error));
    said = true;
    nanosleep(&pause, NULL);
    return 0;
}

/* Lesson 1, given. Writes an address as "127.0.0.1:8080", or "[::1]:8080": an IPv6 address has
 * colons itself. */
static int write_address(const struct sockaddr *address, socklen_t length, char text[WIRE_ADDRESS_BYTES])
{
    char host[64], port[6];
    bool v6 = address->sa_family == AF_INET6;

    text[0] = '\0';
    if (getnameinfo(address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return -1;
    snprintf(text, WIRE_ADDRESS_BYTES, v6 ? "[%s]:%s" : "%s:%s", host, port);
    return 0;
}

/* Lesson 1. Accepts visitors, one after the other, for as long as the server runs. */
static int accept_loop(void)
{
    for (;;) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof from;
        char address[WIRE_ADDRESS_BYTES];
        int fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);

        if (fd >= 0) {
            write_address((struct sockaddr *)&from, length, address);
            start_client(fd, address);
        } else if (accept_failed(errno) != 0) {
            return stop_asked ? 0 : -1;
        }
    }
}

/* Lesson 1, given. Says why the server cannot listen, which errno tells, and what helps. */
static void say_cannot_listen(void)
{
    int error = errno;
    const char *help = error == EADDRINUSE      ? "; --port 0 finds a free one"
                       : error == EACCES        ? "; ports from 1024 on need no special rights"
                       : error == EADDRNOTAVAIL ? "; 'ip address' lists those of this machine"
                                                : "";

    fprintf(stderr, "server: cannot listen on address %s, port %s: %s%s\n", options.address,
            options.port, strerror(error), help);
}

/* Lesson 1. Opens the socket that visitors come to: socket, bind, listen. */
static int open_listener(void)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found;
    int on = 1, error = getaddrinfo(options.address, options.port, &hints, &found);

    if (error != 0) {
        fprintf(stderr, "server: --address %s: %s\n", options.address, gai_strerror(error));
        return -1;
    }
    listener = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* SO_REUSEADDR: a server that was just stopped may be started again on the same port. */
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(listener, found->ai_addr, found->ai_addrlen) != 0 || listen(listener, SOMAXCONN) != 0) {
        say_cannot_listen();
        error = -1;
    }
    freeaddrinfo(found);
    return error;
}

/* Lesson 1, given. Writes out what was printed: stdout may be a file or a pipe, which would keep it. */
static int flush_output(void)
{
    if (fflush(stdout) == 0)
        return 0;
    fprintf(stderr, "server: cannot write to standard output: %s\n", strerror(errno));
    return -1;
}

/* Lesson 1. Says where the server can be reached, once it can. */
static int announce(void)
{
    struct sockaddr_storage own = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof own;
    char address[WIRE_ADDRESS_BYTES];

    if (getsockname(listener, (struct sockaddr *)&own, &length) != 0 ||
        write_address((struct sockaddr *)&own, length, address) != 0) {
        fprintf(stderr, "server: cannot tell its own address\n");
        return -1;
    }
    printf("listening on http://%s/\n", address);
    return flush_output();
}

/* ---- stopping ---- */

/* Lesson 14, given. The first SIGINT or SIGTERM ends the accept loop; the second one ends it all. */
static void on_signal(int number)
{
    int kept = errno; /* the interrupted function may be about to look at it */

    (void)number;
    signal(SIGINT, SIG_DFL); /* the second signal does what signals do: it ends the process */
    signal(SIGTERM, SIG_DFL);
    stop_asked = 1;                /* before the shutdown, so that accept_failed sees it */
    shutdown(listener, SHUT_RDWR); /* on Linux, this makes a waiting accept, or the next, fail */
    errno = kept;
}

/* Lesson 14. Asks for on_signal to be called, instead of dying; in the main thread, since the others
 * will be started with these two signals blocked. The server runs without it. */
static int stop_on_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waits may end early */
    sigset_t both;

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0)
        return -1;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    return pthread_attr_setsigmask_np(&thread_attributes, &both) == 0 ? 0 : -1;
}

/* Lesson 14. Tells every client that the server stops; nobody is waited for here. A client whose
 * request is being answered is told by its own worker, in note_progress. Called with the lock held,
 * and again and again: what did not go at once goes later. The server runs without it. */
static int tell_clients_locked(void)
{
    for (struct client *c = clients.first; c != NULL; c = c->next) {
        if (c->progress == UPGRADED)
            stream_farewell(&c->stream, &clients.goodbye);
        else if (c->progress == ASKING)
            stream_end_reading(&c->stream);
    }
    return 0;
}

/* Lesson 14, given. Begins to stop. The server runs without it. */
static int say_goodbye(void)
{
    static const char reason[] = "the server is stopping";

    pthread_mutex_lock(&clients.lock);
    frame_make_close(&clients.goodbye, CLOSE_GOING_AWAY, reason, strlen(reason));
    clients.stopping = true;
    tell_clients_locked();
    pthread_mutex_unlock(&clients.lock);
    return 0;
}

/* Lesson 14, given. Waits FAREWELL_PAUSE_MS longer than it did before, or until no worker is left.
 * Called with the lock held. */
static void pause_locked(struct timespec *until)
{
    until->tv_nsec += FAREWELL_PAUSE_MS * 1000000L;
    until->tv_sec += until->tv_nsec / 1000000000L;
    until->tv_nsec %= 1000000000L;
    while (clients.first != NULL &&
           pthread_cond_clockwait(&clients.left, &clients.lock, CLOCK_MONOTONIC, until) == 0)
        ;
}

/* Lesson 14. Waits until every worker has ended: for STOP_S by itself, then because its connection
 * is cut. The server runs without it. */
static int wait_for_workers(void)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    pthread_mutex_lock(&clients.lock);
    for (int ms = 0; clients.first != NULL && ms < STOP_S * 1000; ms += FAREWELL_PAUSE_MS) {
        pause_locked(&until);
        tell_clients_locked();
    }
    for (struct client *c = clients.first; c != NULL; c = c->next)
        stream_cut(&c->stream);
    while (clients.first != NULL)
        pthread_cond_wait(&clients.left, &clients.lock);
    pthread_mutex_unlock(&clients.lock);
    return 0;
}

/* Lesson 14, given. Raises the number of descriptors that this process may have to what it is allowed to
 * ask for, and says so where even that is too low. */
static void raise_descriptors(void)
{
    size_t wanted = options.max_connections + REFUSALS + OTHER_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        fprintf(stderr,
                "server: %zu descriptors are wanted for --max-connections %zu, but only %ju "
                "are allowed (see ulimit -n)\n",
                wanted, options.max_connections, (uintmax_t)limit.rlim_cur);
}

/* ---- --verbose ---- */

static struct wire_watcher printer;
static pthread_t printer_thread;

/* Lesson 13, given. The thread of --verbose. It watches like any other watcher, so a terminal that is
 * paused holds up this thread and no worker. */
static void *print_view(void *ignored)
{
    struct wire_event event;
    enum wire_result next;

    (void)ignored;
    pthread_setname_np(pthread_self(), "printer");
    do {
        next = wire_next(&printer, &event, false);
        if (next == WIRE_NOTHING) {
            fflush(stdout);
            next = wire_next(&printer, &event, true);
        }
        if (next == WIRE_EVENT)
            wire_print(&event, stdout);
    } while (next == WIRE_EVENT);
    fflush(stdout);
    return NULL;
}

/* Lesson 13, given. Starts printing, where --verbose asks for it. */
static int start_printing(void)
{
    if (!options.verbose)
        return 0;
    wire_watch(&printer);
    if (pthread_create(&printer_thread, &thread_attributes, print_view, NULL) == 0)
        return 0;
    fprintf(stderr, "server: no thread for --verbose\n");
    return -1;
}

/* Lesson 13, given. Prints what has not been printed yet, and ends: the process too, if its terminal
 * is paused for longer than STOP_S. An orderly exit would wait for that terminal as well. */
static void end_printing(void)
{
    struct timespec until;

    if (!options.verbose)
        return;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STOP_S;
    wire_end(&printer);
    if (pthread_timedjoin_np(printer_thread, NULL, &until) != 0)
        _exit(EXIT_SUCCESS);
    wire_stop_watching(&printer);
}

/* ---- options ---- */

/* Lesson 1, given. What --help prints: it fits a screen of 24 lines. The man page is made from it. */
static void print_help(void)
{
    printf("Usage: server [OPTION]...\n"
           "A WebSocket echo server with a thread for each client, and a page to try it.\n"
           "Ctrl-C closes every connection, then the server ends; again: it ends at once.\n\n"
           "Options:\n"
           "  -a, --address A          address to listen on (" DEFAULT_ADDRESS ": this machine only)\n"
           "  -p, --port N             port to listen on (" DEFAULT_PORT "); 0 lets the system choose\n"
           "  -t, --timeout S          seconds for a request, and of silence before a ping,\n"
           "                           twice that before the end (%d); 0 waits for ever\n"
           "  -m, --max-message BYTES  the longest message (%d)\n"
           "  -c, --max-connections N  clients at the same time (%d)\n"
           "  -o, --origin ORIGIN      also let pages of this origin connect, for example\n"
           "                           https://example.com; may be given several times\n"
           "  -w, --wire               offer the page a view of all connections, at /wire\n"
           "  -v, --verbose            print each line and frame that comes and goes\n"
           "  -h, --help               print this and exit\n"
           "  -V, --version            print the version and exit\n\n"
           "Examples:\n"
           "  server --wire            then open http://" DEFAULT_ADDRESS ":" DEFAULT_PORT "/\n"
           "  server -p 9000 -v        another port; print what comes and goes\n"
           "  server -a 0.0.0.0        let the whole network in\n",
           DEFAULT_TIMEOUT_S, DEFAULT_MAX_MESSAGE, DEFAULT_MAX_CONNECTIONS);
}

/* Lesson 1, given. Reads an option's number; where it is none, or out of range, that is the end. */
static size_t number_option(const char *name, const char *text, size_t least, size_t most)
{
    char *end;

    errno = 0;
    uintmax_t value = strtoumax(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least || value > most) {
        fprintf(stderr, "server: --%s must be a number from %zu to %zu, not '%s'\n", name, least, most,
                text);
        exit(2);
    }
    return (size_t)value;
}

/* Lesson 1, given. Adds an origin whose pages may connect. */
static void add_origin(const char *text)
{
    struct origin *more = realloc(options.origins, (options.origin_count + 1) * sizeof *options.origins);

    if (more == NULL) {
        fprintf(stderr, "server: no memory for --origin %s\n", text);
        exit(EXIT_FAILURE);
    }
    if (origin_parse(text, &more[options.origin_count]) != 0) {
        fprintf(stderr, "server: --origin must be like https://example.com, not '%s'\n", text);
        exit(2);
    }
    options.origins = more;
    options.origin_count++;
}

/* The options, each with its letter; a colon behind that says that a value follows. */
static const char known_letters[] = "a:p:t:m:c:o:wvhV";
static const struct option known_options[] = {
    {"address", required_argument, NULL, 'a'},
    {"port", required_argument, NULL, 'p'},
    {"timeout", required_argument, NULL, 't'},
    {"max-message", required_argument, NULL, 'm'},
    {"max-connections", required_argument, NULL, 'c'},
    {"origin", required_argument, NULL, 'o'},
    {"wire", no_argument, NULL, 'w'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

/* Lesson 1, given. Takes one option; some of them end the program. */
static void take_option(int letter, const char *value)
{
    switch (letter) {
    case 'a':
        options.address = value;
        break;
    case 'p':
        number_option("port", value, 0, 65535);
        options.port = value;
        break;
    case 't':
        options.timeout_s = (int)number_option("timeout", value, 0, 86400); /* a day */
        break;
    case 'm':
        options.max_message = number_option("max-message", value, 1, 1 << 30); /* a GiB */
        break;
    case 'c':
        options.max_connections = number_option("max-connections", value, 1, 1000000);
        break;
    case 'o':
        add_origin(value);
        break;
    case 'w':
        options.wire = true;
        break;
    case 'v':
        options.verbose = true;
        break;
    case 'h':
        print_help();
        exit(flush_output() == 0 ? 0 : EXIT_FAILURE);
    case 'V':
        printf("server %s\n", VERSION);
        exit(flush_output() == 0 ? 0 : EXIT_FAILURE);
    default:
        exit(2); /* getopt_long has said what is wrong */
    }
}

/* Lesson 1, given. Reads the command line; what is wrong with it gets one line and exit 2. */
static void parse_options(int argc, char **argv)
{
    int letter;

    while ((letter = getopt_long(argc, argv, known_letters, known_options, NULL)) != -1)
        take_option(letter, optarg);
    if (optind < argc) {
        fprintf(stderr, "server: unexpected argument '%s' (see server --help)\n", argv[optind]);
        exit(2);
    }
}

/* Lesson 1, given. Where one of the three standard descriptors is closed, a socket would get its number,
 * and a visitor what is printed. So they are taken, by what cannot be written to. */
static void take_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

/* Lesson 5, given. Says so where the page is not to be had; an echo needs none. */
static void look_for_page(void)
{
    static const char file[] = CLIENT_DIRECTORY "/index.html";

    if (access(file, R_OK) != 0)
        fprintf(stderr, "server: no page: %s: %s; after a move, make again\n", file, strerror(errno));
}

/* Lesson 1, given. The main thread: listen, accept until a signal comes, stop. */
int main(int argc, char **argv)
{
    int result;

    signal(SIGPIPE, SIG_IGN); /* a terminal or a peer that has gone must not end us all */
    take_standard_descriptors();
    parse_options(argc, argv);
    look_for_page();
    raise_descriptors();
    mallopt(M_MMAP_THRESHOLD, MESSAGE_LARGE_BYTES); /* glibc would raise it, and keep large messages */
    pthread_attr_init(&thread_attributes);
    pthread_attr_setstacksize(&thread_attributes, THREAD_STACK_BYTES);
    wire_begin(options.wire);
    if (open_listener() != 0 || stop_on_signals() != 0 || start_printing() != 0 || announce() != 0)
        return EXIT_FAILURE;
    result = accept_loop();
    say_goodbye();
    wait_for_workers();
    end_printing();
    free(options.origins);
    close(listener);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
