/* 05_page.c - plain requests get the page, or a rejection that arrives and says why */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

/* files.c once more, under other names, for a folder that a test makes. */
#define files_find list_folder
#define files_forget forget_folder
#define files_lookup look_up_in_folder
#define files_read read_in_folder
#undef CLIENT_DIRECTORY
static char folder[] = "/tmp/server-page-XXXXXX";
#define CLIENT_DIRECTORY folder
#include "files.c" /* NOLINT(bugprone-suspicious-include) */

#define HOST "Host: localhost\r\n"

/* What each response says to browsers about the page's safety. */
#define SAFETY \
    "X-Content-Type-Options: nosniff\r\n" \
    "Content-Security-Policy: default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; " \
    "form-action 'none'; frame-ancestors 'none'\r\n" \
    "Cross-Origin-Resource-Policy: same-origin\r\n" \
    "Cross-Origin-Opener-Policy: same-origin\r\n" \
    "Referrer-Policy: no-referrer\r\n"

/* Every file of client/ is served, whole and with its type. */
static void page_files(void)
{
    static const struct {
        const char *path, *file, *type;
    } pages[] = {
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
        {"/%70age.js", "page.js", "text/javascript; charset=utf-8"}, /* the same path */
    };
    static char content[100000], words[200], request[200];

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        const char *answer, *body;
        size_t length = 0;
        FILE *file;
        snprintf(words, sizeof words, "client/%s", pages[i].file);
        file = fopen(words, "r");
        EXPECT(file != NULL, "%s", words);
        if (file != NULL) {
            length = fread(content, 1, sizeof content, file);
            fclose(file);
        }
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", pages[i].path);
        answer = ask(request);
        body = strstr(answer, "\r\n\r\n");
        EXPECT(strncmp(answer, "HTTP/", 5) == 0 || strstr(answer, "\nContent-Length: ") == NULL,
               "the head of %s waits in the buffer, so it goes first: write_locked may call "
               "send_small_locked only if nothing waits",
               pages[i].path);
        EXPECT(
            strncmp(answer, "HTTP/1.1 426 ", 13) != 0,
            "%s is a file's path and may be a route's, too: respond rejects a request with 426 only if "
            "there is no file",
            pages[i].path);
        EXPECT(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s must get 200, but got: %.300s",
               pages[i].path, answer);
        EXPECT(body != NULL && strlen(body + 4) == length && memcmp(body + 4, content, length) == 0,
               "%s must be the file, byte for byte", pages[i].path);
        EXPECT(strstr(answer, "\r\n" SAFETY) != NULL, "%s must be protected: %.900s", pages[i].path,
               answer);
        snprintf(words, sizeof words, "\r\nContent-Type: %s\r\n", pages[i].type);
        EXPECT(strstr(answer, words) != NULL, "%s must have the type %s", pages[i].path, pages[i].type);
        snprintf(words, sizeof words, "\r\nContent-Length: %zu\r\n", length);
        EXPECT(strstr(answer, words) != NULL, "%s must have the length %zu", pages[i].path, length);
        EXPECT(strstr(answer, "\r\nConnection: close\r\n") != NULL, "%s: one request a connection",
               pages[i].path);
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

/* Copies the head of a response, without its date, which may have moved on by a second. */
static void copy_head(const char *answer, char *head, size_t size)
{
    const char *date = strstr(answer, "Date: "), *end = strstr(answer, "\r\n\r\n");

    snprintf(head, size, "%.*s%.*s", (int)(date - answer), answer, (int)(end - date - 37), date + 37);
}

static void head_as_for_get(void)
{
    static const char *const paths[] = {"/", "/style.css", "/nowhere", "/echo"};

    for (size_t i = 0; i < 4; i++) {
        char request[100], for_get[1500], for_head[1500];
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
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost.:8080\r\n\r\n", 200, "<html");
    EXPECT_STATUS("GET /%65cho HTTP/1.1\r\n" HOST "\r\n", 426, "WebSocket"); /* it is /echo */
    EXPECT_STATUS("GET /ech%6F HTTP/1.1\r\n" HOST "\r\n", 426, "WebSocket");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", 200, "<html");
}

static void rejections(void)
{
    EXPECT_STATUS_OF("handshake_reject: only HEAD gets no body; here the method is NULL", "hello\r\n",
                     400, "must begin with a method");
    EXPECT_STATUS("GET / HTTP/1.1\r\n\r\n", 400, "exactly one Host");
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400, "a name, a colon and a value");
    EXPECT_STATUS("GET / HTTP/3.0\r\n" HOST "\r\n", 505, "HTTP/1.1.");
    EXPECT_STATUS("POST / HTTP/1.1\r\n" HOST "\r\n", 405, "\r\nAllow: GET, HEAD\r\n");
    EXPECT_STATUS_OF("respond looks at the method before the path, so POST /nowhere gets 405, not 404",
                     "POST /nowhere HTTP/1.1\r\n" HOST "\r\n", 405, "GET and HEAD only");
    EXPECT_STATUS("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 405, "GET and HEAD only");
    EXPECT_STATUS("BREW / HTTP/3.0\r\n" HOST "\r\n", 505, "HTTP/1.1.");
    EXPECT_STATUS("get / HTTP/1.1\r\n" HOST "\r\n", 405, "GET and HEAD only");
    EXPECT_STATUS_OF("respond: a method that only begins with GET", "GETS / HTTP/1.1\r\n" HOST "\r\n",
                     405, "GET and HEAD only");
    EXPECT_STATUS("GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, "nothing at this address");
    EXPECT_STATUS("GET /wire HTTP/1.1\r\n" HOST "\r\n", 404, "nothing at this address");
    EXPECT_STATUS("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nUpgrade: websocket\r\n");
    EXPECT_STATUS("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nSec-WebSocket-Version: 13\r\n");
    EXPECT_STATUS("GET /echo HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nConnection: Upgrade\r\n");
}

/* Many clients at once, of three kinds: each is told its own reason. */
static void rejected_at_once(void)
{
    enum { CLIENTS = 60, KINDS = 3 };
    static const char *const requests[KINDS] = {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", "hello\r\n",
                                                "GET / HTTP/3.0\r\n" HOST "\r\n"};
    static const char *const told[KINDS] = {"There is nothing at this address.\n",
                                            "A request line must begin with a method, such as GET.\n",
                                            "This server speaks HTTP/1.1.\n"};
    char answer[2000];
    int fds[CLIENTS];

    dial_crowd(fds, CLIENTS, requests, KINDS);
    for (int i = 0; i < CLIENTS; i++) {
        const char *body;
        receive_all(fds[i], answer, sizeof answer);
        body = strstr(answer, "\r\n\r\n");
        EXPECT_TEXT(body != NULL ? body + 4 : answer, told[i % KINDS], "client %d of a crowd", i);
        close(fds[i]);
    }
}

/* Finds the date of a response, which must be now, in the form that is to be sent; NULL: none. */
static const char *date_of(const char *answer)
{
    const char *date = strstr(answer, "Date: ");
    struct tm parts = {0};
    time_t then = 0;

    if (date != NULL && strptime(date, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts) != NULL)
        then = timegm(&parts);
    EXPECT(labs((long)(time(NULL) - then)) < 60,
           "the Date must be now, in GMT as gmtime_r gives it: %.300s", answer);
    return date;
}

/* The head of a rejection, line by line. */
static void a_rejection_in_full(void)
{
    const char *answer = ask("GET /nowhere HTTP/1.1\r\n" HOST "\r\n"), *date = date_of(answer);
    char wanted[1000];

    snprintf(wanted, sizeof wanted,
             "HTTP/1.1 404 Not Found\r\nDate: %.29s\r\nContent-Type: text/plain; charset=utf-8\r\n"
             "Content-Length: 34\r\nCache-Control: no-cache\r\nConnection: close\r\n" SAFETY "\r\n"
             "There is nothing at this address.\n",
             date != NULL ? date + 6 : "");
    EXPECT_TEXT(answer, wanted, "a rejection");
}

/* Asserts what every response has: our version, a date, a type, its length, what protects the page, and
 * the announcement that the connection ends. */
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
    EXPECT(strstr(answer, "\r\n" SAFETY) != NULL, "the page is protected: %.900s", answer);
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

/* A request that says "close", two requests in one segment: one response, and then the end. */
static void one_request(void)
{
    const char *answer = ask("HEAD / HTTP/1.1\r\n" HOST "\r\nHEAD /nowhere HTTP/1.1\r\n" HOST "\r\n");

    EXPECT(strncmp(answer, "HTTP/1.1 200 ", 13) == 0 &&
               strcmp(strstr(answer, "\r\n\r\n"), "\r\n\r\n") == 0,
           "the second request must get no response: %s", answer);
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 200,
                  "\r\nConnection: close\r\n");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Connection: keep-alive\r\n\r\n", 200,
                  "\r\nConnection: close\r\n");
}

/* Nobody waits for a "100 Continue": the final response comes at once, before any body. */
static void expectations(void)
{
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 200,
                  "<html");
    EXPECT_STATUS("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 405,
                  "GET");
    EXPECT_STATUS("GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", 200, "<html");
    EXPECT_STATUS("GET / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 200, "<html");
}

/* If a body may be longer or shorter than it seems, what follows it must never be a request. */
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

/* What lies in a folder, and by which path it is served; NULL: it is not. A file holds its own name; the
 * name of a link is followed by what it leads to. */
static const struct entry {
    const char *name, *path, *type;
} entries[] = {
    {"index.html", "/", "text/html; charset=utf-8"},
    {"PAGE.HTML", "/PAGE.HTML", "text/html; charset=utf-8"},
    {"a b%.png", "/a%20b%25.png", "image/png"},
    {"book/", NULL, NULL},
    {"book/index.html", "/book/", "text/html; charset=utf-8"},
    {"book/deep/", NULL, NULL},
    {"book/deep/font.woff2", "/book/deep/font.woff2", "font/woff2"},
    {"no-ending", "/no-ending", "application/octet-stream"},
    {".dot", NULL, NULL},
    {".git/", NULL, NULL},
    {".git/config", NULL, NULL},
    {"book/.dot", NULL, NULL},
    {"link>index.html", NULL, NULL},
    {"out>/etc/hostname", NULL, NULL},
    {"folder>/etc", NULL, NULL},
    {"pipe|", NULL, NULL},
};
#define ENTRIES (sizeof entries / sizeof entries[0])

/* Makes an entry of the folder, or removes it. */
static bool make_entry(const char *name, bool make)
{
    char path[200], *kind;
    int result = -1;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    kind = path + strlen(folder) + 1 + strcspn(name, ">|");
    if (*kind == '\0' && kind[-1] == '/')
        return (make ? mkdir(path, 0700) : rmdir(path)) == 0;
    if (*kind == '\0' && make) {
        file = fopen(path, "w");
        return file != NULL && fputs(name, file) >= 0 && fclose(file) == 0;
    }
    char link = *kind;
    *kind = '\0';
    if (!make)
        result = unlink(path);
    else
        result = link == '>' ? symlink(kind + 1, path) : mkfifo(path, 0600);
    return result == 0;
}

/* Asserts that what is looked up is there, and is what it should be. */
static void expect_entry(const struct entry *entry)
{
    const struct file *file = look_up_in_folder(entry->path);
    size_t length = 0;
    char *bytes = file == NULL ? NULL : read_in_folder(file, &length);

    if (EXPECT(file != NULL && bytes != NULL && length == strlen(entry->name) &&
                   memcmp(bytes, entry->name, length) == 0,
               "%s must be served as %s", entry->name, entry->path) &&
        file != NULL) /* which EXPECT has seen, but the analyzer has not */
        EXPECT_TEXT(file->type, entry->type, "the type of %s", entry->name);
    free(bytes);
}

/* By call, because the server's own folder is what it is. */
static void a_folder(void)
{
    static const struct entry pipe_now = {"PAGE.HTML|", NULL, NULL},
                              link_now = {"no-ending>/etc/passwd"};
    size_t served = 0, length;

    needs_own("functions");
    memcpy(strrchr(folder, '-'), "-XXXXXX", 7);
    EXPECT(mkdtemp(folder) != NULL, "a folder");
    for (size_t i = 0; i < ENTRIES; i++)
        EXPECT(make_entry(entries[i].name, true), "%s must be made", entries[i].name);
    list_folder();
    for (size_t i = 0; i < ENTRIES; i++)
        if (entries[i].path != NULL) {
            expect_entry(&entries[i]);
            served++;
        }
    EXPECT(file_count == served, "%zu files are served, not %zu: no dot files, links and pipes",
           file_count, served);
    /* what was a file when it was listed is something else now */
    EXPECT(make_entry("PAGE.HTML", false) && make_entry(pipe_now.name, true) &&
               make_entry("no-ending", false) && make_entry(link_now.name, true),
           "files are replaced");
    EXPECT(read_in_folder(look_up_in_folder("/PAGE.HTML"), &length) == NULL,
           "a pipe in the place of a file must not be read");
    EXPECT(read_in_folder(look_up_in_folder("/no-ending"), &length) == NULL,
           "a link in the place of a file must not be followed");
    forget_folder();
    for (size_t i = ENTRIES; i-- > 0;)
        EXPECT(make_entry(entries[i].name, false), "%s must be removed", entries[i].name);
    EXPECT(rmdir(folder) == 0, "the folder must be empty again");
}

static void no_path_reaches_the_files(void)
{
    static const char *const paths[] = {
        "/../server.c",   "/../../etc/passwd", "//etc/passwd",       "/./page.js",
        "/index.html/..", "/%2e%2e/server.c",  "/client/index.html", "/page.js/",
        "/PAGE.JS",       "/..%2fserver.c",    "/page.js%00",        "/.",
        "//page.js",      "/%2fpage.js",       "/%2E%2E%2Fserver.c", "/page.js%2f",
    };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char request[200];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        EXPECT_STATUS(request, 404, "nothing at this address");
    }
}

