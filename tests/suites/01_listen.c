/* 01_listen.c - the server starts, says where it is, and accepts one client after the other */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

static void ready_line(void)
{
    char wanted[100];

    needs_own("ready line");
    server_start(NULL);
    snprintf(wanted, sizeof wanted, "listening on http://127.0.0.1:%d/", server_port);
    EXPECT_TEXT(server_line, wanted, "the ready line");
    EXPECT(server_port > 0, "--port 0 must print the port that was chosen");
    server_stop();
}

#define REQUEST "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Until lesson 5 is written, the response is 501, and names the lesson to go on with. */
static void expect_response(const char *client, const char *answer)
{
    EXPECT(strncmp(answer, "HTTP/1.1 ", 9) == 0 && unwritten_lesson(answer) != 1,
           "%s must be accepted and get a response, but got: %.300s", client, answer);
}

static void clients_are_accepted(void)
{
    server_start(NULL);
    expect_response("client 1", ask(REQUEST));
    expect_response("client 2", ask(REQUEST));
    expect_response("client 3", ask(REQUEST));
    server_stop();
}

/* A connection that is begun, and not waited for. */
static int begin_to_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)server_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    EXPECT(connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS,
           "a connection is begun");
    return fd;
}

/* The kernel connects clients while the server does something else: they wait in the listener's queue. */
static void queue(void)
{
    enum { CLIENTS = 30 };
    int fds[CLIENTS], connected = 0;

    server_start(NULL);
    server_hold();
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = begin_to_connect();
    for (int i = 0; i < CLIENTS; i++)
        connected +=
            poll(&(struct pollfd){.fd = fds[i], .events = POLLOUT}, 1, connected == i ? 2000 : 0) == 1;
    server_signal(SIGCONT);
    EXPECT(connected == CLIENTS,
           "while the server is busy, the queue that listen has asked for must hold %d clients, but it "
           "holds %d",
           CLIENTS, connected);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    server_stop();
}

/* The flags of the server's descriptor, if that is a socket; -1: it is none. */
static int socket_flags(int fd)
{
    char path[100], target[20] = "", line[100];
    int flags = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)server_pid, fd);
    if (readlink(path, target, sizeof target - 1) < 0 || strncmp(target, "socket:", 7) != 0)
        return -1;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)server_pid, fd);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "flags:", 6) == 0)
            flags = (int)strtol(line + 6, NULL, 8);
    if (file != NULL)
        fclose(file);
    return flags;
}

static int descriptors_before;

static bool has_one_more(void)
{
    return server_descriptors() == descriptors_before + 1;
}

static bool has_as_many(void)
{
    return server_descriptors() == descriptors_before;
}

static void sockets_wait(void)
{
    enum { MOST = 64 };
    int client;

    needs_own("sockets");
    server_start(NULL);
    descriptors_before = server_descriptors();
    client = dial();
    EXPECT(eventually(has_one_more),
           "a client that says nothing is one more descriptor of the server, but there are %d more (if "
           "its socket has SOCK_NONBLOCK, recv does not wait for it, and it is closed at once)",
           server_descriptors() - descriptors_before);
    for (int fd = 0; fd < MOST; fd++) {
        int flags = socket_flags(fd);
        EXPECT(flags == -1 || (flags & O_CLOEXEC) != 0,
               "descriptor %d is a socket without SOCK_CLOEXEC, so a program that the server starts has "
               "it too",
               fd);
        EXPECT(flags == -1 || (flags & O_NONBLOCK) == 0,
               "descriptor %d is a socket with SOCK_NONBLOCK: calls on it fail with EAGAIN instead of "
               "waiting",
               fd);
    }
    close(client);
    server_stop();
}

static void it_waits(void)
{
    server_start(NULL);
    expect_waiting("a server without clients", "accept4 waits until a client comes.");
    server_stop();
}

