/* 05_page.c - plain requests get the page, or a refusal that arrives and says why */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define HOST "Host: localhost\r\n"

/* Every file of client/ is served, whole and with its type. */
static void files(void)
{
    static const struct {
        const char *path, *file, *type;
    } files[] = {
        {"/", "index.html", "text/html; charset=utf-8"},
        {"/style.css", "style.css", "text/css; charset=utf-8"},
        {"/icon.svg", "icon.svg", "image/svg+xml"},
        {"/page.js", "page.js", "text/javascript; charset=utf-8"},
        {"/words.js", "words.js", "text/javascript; charset=utf-8"},
        {"/wire.js", "wire.js", "text/javascript; charset=utf-8"},
        {"/track.js", "track.js", "text/javascript; charset=utf-8"},
        {"/view.js", "view.js", "text/javascript; charset=utf-8"},
        {"/list.js", "list.js", "text/javascript; charset=utf-8"},
        {"/figure.js", "figure.js", "text/javascript; charset=utf-8"},
    };
    static char content[100000], words[200], request[200];

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const char *answer, *body;
        size_t length = 0;
        FILE *file;
        snprintf(words, sizeof words, "client/%s", files[i].file);
        file = fopen(words, "r");
        EXPECT(file != NULL, "%s", words);
        if (file != NULL) {
            length = fread(content, 1, sizeof content, file);
            fclose(file);
        }
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", files[i].path);
        answer = ask(request);
        body = strstr(answer, "\r\n\r\n");
        EXPECT(strncmp(answer, "HTTP/1.1 200 ", 13) == 0,
               "%s must be answered with 200, but got: %.300s", files[i].path, answer);
        EXPECT(body != NULL && strlen(body + 4) == length && memcmp(body + 4, content, length) == 0,
               "%s must be the file, byte for byte", files[i].path);
        snprintf(words, sizeof words, "\r\nContent-Type: %s\r\n", files[i].type);
        EXPECT(strstr(answer, words) != NULL, "%s must have the type %s", files[i].path, files[i].type);
        snprintf(words, sizeof words, "\r\nContent-Length: %zu\r\n", length);
        EXPECT(strstr(answer, words) != NULL, "%s must have the length %zu", files[i].path, length);
        EXPECT(strstr(answer, "\r\nConnection: close\r\n") != NULL, "%s: one request a connection",
               files[i].path);
    }
}

static void head_only(void)
{
    static const char *const paths[] = {"/", "/page.js", "/nowhere", "/echo"};
    static const int statuses[] = {200, 200, 404, 426};

    for (size_t i = 0; i < 4; i++) {
        char request[100];
        const char *answer;
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        EXPECT_STATUS(request, statuses[i], "\r\nContent-Length: ");
        answer = ask(request);
        EXPECT(strcmp(strstr(answer, "\r\n\r\n"), "\r\n\r\n") == 0, "HEAD %s must get no body: %s",
               paths[i], answer);
    }
}

/* Copies the head of an answer, without its date, which may have moved on by a second. */
static void copy_head(const char *answer, char *head, size_t size)
{
    const char *date = strstr(answer, "Date: "), *end = strstr(answer, "\r\n\r\n");

    snprintf(head, size, "%.*s%.*s", (int)(date - answer), answer, (int)(end - date - 37), date + 37);
}

static void head_as_for_get(void)
{
    static const char *const paths[] = {"/", "/style.css", "/nowhere", "/echo"};

    for (size_t i = 0; i < 4; i++) {
        char request[100], for_get[1000], for_head[1000];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        copy_head(ask(request), for_get, sizeof for_get);
        snprintf(request, sizeof request, "HEAD %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        copy_head(ask(request), for_head, sizeof for_head);
        EXPECT_TEXT(for_head, for_get, "HEAD %s must get the head that GET gets", paths[i]);
    }
}

static void targets(void)
{
    EXPECT_STATUS("GET /?a=1 HTTP/1.1\r\n" HOST "\r\n", 200, "<html");
    EXPECT_STATUS("GET http://localhost/ HTTP/1.1\r\n" HOST "\r\n", 200, "<html");
    EXPECT_STATUS("GET http://localhost HTTP/1.1\r\n" HOST "\r\n", 200, "<html");
    EXPECT_STATUS("\r\nGET / HTTP/1.1\n" HOST "\n", 200, "<html");
    EXPECT_STATUS("GET / HTTP/1.0\r\n\r\n", 200, "<html");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 200, "<html");
}