/* Sends a request and far more than the server reads before it rejects that, and than the two sockets can hold:
 * the client is still sending when the response comes. Returns whether all of it was sent. */
static bool send_too_much(int fd, const char *request)
{
    static char junk[600000];
    int small = 16384;

    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    memset(junk, 'x', sizeof junk);
    send_text(fd, request);
    return send_bytes(fd, junk, sizeof junk);
}

/* Closing while the client still sends would reset the connection, and the client could lose our response. On
 * a busy machine, sending may take longer than the server lingers: so it has three tries. */
static void rejected_while_sending(const char *request, int status)
{
    static char answer[20000];
    char start[20];
    int fd = dial(), tries = 3;

    while (!send_too_much(fd, request) && --tries > 0) {
        close(fd);
        fd = dial();
    }
    EXPECT(tries > 0,
           "the response must arrive, so the server must go on receiving for LINGER_S seconds, and not "
           "close");
    EXPECT(receive_all(fd, answer, sizeof answer) > 0, "the response must arrive, but %s", end_words());
    snprintf(start, sizeof start, "HTTP/1.1 %d ", status);
    EXPECT(strncmp(answer, start, strlen(start)) == 0, "expected %d, got: %.100s", status, answer);
    close(fd);
}

static void responses_arrive(void)
{
    for (int i = 0; i < 5; i++) {
        rejected_while_sending("POST / HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n", 405);
        rejected_while_sending("GET /", 414);
        rejected_while_sending("GET / HTTP/1.1\r\n" HOST "Cookie: ", 431);
        rejected_while_sending("GET / HTTP/1.1\r\n" HOST "Content-Length: 600000\r\n\r\n", 200);
    }
}