/* A signal that is not meant to end it: accept4 fails with EINTR, which passes. */
static void interrupted(void)
{
    enum { SIGNALS = 20 };

    needs_own("signals");
    server_start(NULL);
    for (int i = 0; i < SIGNALS; i++) { /* some of them come while accept4 waits */
        server_signal(SIGALRM);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        EXPECT(server_death() == NULL, "a signal that means nothing has ended the accept loop. %s",
               server_death());
    }
    EXPECT(
        *server_said() == '\0',
        "accept_loop must print nothing if accept4 was interrupted (EINTR), because main's timer does "
        "that once a second: accept_failed prints what is a failure. It printed: %.50s",
        server_said());
    expect_response("a client that comes after an interruption", ask(REQUEST));
    server_stop();
}

static bool accept_failure_is_said(void)
{
    return server_death() != NULL || strstr(server_said(), "cannot accept clients for now") != NULL;
}

/* A client waits in the queue, and there is no descriptor for it: EMFILE. */
static void no_descriptor(void)
{
    int client;

    needs_own("descriptors");
    server_start(NULL);
    limit_server(RLIMIT_NOFILE, 3);
    client = dial();
    EXPECT(eventually(accept_failure_is_said) && server_death() == NULL,
           "a client waits and no descriptor is left (EMFILE), so accept_loop must ask accept_failed, "
           "which says so and waits a moment. But %s",
           server_death() != NULL ? server_death() : "it did not");
    expect_waiting("a server without a descriptor for a client",
                   "accept_failed waits a moment each time.");
    limit_server(RLIMIT_NOFILE, -1);
    close(client);
    ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server_stop();
}

static void nothing_is_left_open(void)
{
    server_start(NULL);
    descriptors_before = server_descriptors();
    for (int i = 0; i < 20; i++)
        ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT(eventually(has_as_many), "after 20 clients, the server has %d descriptors more than before",
           server_descriptors() - descriptors_before);
    server_stop();
}

/* Nobody gets to know where it is: then it must not run on. */
static void ready_line_cannot_be_written(void)
{
    const char *named = getenv("SERVER");
    pid_t server;
    int status;

    needs_own("ready line");
    needs(access("/dev/full", W_OK) == 0, "/dev/full");
    server = fork();
    if (server == 0) {
        dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        execlp(named != NULL ? named : "./server", "server", "--port=0", (char *)NULL);
        _exit(127);
    }
    status = child_status(server);
    EXPECT(status == 1, "if its line cannot be written, the server must end with status 1, but %s",
           status == -1 ? "it runs on" : "it ends with another");
}

/* Gets the server's listener, and shuts it down. False: it cannot be had. */
static bool break_listener(void)
{
    int process = (int)syscall(SYS_pidfd_open, server_pid, 0), fd, listens = 0;
    socklen_t size = sizeof listens;

    for (int number = 3; number < 20 && !listens; number++) {
        fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
            shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    close(process);
    return listens;
}

/* No client can come any more, though nobody has asked the server to stop. */
static void broken_listener(void)
{
    bool broken;

    needs_own("listener");
    server_start(NULL);
    broken = break_listener();
    if (!broken)
        server_stop();
    needs(broken, "pidfd_getfd");
    EXPECT(server_end(0) == 1, "the listener is broken, and nobody has asked the server to stop: "
                               "accept_loop must return -1, so that the status is 1");
}

static void one_after_the_other(void)
{
    server_start(NULL);
    for (int i = 0; i < 20; i++)
        EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "<html");
    server_stop();
}

static void stop_signals(void)
{
    server_start(NULL);
    EXPECT(server_end(SIGINT) == 0, "SIGINT, as from Ctrl-C, must end the server with status 0");
    server_start(NULL);
    EXPECT(server_end(SIGTERM) == 0, "SIGTERM must end the server with status 0");
    server_start(NULL);
    EXPECT(server_end(SIGHUP) == 0, "SIGHUP, as from a closed terminal, must end it with status 0");
}

static void port_taken(void)
{
    char port[10];

    server_start(NULL);
    snprintf(port, sizeof port, "%d", server_port);
    EXPECT(program_run("--port", port) == 1,
           "if the port is taken, the status must be 1; or does SO_REUSEPORT let two servers share it?");
    EXPECT(strstr(program_err, port) && strstr(program_err, "in use"),
           "the error must name the port and the reason, but is: %s", program_err);
    EXPECT(strstr(program_err, "open_socket") == NULL, "%s", program_err);
    server_stop();
}