static void refusals(void)
{
    EXPECT_STATUS("hello\r\n", 400, "must begin with a method");
    EXPECT_STATUS("GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host");
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "a name, a colon and a value");
    EXPECT_STATUS("GET / HTTP/3.0\r\n" HOST "\r\n", 505, "HTTP/1.1.");
    EXPECT_STATUS("POST / HTTP/1.1\r\n" HOST "\r\n", 405, "\r\nAllow: GET, HEAD\r\n");
    EXPECT_STATUS("POST /nowhere HTTP/1.1\r\n" HOST "\r\n", 405, "Only GET and HEAD");
    EXPECT_STATUS("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405, "Only GET and HEAD");
    EXPECT_STATUS("BREW / HTTP/3.0\r\n" HOST "\r\n", 505, "HTTP/1.1.");
    EXPECT_STATUS("get / HTTP/1.1\r\n" HOST "\r\n", 405, "Only GET and HEAD");
    EXPECT_STATUS("GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, "nothing at this address");
    EXPECT_STATUS("GET /wire HTTP/1.1\r\n" HOST "\r\n", 404, "nothing at this address");
    EXPECT_STATUS("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nUpgrade: websocket\r\n");
    EXPECT_STATUS("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nSec-WebSocket-Version: 13\r\n");
    EXPECT_STATUS("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nConnection: Upgrade\r\n");
}

/* Finds the date of an answer, which must be now, in the form that is to be sent; NULL: none. */
static const char *date_of(const char *answer)
{
    const char *date = strstr(answer, "Date: ");
    struct tm parts = {0};
    time_t then = 0;

    if (date != NULL && strptime(date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts) != NULL)
        then = timegm(&parts);
    EXPECT(labs((long)(time(NULL) - then)) < 60, "the Date must be now: %.300s", answer);
    return date;
}

/* The head of a refusal, line by line. */
static void a_refusal_in_full(void)
{
    const char *answer = ask("GET /nowhere HTTP/1.1\r\n" HOST "\r\n"), *date = date_of(answer);
    char wanted[500];

    snprintf(wanted, sizeof wanted,
             "HTTP/1.1 404 Not Found\r\nDate: %.29s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Length: 34\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
             "There is nothing at this address.\n",
             date != NULL ? date + 6 : "");
    EXPECT_TEXT(answer, wanted, "a refusal");
}

/* Asserts what every response has: our version, a date, a type, its length, and the announcement
 * that the connection ends. */
static void expect_whole(const char *request, int status)
{
    const char *answer = ask(request), *body = strstr(answer, "\r\n\r\n"), *length;
    char start[40];

    snprintf(start, sizeof start, "HTTP/1.1 %d ", status);
    length = strstr(answer, "\r\nContent-Length: ");
    date_of(answer);
    EXPECT(strncmp(answer, start, strlen(start)) == 0, "expected %s, got: %.300s", start, answer);
    EXPECT(body != NULL && length != NULL && strtoul(length + 18, NULL, 10) == strlen(body + 4),
           "the length must be that of the body: %.300s", answer);
    EXPECT(strstr(answer, "\r\nContent-Type: ") != NULL, "a body has a type: %.300s", answer);
    EXPECT(strstr(answer, "\r\nConnection: close\r\n") != NULL, "the end is announced: %.300s", answer);
    EXPECT(strstr(answer, "\r\nTransfer-Encoding") == NULL, "no transfer coding: %.300s", answer);
}

static void every_response(void)
{
    char long_line[9000];

    expect_whole("GET / HTTP/1.1\r\n" HOST "\r\n", 200);
    expect_whole("GET / HTTP/1.0\r\n\r\n", 200);
    expect_whole("GET / HTTP/1.9\r\n" HOST "Connection: keep-alive\r\n\r\n", 200);
    expect_whole("GET / HTTP/1.1\r\n\r\n", 400);
    expect_whole("nonsense\r\n\r\n", 400);
    expect_whole("GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404);
    expect_whole("POST / HTTP/1.1\r\n" HOST "\r\n", 405);
    expect_whole("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426);
    expect_whole("GET / HTTP/2.0\r\n" HOST "\r\n", 505);
    snprintf(long_line, sizeof long_line, "GET /%08300d HTTP/1.1\r\n" HOST "\r\n", 0);
    expect_whole(long_line, 414);
    snprintf(long_line, sizeof long_line, "GET / HTTP/1.1\r\n" HOST "A: %08300d\r\n\r\n", 0);
    expect_whole(long_line, 431);
}

/* A request that says "close", two requests in one segment: one answer, and then the end. */
static void one_request(void)
{
    const char *answer = ask("HEAD / HTTP/1.1\r\n" HOST "\r\nHEAD /nowhere HTTP/1.1\r\n" HOST "\r\n");

    EXPECT(strncmp(answer, "HTTP/1.1 200 ", 13) == 0 &&
               strcmp(strstr(answer, "\r\n\r\n"), "\r\n\r\n") == 0,
           "the second request must get no answer: %s", answer);
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 200,
                  "\r\nConnection: close\r\n");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", 200,
                  "\r\nConnection: close\r\n");
}

/* Nobody waits for a "100 Continue": the final answer comes at once, before any body. */
static void expectations(void)
{
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 200,
                  "<html");
    EXPECT_STATUS("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 405,
                  "GET");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", 200, "<html");
    EXPECT_STATUS("GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 200, "<html");
}

/* Where a body may be longer or shorter than it seems, what follows it must never be a request. */
static void framing(void)
{
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "0\r\n\r\nGET /nowhere HTTP/1.1\r\n" HOST "\r\n",
                  200, "<html");
    EXPECT_STATUS("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "<html");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400, "not chunked alone");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400,
                  "not one number");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", 200,
                  "<html");
}