/* The server's end must come at once, not when it has waited long enough. */
static void end_comes_at_once(void)
{
    char answer[10000];
    int fd = dial();

    send_text(fd, "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    EXPECT(receive_all(fd, answer, sizeof answer) > 0, "a response, and the end");
    /* our end is still open: the server waits for it, and gives up after LINGER_S */
    EXPECT(send_text(fd, "more"), "the server still receives");
    close(fd);
}

static int threads_at_first;

/* With the first thread, the thread sanitizer starts one of its own. */
static bool workers_have_ended(void)
{
    return server_threads() <= threads_at_first + (thread_sanitized ? 1 : 0);
}

/* Clients that have gone before the server responds: their request has come, and after it a reset. What send_file has
 * read must be freed then, too, which the address sanitizer sees. */
static void gone_before_the_response(void)
{
    struct linger at_once = {.l_onoff = 1}; /* close sends a reset */

    needs_own("threads");
    server_hold();
    for (int i = 0; i < 20; i++) {
        int fd = dial();
        send_text(fd, "GET /style.css HTTP/1.1\r\n" HOST "\r\n");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    server_signal(SIGCONT);
    EXPECT_STATUS_OF("after clients to which nothing could be sent", "GET / HTTP/1.1\r\n" HOST "\r\n",
                     200, "<html");
    EXPECT(eventually(workers_have_ended),
           "clients have gone before their response, and %d threads stay",
           server_threads() - threads_at_first);
}

static bool a_worker_has_begun(void)
{
    return !workers_have_ended();
}

/* No descriptor for the file: the client gets to know that. */
static void unreadable_file(void)
{
    static char answer[20000];
    int fd;

    needs_own("descriptors");
    EXPECT(eventually(workers_have_ended), "clients have left, and %d threads stay",
           server_threads() - threads_at_first);
    fd = dial();
    send_text(fd, "GET / HT");
    EXPECT(eventually(a_worker_has_begun), "a client must have a thread");
    limit_server(RLIMIT_NOFILE, 3);
    send_text(fd, "TP/1.1\r\n" HOST "\r\n");
    receive_all(fd, answer, sizeof answer);
    limit_server(RLIMIT_NOFILE, -1);
    EXPECT(strncmp(answer, "HTTP/1.1 500 ", 13) == 0,
           "if files_read returns NULL, the response is 500, but: %.300s",
           *answer ? answer : "(nothing)");
    close(fd);
}

/* As soon as the client closes, its thread has nothing to wait for. */
static void left_at_once(void)
{
    const int clients = 4;
    double begun, took;

    needs_own("threads");
    EXPECT(eventually(workers_have_ended), "clients have left, and %d threads stay",
           server_threads() - threads_at_first);
    begun = clock_s();
    for (int i = 0; i < clients; i++) {
        ask("GET / HTTP/1.1\r\n" HOST "\r\n");
        EXPECT(eventually(workers_have_ended), "a client has left, and its thread stays");
    }
    took = clock_s() - begun;
    EXPECT(took < clients,
           "when a client closes, stream_linger's recv returns 0, and its thread ends: but that takes "
           "%.1f s each time",
           took / clients);
}

/* A client that has its response, and does not close: it is waited for in recv. */
static void lingering_is_waiting(void)
{
    char answer[20000];
    int fd = dial();

    send_text(fd, "HEAD / HTTP/1.1\r\n" HOST "\r\n");
    EXPECT(receive_all(fd, answer, sizeof answer) > 0, "a response, and the end");
    expect_waiting("a server that lingers",
                   "stream_linger's recv waits for what the client still sends.");
    close(fd);
}

/* A client that never closes: one says nothing more, the other goes on sending. */
static void left_in_the_end(void)
{
    const double lingers_s = 2; /* LINGER_S of stream.h */
    static const char request[] = "HEAD / HTTP/1.1\r\n" HOST "\r\n";
    char answer[20000];
    double begun;
    int silent = dial(), sending = dial();

    needs_own("threads");
    send_text(silent, request);
    send_text(sending, request);
    EXPECT(receive_all(silent, answer, sizeof answer) > 0 &&
               receive_all(sending, answer, sizeof answer) > 0,
           "a response, and the end");
    begun = clock_s();
    while (clock_s() - begun < 2 * lingers_s && send_text(sending, "x"))
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    EXPECT(clock_s() - begun > lingers_s / 2,
           "a client goes on sending: stream_linger must receive for LINGER_S seconds, not %.2f",
           clock_s() - begun);
    EXPECT(clock_s() - begun < 2 * lingers_s, "a client goes on sending, and %s",
           workers_have_ended()
               ? "its thread has ended, but its socket is open: worker must call end_client (lesson 2)"
               : "stream_linger goes on receiving: the clock must end that");
    EXPECT(eventually(workers_have_ended),
           "a client says nothing more and does not close: SO_RCVTIMEO must end stream_linger's recv");
    close(silent);
    close(sending);
}

int main(void)
{
    static const struct test tests[] = {
        {"the page's files", page_files, 5, "RFC 9110, section 9.3.1",
         "respond sends a file before it asks for a route. send_file: the head says the status, the "
         "type and the length; then comes the file, to its last byte."},
        {"HEAD gets the head alone", head_only, 5, "RFC 9110, section 9.3.2",
         "A response to HEAD is that to GET without the body: send_file and handshake_reject look at "
         "the method. stream_linger sends what waits in the write buffer first: stream_flush."},
        {"each rejection has its status, its header fields and its sentence", rejections, 5,
         "RFC 9110, section 15",
         "respond stores a status with fail, and returns -1: serve then calls handshake_reject, and "
         "find_status knows what belongs to the status."},
        {"query, absolute form, empty line, bare LF, HTTP/1.0, a body", targets, 5,
         "RFC 9112, section 3.2", "respond looks up the path alone: the query is no part of it."},
        {"a rejection, byte for byte", a_rejection_in_full, 5, "RFC 9110, section 8.6",
         "Compare line by line; in handshake_reject, the Content-Length counts the newline after the "
         "sentence too. If the newline comes before the sentence: write_locked must add the second "
         "piece after the first."},
        {"and the same head as GET", head_as_for_get, 5, "RFC 9110, section 9.3.2",
         "send_file and handshake_reject write the head before they look at the method: only the body "
         "is left out."},
        {"every response has a date, a type, its length, and closes", every_response, 5,
         "RFC 9110, section 6.6.1",
         "All heads come from handshake_respond, so each field is written in one place."},
        {"one request a connection, whatever follows it", one_request, 5, "RFC 9112, section 9.6",
         "After the response nothing is read as a request: stream_linger receives it and ignores it."},
        {"an expectation gets the final response at once", expectations, 5, "RFC 9110, section 10.1.1",
         "respond needs no body of a request: the final response can come at once."},
        {"a body's length that is in doubt never makes a second request", framing, 5,
         "RFC 9112, section 6.3",
         "One request a connection: what follows it can then never be taken for another."},
        {"no path reaches other files", no_path_reaches_the_files, 5, "RFC 9110, section 17.3",
         "respond asks files_lookup, which compares the path with a list: the path never becomes the "
         "name of a file."},
        {"dot files, links and pipes are not served", a_folder, 5, "man 3 nftw",
         "files.c is provided: this fails if its functions were changed."},
        {"a response arrives even while the client is sending", responses_arrive, 5,
         "RFC 9112, section 9.6",
         "stream_linger ends only our own direction, and receives until the client has ended its own, "
         "or LINGER_S seconds are over (clock_ms counts milliseconds): close sooner, and a reset may "
         "overtake the response."},
        {"a file that cannot be read is 500", unreadable_file, 5, "RFC 9110, section 15.6.1",
         "files_read returns NULL if it cannot read the file: send_file then fails with 500."},
        {"clients that have gone before their response", gone_before_the_response, 5, "man 2 send",
         "If handshake_respond or stream_write fails, send_file returns -1, and still frees the bytes."},
        {"a client that closes is left at once", left_at_once, 5, "man 2 recv",
         "stream_linger receives until recv returns 0, the client's end, and then returns."},
        {"a client that does not close is waited for", lingering_is_waiting, 5,
         "man 7 socket, SO_RCVTIMEO",
         "stream_linger's recv waits by itself, and SO_RCVTIMEO ends that: there is nothing to ask "
         "again and again."},
        {"a client that never closes is left after LINGER_S seconds", left_in_the_end, 5,
         "man 7 socket, SO_RCVTIMEO",
         "In stream_linger, SO_RCVTIMEO limits each recv, and the clock all of them; clock_ms counts "
         "milliseconds."},
        {"the end follows the response", end_comes_at_once, 5, "man 2 shutdown",
         "In stream_linger, shutdown with SHUT_WR tells the client that all has come, while you still "
         "receive."},
        {"many clients are rejected at once", rejected_at_once, 5, "a thread per client",
         "Each client has a thread, so a static variable is shared by all: handshake_reject and "
         "stream_write use only what is the client's own."},
        {0},
    };
    int status;

    setenv("TZ", "XXX-9", 1); /* a place where it is later: the date that is sent must not be its own */
    server_start(NULL);
    threads_at_first = server_threads();
    status = run_suite("05 the page", tests);
    return server_finish(status);
}