/* What helps follows the reason, on the same line. */
static void expect_advice(const char *address, const char *port, const char *words)
{
    int status = program_run("--address", address, "--port", port);

    EXPECT(
        status == 1,
        "nothing can listen at %s, port %s, so open_socket must return -1 and the server must end with "
        "status 1, but it %s: %s (does open_socket bind at->ai_addr, the address that it is given?)",
        address, port, status == -1 ? "runs on" : "does not", program_out);
    EXPECT(strstr(program_err, words) != NULL && strchr(program_err, '\n') == strrchr(program_err, '\n'),
           "expected one line with \"%s\", but it is: %s", words, program_err);
}

static void advice(void)
{
    char port[10];

    server_start(NULL);
    snprintf(port, sizeof port, "%d", server_port);
    expect_advice("127.0.0.1", port, "in use; --port 0 finds a free one");
    server_stop();
    expect_advice("192.0.2.1", "0", "'ip address' lists those of this machine");
}

static void same_port_again(void)
{
    char port[10];

    server_start(NULL);
    ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); /* the server ends it first: TIME_WAIT */
    snprintf(port, sizeof port, "%d", server_port);
    server_stop();
    server_start("--port", port);
    EXPECT(server_port == atoi(port), "the port of a server that was just stopped must be free");
    server_stop();
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static const char *ask_over_ipv6(void)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)server_port),
                              .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct timeval wait = {.tv_sec = wait_s()};
    static char answer[20000];
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    EXPECT(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "a connection over IPv6");
    send_text(fd, REQUEST);
    receive_all(fd, answer, sizeof answer);
    close(fd);
    return answer;
}

static void other_addresses(void)
{
    needs(has_ipv6(), "IPv6");
    server_start("--address", "::1");
    EXPECT(strncmp(server_line, "listening on http://[::1]:", 26) == 0,
           "announce must print an IPv6 address in brackets, as write_address writes it, but it "
           "prints: %s",
           server_line);
    expect_response("a client with an IPv6 address", ask_over_ipv6());
    server_stop();
    EXPECT(program_run("--address", "192.0.2.1") == 1,
           "an address of another machine must end with status 1");
    EXPECT(strstr(program_err, "192.0.2.1") != NULL, "the error must name it: %s", program_err);
    EXPECT(program_run("--address", "no such host") == 1, "no address: status 1");
    EXPECT(strstr(program_err, "no such host") != NULL, "the error must name it: %s", program_err);
}

/* Opens a socket that listens at an address, on a port that the system chooses; writes the port. */
static int listen_at(const struct addrinfo *at, char port[NI_MAXSERV])
{
    struct sockaddr_storage own;
    socklen_t length = sizeof own;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT(fd >= 0 && bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, 1) == 0 &&
               getsockname(fd, (struct sockaddr *)&own, &length) == 0 &&
               getnameinfo((struct sockaddr *)&own, length, NULL, 0, port, NI_MAXSERV, NI_NUMERICSERV) ==
                   0,
           "a socket that takes the first address of localhost");
    return fd;
}

/* localhost has two addresses, as a rule; the first one's port is taken here. */
static void next_address(void)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *found = NULL;
    char port[NI_MAXSERV] = "";
    int taken;

    needs_own("--address");
    EXPECT(getaddrinfo("localhost", "0", &hints, &found) == 0, "localhost must have an address");
    if (found == NULL || found->ai_next == NULL) {
        printf("  (left out: localhost has only one address here)\n");
        freeaddrinfo(found);
        return;
    }
    server_start(NULL);
    descriptors_before = server_descriptors();
    server_stop();
    taken = listen_at(found, port);
    server_start("--address", "localhost", "--port", port);
    EXPECT(server_descriptors() == descriptors_before,
           "the socket for the address that cannot be had must be closed: the server has %d "
           "descriptors, not %d",
           server_descriptors(), descriptors_before);
    EXPECT((strstr(server_line, "//[") != NULL) == (found->ai_next->ai_family == AF_INET6),
           "the first address of localhost is taken, so the server must listen on the second: %s",
           server_line);
    server_stop();
    close(taken);
    freeaddrinfo(found);
}