static void no_path_reaches_the_files(void)
{
    static const char *const paths[] = {
        "/../server.c",   "/../../etc/passwd", "//etc/passwd",       "/./page.js",
        "/index.html/..", "/%2e%2e/server.c",  "/client/index.html", "/page.js/",
        "/PAGE.JS",       "/..%2fserver.c",    "/page.js%00",        "/.",
    };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char request[200];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        EXPECT_STATUS(request, 404, "nothing at this address");
    }
}

/* Closing while the client still sends would reset the connection, and the reset would eat our
 * answer. The client here sends far more than the server reads before it refuses, and than the two
 * sockets can hold: it is still sending when the answer comes. */
static void refused_while_sending(const char *request, int status)
{
    static char junk[600000], answer[20000];
    char start[20];
    int fd = dial(), small = 16384;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    memset(junk, 'x', sizeof junk);
    send_text(fd, request);
    EXPECT(send_bytes(fd, junk, sizeof junk),
           "the answer must arrive, so the server must take what it will not read, and not close");
    EXPECT(receive_all(fd, answer, sizeof answer) > 0, "the answer must arrive, but %s", end_words());
    snprintf(start, sizeof start, "HTTP/1.1 %d ", status);
    EXPECT(strncmp(answer, start, strlen(start)) == 0, "expected %d, got: %.100s", status, answer);
    close(fd);
}

static void answers_arrive(void)
{
    for (int i = 0; i < 5; i++) {
        refused_while_sending("POST / HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n", 405);
        refused_while_sending("GET /", 414);
        refused_while_sending("GET / HTTP/1.1\r\n" HOST "Cookie: ", 431);
        refused_while_sending("GET / HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n", 200);
    }
}

/* The server's end must come at once, not when it is tired of waiting. */
static void end_comes_at_once(void)
{
    char answer[10000];
    int fd = dial();

    send_text(fd, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    EXPECT(receive_all(fd, answer, sizeof answer) > 0, "an answer, and the end");
    /* our end is still open: the server waits for it, and gives up after LINGER_S */
    EXPECT(send_text(fd, "more"), "the server still takes what comes");
    close(fd);
}

int main(void)
{
    static const struct test tests[] = {
        {"the page's files", files, 5, "RFC 9110, section 9.3.1",
         "The head says the status, the type and the length; then comes the file, to its last byte."},
        {"HEAD gets the head alone", head_only, 5, "RFC 9110, section 9.3.2",
         "HEAD is answered like GET, without the body; what waits in the write buffer must be sent all "
         "the same."},
        {"each refusal has its status, its headers and its sentence", refusals, 5,
         "RFC 9110, section 15",
         "serve takes the status that you return, and has it refused: find_status knows what belongs to "
         "it."},
        {"query, absolute form, empty line, bare LF, HTTP/1.0, a body", targets, 5,
         "RFC 9112, section 3.2", "Compare the path alone with the table: the query is no part of it."},
        {"a refusal, byte for byte", a_refusal_in_full, 5, "RFC 9110, section 8.6",
         "Compare line by line; the Content-Length counts the newline behind the sentence too."},
        {"and the same head as GET", head_as_for_get, 5, "RFC 9110, section 9.3.2",
         "Write the head before you look at the method: only the body is left out."},
        {"every response has a date, a type, its length, and closes", every_response, 5,
         "RFC 9110, section 6.6.1",
         "All responses come from one function, so each line stands in one place."},
        {"one request a connection, whatever follows it", one_request, 5, "RFC 9112, section 9.6",
         "Behind the answer nothing is read as a request: it is drained and thrown away."},
        {"an expectation gets the final answer at once", expectations, 5, "RFC 9110, section 10.1.1",
         "Nobody has to read a body here: the final answer can come at once."},
        {"a body's length that is in doubt never makes a second request", framing, 5,
         "RFC 9112, section 6.3",
         "One request a connection: what follows it can then never be taken for another."},
        {"no path reaches other files", no_path_reaches_the_files, 5, "RFC 9110, section 17.3",
         "The path is only compared with the table, and never becomes the name of a file."},
        {"an answer arrives even while the client is sending", answers_arrive, 5,
         "RFC 9112, section 9.6",
         "End only your own direction, and read until the client has ended its own: close at once, and "
         "a reset eats the answer."},
        {"the end follows the answer", end_comes_at_once, 5, "man 2 shutdown",
         "shutdown with SHUT_WR tells the client that all has come, while you still listen."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("05 the page", tests);
    return server_finish(status);
}