static void expect_usage_error(const char *option, const char *value, const char *words)
{
    int status = program_run(option, value);
    char *line_end = strchr(program_err, '\n');

    EXPECT(status == 2, "%s %s must end with status 2, not %d", option, value ? value : "", status);
    EXPECT(strstr(program_err, words) != NULL, "%s %s: expected \"%s\" in: %s", option,
           value ? value : "", words, program_err);
    EXPECT(line_end != NULL && line_end[1] == '\0', "one line is enough: %s", program_err);
    EXPECT(strncmp(program_err, "server: ", 8) == 0 && strstr(program_err, " (see server --help)\n"),
           "it must begin with \"server: \", and say where help is: %s", program_err);
    EXPECT_TEXT(program_out, "", "a usage error says nothing on stdout");
}

static void usage_errors(void)
{
    expect_usage_error("--port", "65536", "from 0 to 65535, not '65536'");
    expect_usage_error("--port", "-1", "'-1'");
    expect_usage_error("--port", "", "''");
    expect_usage_error("--port", "80x", "'80x'");
    expect_usage_error("--port", " 80", "' 80'");
    expect_usage_error("--port", "99999999999999999999999", "--port must be a number");
    expect_usage_error("--timeout", "1.5", "--timeout must be a number");
    expect_usage_error("--timeout", "86401", "--timeout must be a number");
    expect_usage_error("--max-message", "0", "--max-message must be a number");
    expect_usage_error("--max-connections", "0", "--max-connections must be a number");
    expect_usage_error("--max-watchers", "x", "--max-watchers must be a number");
    expect_usage_error("--nonsense", NULL, "unknown option --nonsense");
    expect_usage_error("--max", "3", "unknown option --max"); /* of three, which? */
    expect_usage_error("--port", NULL, "option --port needs a value");
    expect_usage_error("--wire=yes", NULL, "option --wire=yes takes no value");
    expect_usage_error("-p", "x", "--port must be a number from 0 to 65535, not 'x'");
    expect_usage_error("-p", NULL, "option -p needs a value");
    expect_usage_error("-x", NULL, "unknown option -x");
    expect_usage_error("-wx", NULL, "unknown option -x");
    expect_usage_error("extra", NULL, "unexpected argument 'extra' (see server --help)");
}

static void bad_origins(void)
{
    expect_usage_error("--origin", "example.com", "https://example.com");
    expect_usage_error("--origin", "http://example.com/", "'http://example.com/'");
    expect_usage_error("--origin", "http://example.com:99999", "--origin must be");
    expect_usage_error("--origin", "https://*.example.com", "--origin must name one host");
    expect_usage_error("--origin", "javascript://x", "--origin must be like https://example.com");
}

static void help_and_version(void)
{
    size_t lines = 0, length;

    EXPECT(program_run("--help") == 0, "--help must end with status 0");
    for (const char *line = program_out; *line != '\0'; line += length + 1, lines++) {
        length = strcspn(line, "\n");
        EXPECT(length < 80, "--help must fit 80 columns: %.*s", (int)length, line);
    }
    EXPECT(lines > 10 && lines < 24, "--help must fit 24 lines, with the prompt, but has %zu", lines);
    EXPECT(program_run("--version") == 0, "--version must end with status 0");
    EXPECT(strncmp(program_out, "server ", 7) == 0, "--version says: %s", program_out);
    EXPECT(program_run("--vers") == 0 && strncmp(program_out, "server ", 7) == 0,
           "the beginning of an option is enough if no other option begins so: %s%s", program_out,
           program_err);
}

/* ---- what each option does ---- */

/* An upgrade that must be answered with 101, because of this option. */
static void expect_upgrade(const char *option, const char *request)
{
    char answer[14] = "";
    int fd = dial();

    EXPECT(send_text(fd, request) && receive_bytes(fd, answer, 13), "%s: a request without a response",
           option);
    EXPECT_TEXT(answer, "HTTP/1.1 101 ", "an upgrade, because of %s", option);
    close(fd);
}

static void address_option(const char *option)
{
    server_start(option, "127.0.0.2");
    EXPECT(strncmp(server_line, "listening on http://127.0.0.2:", 30) == 0,
           "%s 127.0.0.2 must be listened on, but the line is: %s", option, server_line);
    server_stop();
}

static void port_option(const char *option)
{
    char port[10];

    server_start(NULL);
    snprintf(port, sizeof port, "%d", server_port);
    server_stop();
    server_start(option, port);
    EXPECT(server_port == atoi(port), "%s %s must be listened on, but the line is: %s", option, port,
           server_line);
    server_stop();
}

static void timeout_option(const char *option)
{
    char answer[1000];
    int fd;

    server_start(option, "1");
    fd = dial();
    receive_all(fd, answer, sizeof answer);
    EXPECT(strncmp(answer, "HTTP/1.1 408 ", 13) == 0, "%s 1: a client that sends no request: %s", option,
           answer);
    close(fd);
    server_stop();
}

static void max_message_option(const char *option)
{
    static const unsigned char longer[] = "\x81\x86\0\0\0\0Hello!"; /* a text, masked with zeros */
    char payload[200] = "";
    unsigned opcode = 0;
    int client;

    server_start(option, "5");
    client = open_websocket();
    send_bytes(client, longer, sizeof longer - 1);
    EXPECT(receive_frame(client, &opcode, payload, sizeof payload) > 2 && opcode == 8 &&
               memcmp(payload, "\x03\xf1", 2) == 0,
           "%s 5: six bytes must be answered by a Close frame with code 1009", option);
    close(client);
    server_stop();
}

/* With room for one message of 70000 bytes: the first client's is not whole yet when the second one sends
 * its own. */
static void max_memory_option(const char *option)
{
    char payload[200] = "";
    unsigned opcode = 0;
    size_t length, second_length;
    unsigned char *begun = frames("02*70000 89:", &length), *whole = frames("82*70000", &second_length);
    int first, second;

    server_start("--max-message", "100000", option, "200000");
    first = open_websocket();
    second = open_websocket();
    send_bytes(first, begun, length);
    EXPECT(receive_frame(first, &opcode, payload, sizeof payload) == 0 && opcode == 10,
           "%s 200000: a message of 70000 bytes must find room", option);
    send_bytes(second, whole, second_length);
    EXPECT(receive_frame(second, &opcode, payload, sizeof payload) > 2 && opcode == 8 &&
               memcmp(payload, "\x03\xf5", 2) == 0,
           "%s 200000: a second message of 70000 bytes must get a Close frame with code 1013", option);
    free(begun);
    free(whole);
    close(first);
    close(second);
    server_stop();
}

static void max_connections_option(const char *option)
{
    int first;

    server_start(option, "1");
    first = open_websocket();
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 503, "full");
    close(first);
    server_stop();
}

static void max_watchers_option(const char *option)
{
    char payload[200] = "";
    unsigned opcode = 0;
    int first, second;

    server_start("--wire", option, "1");
    first = open_websocket_at("/wire");
    second = open_websocket_at("/wire");
    EXPECT(receive_frame(second, &opcode, payload, sizeof payload) > 2 && opcode == 8 &&
               memcmp(payload, "\x03\xf5", 2) == 0,
           "%s 1: a second page that shows all traffic must get a Close frame with code 1013", option);
    expect_upgrade(option, upgrade_request("/echo", ""));
    close(first);
    close(second);
    server_stop();
}

static void origin_option(const char *option)
{
    const char *request = upgrade_request("/echo", "Origin: https://example.com\r\n");

    server_start(NULL);
    EXPECT_STATUS(request, 403, "origin");
    server_stop();
    server_start(option, "https://example.com");
    expect_upgrade(option, request);
    server_stop();
}

static void compress_option(const char *option)
{
    server_start(option);
    websocket_fields = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    close(open_websocket());
    websocket_fields = "";
    EXPECT(strstr(websocket_head, "\r\nSec-WebSocket-Extensions: permessage-deflate") != NULL,
           "%s must agree on compression, but the response is: %s", option, websocket_head);
    server_stop();
}

static void wire_option(const char *option)
{
    server_start(NULL);
    EXPECT_STATUS(upgrade_request("/wire", ""), 404, "nothing");
    server_stop();
    server_start(option);
    expect_upgrade(option, upgrade_request("/wire", ""));
    server_stop();
}

static void verbose_option(const char *option)
{
    char printed[4000];

    server_start(option);
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "<html");
    server_stop();
    server_printed(printed, sizeof printed);
    EXPECT(strstr(printed, "client 1    in   line: GET / HTTP/1.1\n") != NULL,
           "%s must print what is received, but printed: %s", option, printed);
}

static void help_option(const char *option)
{
    EXPECT(program_run(option) == 0 && strncmp(program_out, "Usage: server ", 14) == 0, "%s says: %s",
           option, program_out);
}

static void version_option(const char *option)
{
    EXPECT(program_run(option) == 0 && strncmp(program_out, "server ", 7) == 0, "%s says: %s", option,
           program_out);
}

/* Each option, and the test that shows what it does. */
static const struct {
    const char *brief, *full;
    void (*show)(const char *option);
} shown[] = {
    {"-a", "--address", address_option},           {"-p", "--port", port_option},
    {"-t", "--timeout", timeout_option},           {"-m", "--max-message", max_message_option},
    {"-M", "--max-memory", max_memory_option},     {"-c", "--max-connections", max_connections_option},
    {"-W", "--max-watchers", max_watchers_option}, {"-o", "--origin", origin_option},
    {"-z", "--compress", compress_option},         {"-w", "--wire", wire_option},
    {"-v", "--verbose", verbose_option},           {"-h", "--help", help_option},
    {"-V", "--version", version_option},
};
#define SHOWN (sizeof shown / sizeof shown[0])

static void options_work(void)
{
    for (size_t i = 0; i < SHOWN; i++) {
        shown[i].show(shown[i].brief);
        shown[i].show(shown[i].full);
    }
}

/* The table has what --help lists, and nothing else: "  -p, --port N" is a line of it. */
static void options_are_tested(void)
{
    size_t told = 0, known;
    char brief[3], full[40];

    EXPECT(program_run("--help") == 0, "--help must end with status 0");
    for (const char *line = program_out; line != NULL; line = strchr(line, '\n')) {
        line += strspn(line, "\n");
        if (sscanf(line, "  %2[-a-zA-Z0-9], %39s", brief, full) != 2)
            continue;
        for (known = 0; known < SHOWN && strcmp(shown[known].full, full) != 0;)
            known++;
        EXPECT(known < SHOWN && strcmp(shown[known].brief, brief) == 0,
               "--help lists %s, %s, which no test shows: see shown[]", brief, full);
        told++;
    }
    EXPECT(told == SHOWN, "tests show %zu options, and --help lists %zu", SHOWN, told);
}

static void any_folder(void)
{
    char before[2000] = "", path[5000];
    const char *named = getenv("SERVER");

    needs_own("program");
    EXPECT(getcwd(before, sizeof before) != NULL, "getcwd");
    snprintf(path, sizeof path, "%s/%s", named && *named == '/' ? "" : before, named ? named : "server");
    setenv("SERVER", path, 1);
    EXPECT(chdir("/") == 0, "chdir");
    server_start(NULL);
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "<html");
    server_stop();
    EXPECT(chdir(before) == 0, "chdir back");
}

int main(void)
{
    static const struct test tests[] = {
        {"it prints one line when it can be reached", ready_line, 1, "man 2 listen, man 2 getsockname",
         "First open the listener, then announce it, and flush: what is printed to a pipe stays in a "
         "buffer until then."},
        {"clients are accepted, and get a response", clients_are_accepted, 1, "man 2 accept",
         "accept4 returns one client's socket: hand it to start_client, and call accept4 again. It "
         "fails if open_socket has not called listen. (The workshop does not notice a client that you "
         "accept with accept.)"},
        {"clients wait in a queue while it is busy", queue, 1, "man 2 listen",
         "In open_socket, listen's second argument says how many clients may wait to be accepted: "
         "SOMAXCONN is as many as the system allows."},
        {"its sockets wait, and are its own", sockets_wait, 1, "man 2 accept, man 2 socket",
         "Both socket in open_socket and accept4 in accept_loop get SOCK_CLOEXEC, and neither "
         "SOCK_NONBLOCK. Each client is one descriptor."},
        {"nobody comes, and it waits", it_waits, 1, "man 2 accept",
         "accept_loop has nothing to do but to call accept4, which waits."},
        {"an interrupted wait is no end", interrupted, 1, "man 2 accept, EINTR",
         "If accept4 fails, accept_loop asks accept_failed, provided, whether that is the end: mostly "
         "it is not."},
        {"it goes on when descriptors have run out", no_descriptor, 1, "man 2 accept, EMFILE",
         "If accept4 fails, accept_loop asks accept_failed, provided, and calls accept4 again if that "
         "returns 0."},
        {"clients that have left leave nothing open", nothing_is_left_open, 1, "man 2 accept",
         "accept_loop hands each client's socket to start_client, which closes it in the end, and opens "
         "nothing else."},
        {"a listener that breaks is no stop", broken_listener, 1, "man 2 accept, EINVAL",
         "accept_loop: when accept_failed says that it is the end, return 0 if stop_requested is set, "
         "and -1 if it is not."},
        {"a ready line that cannot be written ends it", ready_line_cannot_be_written, 1, "man 3 fflush",
         "announce returns what options_flush_output returns: -1 if the line could not be written."},
        {"a port that is taken is a clear error", port_taken, 1, "man 2 bind",
         "bind fails if another program has the port: open_socket then closes its socket, keeps errno, "
         "and returns -1."},
        {"an address or port that cannot be had: what helps", advice, 1, "the last lines of man 2 bind",
         "open_socket binds the address that it is given, at->ai_addr. If that fails, open_listener, "
         "provided, looks at errno to say what helps, so close must not change it."},
        {"a port is free again at once", same_port_again, 1, "man 7 socket, SO_REUSEADDR",
         "For a minute after its server has ended, a port can be bound again only with SO_REUSEADDR: "
         "open_socket must set it before it calls bind."},
        {"it listens on IPv6, and not on other machines' addresses", other_addresses, 1,
         "man 3 getaddrinfo",
         "open_socket makes the socket of the family that getaddrinfo found, at->ai_family, and binds "
         "it to the address that it found, which is ai_addrlen bytes long. announce has write_address "
         "write the address that getsockname tells."},
        {"if the first address cannot be had, it takes the next", next_address, 1, "man 3 getaddrinfo",
         "open_socket must return -1 if bind or listen fails: open_listener, provided, then tries the "
         "next address."},
        {"a usage error gets one line and status 2", usage_errors, 1, "the command line",
         "options.c is provided: this fails if its functions were changed."},
        {"--help and --version", help_and_version, 1, "the command line",
         "options.c is provided: this fails if its functions were changed."},
        {"each option of --help has a test", options_are_tested, 1, "the command line",
         "options.c is provided: this fails if its functions were changed."},
        {"clients are served one after another", one_after_the_other, 5, "man 2 accept",
         "Each client must get the page: look at what is kept from one client to the next."},
        {"it finds its page from any folder", any_folder, 5, "how the server finds its files",
         "CLIENT_DIRECTORY is the absolute name of the page's folder."},
        {"an origin that is none is a usage error", bad_origins, 6, "RFC 6454, section 7",
         "An origin is http or https, :// and one host, with or without a port, and nothing after "
         "that."},
        {"SIGINT, SIGTERM and SIGHUP end it with status 0", stop_signals, 14, "man 2 sigaction",
         "stop_on_signals asks for on_signal to be called by each of the three; the accept loop then "
         "ends, and main returns 0."},
        {"each option does what --help says, short and long", options_work, 14, "the command line",
         "options.c is provided: this fails if its functions, or what uses an option's value, were "
         "changed."},
        {0},
    };

    return run_suite("01 listen", tests);
}
