/* 04_request.c - requests are read line by line, within limits, and taken apart */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "handshake.h"
#include "harness.h"

static struct stream s;

/* The connection that requests are said to come from. */
static struct trace_source source;

/* A wake, after so many bytes have been received: 0 for none. */
struct wake {
    enum stream_cause cause;
    size_t after;
};

/* Receives so many bytes, and then leaves a cause, as main does. */
static void wake_after(const struct wake *wake)
{
    while (s.in_end < wake->after && stream_fill(&s) == 0)
        ;
    atomic_store(&s.wake, (int)wake->cause);
}

/* What is wrong with the method of a rejected request: parse_request_line sets it when all three parts of the line are
 * valid, and before it calls parse_target. */
static const char *wrong_method(const struct request *r)
{
    if (r->reason == NULL)
        return "";
    if (r->method != NULL && strstr(r->reason, "A request line must") != NULL)
        return "(r->method is set) ";
    if (r->method == NULL &&
        (strncmp(r->reason, "The target ", 11) == 0 || strncmp(r->reason, "A % in ", 7) == 0))
        return "(r->method is NULL) ";
    return "";
}

/* Reads a request, and describes it: "GET / 11 Host=x", "400: sentence", or "end". With a wake, the stream
 * does not end. */
static const char *read_woken(const char *bytes, size_t length, size_t cut, const struct wake *wake)
{
    static char told[50000];
    struct feeding f;
    struct request r = {.stream = &s, .source = &source};
    int result;
    size_t n;

    feed_start(&f, bytes, length, cut, wake == NULL);
    stream_open(&s, f.fd);
    if (wake != NULL)
        wake_after(wake);
    result = request_read(&r);
    if (result != 0 && r.status == 0) {
        snprintf(told, sizeof told, "%s", s.cause == STREAM_EOF ? "end" : stream_reason(&s));
    } else if (r.status != 0) {
        snprintf(told, sizeof told, "%s%s%d: %s",
                 result == 0 ? "(request_read returned 0, not -1) " : "", wrong_method(&r), r.status,
                 r.reason == NULL ? "(no reason)" : r.reason);
    } else {
        n = (size_t)snprintf(told, sizeof told, "%s %s%s%s %d %s %u", r.method, r.path,
                             r.query ? "?" : "", r.query ? r.query : "", r.version, r.host.host,
                             r.host.port);
        for (size_t i = 0; i < r.header_count; i++)
            n += (size_t)snprintf(told + n, sizeof told - n, " %s=%s", r.headers[i].name,
                                  r.headers[i].value);
        if (s.in_start < s.in_end) /* what came after the request must still be there */
            snprintf(told + n, sizeof told - n, " + %.*s", (int)(s.in_end - s.in_start),
                     (const char *)s.in + s.in_start);
    }
    request_free(&r);
    feed_finish(&f);
    stream_close(&s);
    return told;
}

static const char *read_told(const char *bytes, size_t length, size_t cut)
{
    return read_woken(bytes, length, cut, NULL);
}

/* The same in a process of its own, where a crash does no harm. */
static const char *read_apart(const char *request, const char *about)
{
    static char told[4000]; /* the beginning: a pipe takes that much at once */
    ssize_t length;
    int ends[2], status;
    pid_t reader;

    EXPECT(pipe(ends) == 0, "a pipe");
    reader = fork();
    if (reader == 0) {
        const char *result = read_told(request, strlen(request), FEED_WHOLE);
        _exit(write(ends[1], result, strnlen(result, sizeof told - 1)) > 0 ? 0 : 1);
    }
    close(ends[1]);
    length = read(ends[0], told, sizeof told - 1);
    told[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    status = child_status(reader);
    EXPECT(status == 0, "reading %s has crashed (%d)", about, status);
    return told;
}

struct request_case {
    const char *request, *told;
};

/* A request as it would stand in C, so that spaces and tabs at a line's end can be seen. */
static const char *quoted(const char *request)
{
    static const char controls[] = "\r\n\t", letters[] = "rnt";
    static char words[400];
    size_t n = (size_t)sprintf(words, "\"");

    for (; *request != '\0' && n < sizeof words - 10; request++) {
        const char *control = strchr(controls, *request);
        if (control != NULL)
            words[n++] = '\\';
        words[n++] = control != NULL ? letters[control - controls] : *request;
    }
    sprintf(words + n, *request == '\0' ? "\"" : "...");
    return words;
}

/* A bad line stands at the end of its request, without the empty line: if it is accepted, that is missed. */
static bool is_accepted(const char *request, const char *told, const char *wanted)
{
    return strstr(request, "\r\n\r\n") == NULL && strcmp(told, wanted) != 0 &&
           strncmp(told, "400: The request ended before", 29) == 0;
}
#define ACCEPTED "the last line is malformed, but was accepted, and then the next one is missing"

static void expect_cases(const struct request_case *cases)
{
    for (; cases->request != NULL; cases++) {
        size_t length = strlen(cases->request);
        const char *told = read_told(cases->request, length, FEED_WHOLE);
        EXPECT_TEXT(told, cases->told, "%s: %s",
                    is_accepted(cases->request, told, cases->told) ? ACCEPTED : "whole",
                    quoted(cases->request));
        EXPECT_TEXT(read_told(cases->request, length, FEED_EACH), cases->told,
                    "byte by byte (one recv is not one request): %s", quoted(cases->request));
        for (size_t cut = 1; cut < length; cut++)
            EXPECT_TEXT(read_told(cases->request, length, cut), cases->told, "cut at %zu: %s", cut,
                        quoted(cases->request));
    }
}

/* By call alone: without a request that was read. */
static void headers_by_hand(void)
{
    struct header fields[] = {{"Host", "x"}, {"A", "1"}, {"a", "2"}, {"AB", "3"}};
    struct request r = {.headers = fields, .header_count = 4};

    EXPECT_TEXT(request_header(&r, "A", 0), "1", "request_header: the first A of Host, A, a, AB");
    EXPECT_TEXT(request_header(&r, "a", 0), "1",
                "request_header: the first a, which may be a capital letter");
    EXPECT_TEXT(request_header(&r, "A", 1), "2",
                "request_header: the second A, counted from 0: number 1");
    EXPECT_TEXT(request_header(&r, "ab", 0), "3", "request_header: the first AB");
    EXPECT(request_header(&r, "A", 2) == NULL,
           "request_header: there is no third A, so it returns NULL");
    EXPECT(request_header(&r, "B", 0) == NULL && request_header(&r, "ABC", 0) == NULL &&
               request_header(&r, "", 0) == NULL,
           "request_header: only whole names count");
    EXPECT(request_header(&(struct request){.header_count = 0}, "A", 0) == NULL,
           "request_header: a request without header fields has none");
}

/* What nothing of the lines themselves shows. */
static void checked_at_the_end(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nA: 1\r\n\r\n";
    static const char late[] = "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";

    EXPECT_TEXT(read_told(request, strlen(request), FEED_WHOLE),
                "400: There must be exactly one Host field.",
                "request_read must return what check_request returns: here the Host field is missing");
    EXPECT_TEXT(read_told(late, strlen(late), FEED_WHOLE),
                "400: A request line must begin with a method, such as GET.",
                "request_read forgives one empty line before the request, and not two");
}

/* The same header field, as different clients write it. */
static void names_and_values(void)
{
    static const struct {
        const char *line, *told, *about;
    } cases[] = {
        {"Host: x", "GET / 11 x 80 Host=x", "one space after the colon"},
        {"Host:x", "GET / 11 x 80 Host=x", "no space after the colon"},
        {"HOST: x", "GET / 11 x 80 HOST=x", "a name in capitals"},
        {"host: x", "GET / 11 x 80 host=x", "a name in small letters"},
        {"Host: \t x \t ", "GET / 11 x 80 Host=x", "spaces and tabs around the value"},
        {"Host: x\r\nA:", "GET / 11 x 80 Host=x A=", "parse_header: a value may be empty"},
        {"Host: x\r\nA: \t ", "GET / 11 x 80 Host=x A=", "parse_header: an empty value, after spaces"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[100];
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\n%s\r\n\r\n", cases[i].line);
        EXPECT_TEXT(read_told(request, strlen(request), FEED_WHOLE), cases[i].told, "%s: %s",
                    cases[i].about, quoted(request));
    }
}

static void good_requests(void)
{
    static const struct request_case cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / 11 x 80 Host=x"},
        {"GET / HTTP/1.1\nHost:x:8080\n\n", "GET / 11 x 8080 Host=x:8080"},
        {"GET / HTTP/1.1\r\nHost: x:\r\n\r\n", "GET / 11 x 80 Host=x:"},
        {"GET / HTTP/1.1\r\nHost: a%7Eb\r\n\r\n", "GET / 11 a%7eb 80 Host=a%7Eb"},
        {"GET / HTTP/1.1\r\nHost: [::FFFF:1.2.3.4]\r\n\r\n",
         "GET / 11 [::ffff:1.2.3.4] 80 Host=[::FFFF:1.2.3.4]"},
        {"get / HTTP/1.1\r\nHost: x\r\n\r\n", "get / 11 x 80 Host=x"},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
         "GET / 11 x 80 Host=x Content-Length=99999999999999999999999"},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n",
         "GET / 11 x 80 Host=x Transfer-Encoding=Chunked"},
        {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / 11 x 80 Host=x"},
        {"GET /echo?page=1?2 HTTP/1.1\r\nHOST: X\r\n\r\n", "GET /echo?page=1?2 11 x 80 HOST=X"},
        {"GET / HTTP/1.0\r\n\r\n", "GET / 10  80"},
        {"GET / HTTP/1.9\r\nHost: x\r\n\r\n", "GET / 19 x 80 Host=x"},
        {"GET http://a.b:81/echo?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET /echo?q 11 a.b 81 Host=x"},
        {"GET HTTPS://a.b HTTP/1.1\r\nHost: x\r\n\r\n", "GET / 11 a.b 80 Host=x"},
        {"GET http://a?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET /?q 11 a 80 Host=x"},
        {"PUT / HTTP/1.1\r\nHost: [::1]:9\r\nA: \t b c \t \r\nEmpty:\r\n\r\n",
         "PUT / 11 [::1] 9 Host=[::1]:9 A=b c Empty="},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * 11 x 80 Host=x"},
        {"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", "CONNECT x:80 11 x 80 Host=x:80"},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: \x80\xff\r\n\r\n", "GET / 11 x 80 Host=x X=\x80\xff"},
        {"GET / HTTP/1.1\r\nHost: x\r\nX: \"a , b\":\r\n\r\n", "GET / 11 x 80 Host=x X=\"a , b\":"},
        {"GET / HTTP/1.1\r\nHost: x\r\n!#$%&'*+-.^_`|~09aZ: 1\r\n\r\n",
         "GET / 11 x 80 Host=x !#$%&'*+-.^_`|~09aZ=1"},
        {0},
    };

    expect_cases(cases);
}

/* A path has one spelling: RFC 3986 section 6.2.2. */
static void spellings(void)
{
    static const struct {
        const char *target, *told;
    } cases[] = {
        {"/%65cho", "/echo"},
        {"/ech%6F", "/echo"},
        {"/ech%6f?%65", "/echo?%65"},
        {"/%7euser/%2D%2e%5F", "/~user/-._"},
        {"/a%2fb", "/a%2Fb"},
        {"/%c3%a9", "/%C3%A9"},
        {"/%2565", "/%2565"}, /* only once */
        {"/%00", "/%00"},
        {"/%0a", "/%0A"},
        {"http://x/%65cho", "/echo"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char request[100], wanted[100];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].target);
        snprintf(wanted, sizeof wanted, "GET %s 11 x 80 Host=x", cases[i].told);
        EXPECT_TEXT(read_told(request, strlen(request), FEED_WHOLE), wanted, "the path of %s",
                    cases[i].target);
    }
}

static void bad_lines(void)
{
    static const char line[] = "400: A header field must be a name, a colon and a value.";
    static const char control[] = "400: A line holds a control character; is this HTTP?";
    static const char method[] = "400: A request line must begin with a method, such as GET.";
    static const char target[] = "400: A request line must name a target, such as /echo.";
    static const char version[] = "400: A request line must end with a version, such as HTTP/1.1.";
    static const char escape[] = "400: A % in the path must be followed by two hex digits.";
    static const char no_host[] = "400: The target names no valid host.";
    static const char ended[] = "400: The request ended before its empty line.";
    static const struct request_case cases[] = {
        {"", "end"},
        {"\r\n", ended},
        {"GET / HTTP/1.1\r\nHost: x\r\n", ended},
        {"GET / HT", ended},
        {"hello\r\n", method},
        {"G@T / HTTP/1.1\r\n", method},
        {" GET / HTTP/1.1\r\n", method},
        {"GET\r\n", method},
        {"GET /\r\n", target},
        {"GET  / HTTP/1.1\r\n", target},
        {"GET /100% HTTP/1.1\r\n", escape},
        {"GET /%6 HTTP/1.1\r\n", escape},
        {"GET /%6?5 HTTP/1.1\r\n", escape},
        {"GET /echo%%32e HTTP/1.1\r\n", escape}, /* would become /echo%2e, an escape that nobody sent */
        {"GET /a b HTTP/1.1\r\n", version},
        {"GET /#top HTTP/1.1\r\n", target},
        {"GET /\x80 HTTP/1.1\r\n", target},
        {"GET /  HTTP/1.1\r\n", version},
        {"GET / HTTP/1.1 \r\n", version},
        {"GET / HTTP/1.1x\r\n", version},
        {"GET / HTTP/1.10\r\n", version},
        {"GET / HTTP/01.1\r\n", version},
        {"GET / HTTP/+1.1\r\n", version},
        {"GET / HTTP/1.\r\n", version},
        {"GET / HTTP/1,1\r\n", version},
        {"GET /a\tb HTTP/1.1\r\n", target},
        {"GET / HTTP/11\r\n", version},
        {"GET / http/1.1\r\n", version},
        {"GET / ICY/1.1\r\n", version},
        {"GET echo HTTP/1.1\r\n", "400: The target must begin with a slash."},
        {"GET * HTTP/1.1\r\n", "400: The target must begin with a slash."},
        {"GET http:///echo HTTP/1.1\r\n", no_host},
        {"GET http://a:b/ HTTP/1.1\r\n", no_host},
        {"GET http://user@a/ HTTP/1.1\r\n", no_host},
        {"GET / HTTP/1.1\r\n Host: x\r\n", line},
        {"GET / HTTP/1.1\r\nHost : x\r\n", line},
        {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n", line},
        {"GET / HTTP/1.1\r\nno colon\r\n", line},
        {"GET / HTTP/1.1\r\n: no name\r\n", line},
        {"GET / HTTP/1.1\r\nn\x80me: x\r\n", line},
        {"GET / HTTP/1.1\r\nA: x\ry\r\n", control},
        {"GET / HTTP/1.1\r\nA: \x1b[2J\r\n", control},
        {"\x16\x03\x01\x01\x40\x01", control},
        {"PRI * HTTP/2.0\r\n\r\n", "400: The target must begin with a slash."},
        {"GET / HTTP/2.0\r\n\r\n", "505: This server speaks HTTP/1.1."},
        {"GET / HTTP/0.9\r\n\r\n", "505: This server speaks HTTP/1.1."},
        {0},
    };

    expect_cases(cases);
}

static void bad_hosts(void)
{
    static const char host[] = "400: There must be exactly one Host field.";
    static const char bad_host[] = "400: The Host field holds no valid host.";
    static const struct request_case cases[] = {
        {"GET http://a/ HTTP/1.1\r\n\r\n", host},
        {"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\n\r\n", host},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", host},
        {"GET / HTTP/1.0\r\nHost: x\r\nhost: y\r\n\r\n", host},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: []g\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [1.2.3.4]\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [::1]]\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [::1]x]\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [v1.a]\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: [ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255 junk]\r\n\r\n",
         bad_host}, /* as long as an address may be, and more */
        {"GET / HTTP/1.1\r\nHost: [0000:0000:0000:0000:0000:ffff:255.255.255.255.evil.com]\r\n\r\n",
         bad_host},
        {"GET / HTTP/1.1\r\nHost: [::1%lo]\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: a%4\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: a%4z\r\n\r\n", bad_host},
        {"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", bad_host},
        {0},
    };

    expect_cases(cases);
}

static void bad_lengths_of_bodies(void)
{
    static const char length[] = "400: The Content-Length is not one number.";
    static const char coding[] = "400: The Transfer-Encoding is not chunked alone.";
    static const struct request_case cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", length},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", length},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", length},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n", length},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", length},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", coding},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", coding},
        {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
         coding},
        {"GET / HTTP/1.0\r\nTransfer-Encoding:\r\n\r\n", coding},
        {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", length},
        {0},
    };

    expect_cases(cases);
}

static void bad_requests(void)
{
    bad_lines();
    bad_hosts();
    bad_lengths_of_bodies();
}

static void a_null_byte(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n";

    EXPECT_TEXT(read_told(request, sizeof request - 1, FEED_WHOLE),
                "400: A line holds a control character; is this HTTP?", "a null byte");
}

/* A request of a line of `line` bytes, a header field of `header` bytes, and `count` short ones. */
static const char *sized(size_t line, size_t header, size_t count)
{
    static char request[70000];
    size_t n = 0;

    n += (size_t)sprintf(request, "GET /%0*d HTTP/1.1\r\n", (int)line - 14, 0);
    n += (size_t)sprintf(request + n, "Host: x\r\n");
    if (header > 0)
        n += (size_t)sprintf(request + n, "Long: %0*d\r\n", (int)header - 6, 0);
    for (size_t i = 0; i < count; i++)
        n += (size_t)sprintf(request + n, "N: %zu\r\n", i);
    sprintf(request + n, "\r\n");
    return request;
}

static void limits(void)
{
    static const struct {
        size_t line, header, count;
        const char *told;
    } cases[] = {
        {20, 2048, 0, "GET "}, /* a cookie */
        {8192, 0, 0, "GET "},
        {8193, 0, 0, "414: The request line is too long."},
        {20000, 0, 0, "414: The request line is too long."},
        {20, 4096, 0, "GET "},
        {20, 8192, 0, "GET "},
        {20, 8193, 0, "431: The header fields are too long."},
        {20, 0, 99, "GET "},
        {20, 0, 100, "431: There are too many header fields."},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *request = sized(cases[i].line, cases[i].header, cases[i].count), *told;
        char about[200];
        snprintf(about, sizeof about,
                 "a request line of %zu bytes, a header field of %zu and %zu short ones", cases[i].line,
                 cases[i].header, cases[i].count);
        told = read_apart(request, about);
        EXPECT(strncmp(told, cases[i].told, strlen(cases[i].told)) == 0,
               "%s%s must %s%s, but gave: %.100s", i == 0 ? "a cookie of 2 KiB is usual: " : "", about,
               *cases[i].told == 'G' ? "be accepted" : "be rejected with ",
               *cases[i].told == 'G' ? "" : cases[i].told, told);
    }
}

/* The request line is the second one here. */
static void limit_after_an_empty_line(void)
{
    static char request[70010];

    snprintf(request, sizeof request, "\r\n%s", sized(8193, 0, 0));
    EXPECT_TEXT(read_apart(request, "an empty line and a request line of 8193 bytes"),
                "414: The request line is too long.",
                "request_read must give read_line 414 for the request line also after an empty one");
}

/* All lines together: 32 KiB, one byte counted for each line's end. With LF and with CR LF. */
static void limit_of_all(void)
{
    for (int cr = 0; cr <= 1; cr++) {
        for (int over = 0; over <= 3000; over += over < 1 ? 1 : 2999) {
            static char request[40000];
            const char *end = cr ? "\r\n" : "\n", *told;
            size_t n, left = 32768 - 15 - 8 - 4 * 7001 - 1;
            n = (size_t)sprintf(request, "GET / HTTP/1.1%sHost: x%s", end, end);
            for (int i = 0; i < 4; i++)
                n += (size_t)sprintf(request + n, "A: %06997d%s", 0, end);
            n += (size_t)sprintf(request + n, "B: %0*d%s", (int)left - 4 + over, 0, end);
            sprintf(request + n, "%s", end);
            told = read_told(request, strlen(request), FEED_WHOLE);
            EXPECT(strncmp(told, over ? "431" : "GET", 3) == 0,
                   "lines of 32 KiB together%s, each with %s as its end, must be %s, but gave: %.60s",
                   over > 1 ? " and 3000 bytes"
                   : over   ? " and a byte"
                            : "",
                   cr ? "CR LF" : "LF", over ? "rejected with 431" : "accepted", told);
        }
    }
}

/* Two clients at once: the first one's request comes in two pieces, and the second one's in between. */
struct other {
    struct stream stream;
    struct request request;
    int result;
};

static void *read_other(void *argument)
{
    struct other *other = argument;

    other->result = request_read(&other->request);
    return NULL;
}

static void two_at_once(void)
{
    static const char first[] = "GET /first HTTP/1.1\r\nHost: one\r\nA: first\r\n\r\n",
                      second[] = "PUT /second HTTP/1.1\r\nHost: two\r\nB: second\r\n\r\n";
    enum { CUT = sizeof "GET /first HTTP/1.1\r\nHost: one\r\nA: fi" - 1 };
    static struct other others[2];
    struct feeding feeds[2];
    pthread_t thread;

    feed_start(&feeds[0], first, CUT, FEED_WHOLE, false);
    feed_start(&feeds[1], second, sizeof second - 1, FEED_WHOLE, false);
    for (int i = 0; i < 2; i++) {
        stream_open(&others[i].stream, feeds[i].fd);
        others[i].request = (struct request){.stream = &others[i].stream, .source = &source};
    }
    EXPECT(pthread_create(&thread, NULL, read_other, &others[0]) == 0, "a thread");
    while (atomic_load(&others[0].stream.received) < CUT)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    read_other(&others[1]);
    send_text(feeds[0].far_fd, first + CUT);
    pthread_join(thread, NULL);
    EXPECT(others[0].result == 0 && others[1].result == 0,
           "two requests at once must both be read: %d and %d", others[0].request.status,
           others[1].request.status);
    EXPECT_TEXT(others[0].request.path, "/first", "while it was read, another client's request came");
    EXPECT_TEXT(request_header(&others[0].request, "A", 0), "first",
                "while it was read, another request came");
    EXPECT_TEXT(request_header(&others[1].request, "B", 0), "second",
                "it was read while another one waited");
    EXPECT(others[0].request.text != others[1].request.text &&
               others[0].request.headers != others[1].request.headers,
           "each request must have memory of its own, from malloc");
    for (int i = 0; i < 2; i++) {
        request_free(&others[i].request);
        feed_finish(&feeds[i]);
        stream_close(&others[i].stream);
    }
}

/* Takes all memory that malloc can give; `room` bytes of it are given back. */
static void use_up_memory(size_t room)
{
    void *kept = malloc(room + 1);
    void *volatile taken; /* volatile: else a compiler sees that it is not used, and takes no memory */

    setrlimit(RLIMIT_AS, &(struct rlimit){0, RLIM_INFINITY});
    for (size_t size = 1 << 20; size >= 16; size /= 2)
        do
            taken = malloc(size);
        while (taken != NULL);
    if (room > 0)
        free(kept);
}

/* In a process of its own: 0 if the request is rejected with 503, as it must be. */
static int without_memory(size_t room)
{
    static const char bytes[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct request r = {.stream = &s, .source = &source};
    struct feeding f;
    int result;

    feed_start(&f, bytes, sizeof bytes - 1, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    pthread_join(f.thread, NULL);
    use_up_memory(room);
    result = request_read(&r);
    request_free(&r);
    return result == -1 && r.status == 503 ? 0 : 1;
}

static int without_any(void)
{
    return without_memory(0);
}

static int without_room_for_headers(void)
{
    return without_memory(REQUEST_BYTES + 1);
}

#define FREED ". (Does request_read free something? Its caller does, with request_free.)"

static void out_of_memory(void)
{
    int status;

    needs(!sanitized, "build without sanitizers");
    status = in_child(without_any);
    EXPECT(status == 0, "if malloc returns NULL for the text, the request is rejected with 503, but %s",
           status == 1 ? "it is not" : "it has crashed" FREED);
    status = in_child(without_room_for_headers);
    EXPECT(status == 0,
           "if malloc returns NULL for the header fields, the request is rejected with 503, but %s",
           status == 1
               ? "it is not. Does request_read ask for enough, REQUEST_HEADERS * sizeof *r->headers?"
               : "it has crashed" FREED);
}

/* A short key, with no memory after it. */
static void short_key(void)
{
    static const char key[] = "c2hvcnQ=";
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct header fields[] = {{"Sec-WebSocket-Version", "13"},
                              {"Connection", "Upgrade"},
                              {"Sec-WebSocket-Key", pages + page - sizeof key}};
    struct request r = {.stream = &s, .source = &source, .headers = fields, .header_count = 3};

    needs(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0, "mprotect");
    memcpy(pages + page - sizeof key, key, sizeof key);
    EXPECT(handshake_check(&r, NULL, 0) == -1 && r.status == 400, "a key of 8 characters: 400");
    munmap(pages, 2 * page);
}

static void next_bytes_stay(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\nfirst frame";

    EXPECT_TEXT(read_told(request, strlen(request), FEED_WHOLE), "GET / 11 x 80 Host=x + first frame",
                "bytes after the empty line");
}

/* What has come when main wakes the worker, and what the client is then told. */
static void woken(void)
{
    static const char *const starts[] = {"", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\n"};

    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t length = strlen(starts[i]);
        EXPECT_TEXT(read_woken(starts[i], length, FEED_WHOLE, &(struct wake){STREAM_IDLE, length}),
                    "408: The request did not arrive in time.", "its time is up, after \"%s\"",
                    starts[i]);
        EXPECT_TEXT(read_woken(starts[i], length, FEED_WHOLE, &(struct wake){STREAM_STOPPING, length}),
                    length > 0 ? "503: The server is stopping." : "the server is stopping",
                    "the server stops, after \"%s\"", starts[i]);
    }
}

/* A request that is here is read, whatever main wants: it is wanted only of a reader that would wait. */
static void woken_too_late(void)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    size_t length = sizeof request - 1;

    EXPECT_TEXT(read_woken(request, length, FEED_WHOLE, &(struct wake){STREAM_STOPPING, length}),
                "GET / 11 x 80 Host=x", "a whole request");
}

/* Reads a good request, whose header fields the caller looks up; let_go frees it. */
static void read_good(struct feeding *f, struct request *r)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nConnection: a,  b\r\n"
                                  "connection: ,c\t, Upgrade,\r\nX: upgrade;q=1, not upgrade\r\n\r\n";

    feed_start(f, request, strlen(request), FEED_WHOLE, true);
    stream_open(&s, f->fd);
    *r = (struct request){.stream = &s, .source = &source};
    EXPECT(request_read(r) == 0, "a good request");
}

static void let_go(struct feeding *f, struct request *r)
{
    request_free(r);
    request_free(r);
    feed_finish(f);
    stream_close(&s);
}

static void find_headers(void)
{
    struct feeding f;
    struct request r;

    read_good(&f, &r);
    EXPECT_TEXT(request_header(&r, "A", 0), "1", "the first A");
    EXPECT_TEXT(request_header(&r, "a", 1), "2", "the second A");
    EXPECT(request_header(&r, "A", 2) == NULL, "there is no third");
    EXPECT(request_header(&r, "AA", 0) == NULL && request_header(&r, "", 0) == NULL, "whole names");
    let_go(&f, &r);
}

static void find_tokens(void)
{
    struct feeding f;
    struct request r;

    read_good(&f, &r);
    EXPECT(request_lists(&r, "Connection", "upgrade"), "a token in the second field, in lower case");
    EXPECT(request_lists(&r, "Connection", "A") && request_lists(&r, "Connection", "b"), "the first");
    EXPECT(!request_lists(&r, "Connection", "up"), "a part of a token is none");
    EXPECT(!request_lists(&r, "X", "q"), "a parameter is no token");
    let_go(&f, &r);
}

/* A reason is longer than any that we have, and is no format. */
static void long_reason(void)
{
    enum { LENGTH = 2000 };
    static char reason[LENGTH + 1] = "100% of it: ", got[2 * LENGTH];
    struct request r = {.stream = &s, .source = &source, .status = 400, .reason = reason};
    struct feeding f;
    const char *body;

    for (size_t i = strlen(reason); i < LENGTH; i++)
        reason[i] = (char)('a' + i % 26);
    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    handshake_reject(&r);
    stream_flush(&s);
    shutdown(f.fd, SHUT_WR);
    receive_all(f.far_fd, got, sizeof got);
    body = strstr(got, "\r\n\r\n");
    EXPECT(body != NULL && strncmp(body + 4, reason, LENGTH) == 0 &&
               strcmp(body + 4 + LENGTH, "\n") == 0,
           "handshake_reject must send a reason of %d bytes as it is, and a line feed", LENGTH);
    feed_finish(&f);
    stream_close(&s);
}

int main(void)
{
    static const struct test tests[] = {
        {"header fields are found, by their names", headers_by_hand, 4, "RFC 9110, section 5.1",
         "request_header compares the whole name with strcasecmp, and counts down to the nth that "
         "matches."},
        {"a request begins with its line, and is checked at its end", checked_at_the_end, 4,
         "RFC 9112, section 3.2",
         "If the first line is empty, request_read takes one more for the request line, and no third. "
         "It takes lines up to the empty one, and returns what check_request, provided, returns."},
        {"a header field may be written in several ways", names_and_values, 4, "RFC 9112, section 5.1",
         "In parse_header, the name ends at the colon; the spaces around the value, of which there may "
         "be none, are no part of it."},
        {"good requests, in whatever pieces they come", good_requests, 4, "RFC 9112, section 3",
         "request_read reads line by line up to the empty line, and has each line parsed as it comes. "
         "parse_request_line keeps the method as it was sent, in capitals or not."},
        {"header fields are found in upper or lower case", find_headers, 4, "RFC 9110, section 5.1",
         "request_header compares the whole name with strcasecmp, and counts down to the nth that "
         "matches."},
        {"malformed requests are rejected, with the reason", bad_requests, 4,
         "RFC 9112, sections 3 and 5",
         "Each rule has its sentence: parse_request_line and parse_header fail with the first that is "
         "broken, in the order of the request; r->method and r->version are set when the line is "
         "right, and stay so if parse_target fails. request_read returns -1 as soon as read_line or one "
         "of these does."},
        {"a path has one spelling", spellings, 4, "RFC 3986, section 6.2.2",
         "parse_request_line calls parse_target, provided, which takes the escapes off that need not be "
         "there."},
        {"a null byte hides nothing", a_null_byte, 4, "RFC 9110, section 5.5",
         "A null byte is a control character: stream_read_line (lesson 3) must fail at it, not end the "
         "line there."},
        {"the limits of a line, and of the number of fields", limits, 4,
         "RFC 9112, section 3; RFC 6585, section 5",
         "request_read gives read_line, provided, the status for a line that is too long: 414 for the "
         "first, 431 for header fields. parse_header compares r->header_count with REQUEST_HEADERS "
         "before it stores a field, and request_read allocates REQUEST_HEADERS * sizeof *r->headers."},
        {"the limit of the request line after an empty one", limit_after_an_empty_line, 4,
         "RFC 9112, sections 2.2 and 3",
         "If the first line is empty, request_read calls read_line once more for the request line, with "
         "414 again."},
        {"the limit of all lines together", limit_of_all, 4, "RFC 6585, section 5",
         "All lines share REQUEST_BYTES, and read_line, provided, counts them: request_read allocates "
         "REQUEST_BYTES + 1 for the text."},
        {"two requests are read at once", two_at_once, 4, "a thread per client",
         "Each client has a thread, so a static variable is shared by all: request_read takes memory of "
         "its own for each request."},
        {"no memory for a request", out_of_memory, 4, "man 3 malloc",
         "malloc returns NULL if there is no memory: request_read looks at both results before it uses "
         "one. It frees nothing, even if it fails: its caller then calls request_free."},
        {"nothing after a short key is read", short_key, 6, "RFC 6455, section 4.2.1",
         "is_key counts the 22 characters first, and only then looks at what comes after them."},
        {"not a byte after the request is lost", next_bytes_stay, 4, "RFC 6455, section 1.3",
         "request_read takes the lines up to the empty one: what came after it stays in the stream for "
         "the next reader."},
        {"a reason may be long", long_reason, 5, "man 3 snprintf, its return value",
         "handshake_reject gives r->reason itself to stream_write: a copy of it is cut, or too long for "
         "its array, sooner or later."},
        {"tokens are found in lists, in upper or lower case", find_tokens, 6, "RFC 9110, section 5.6.1",
         "request_lists: tokens are separated by commas. Compare whole tokens, without regard to case, "
         "in every field of that name."},
        {"a request that is not whole in time, or when the server stops", woken, 14,
         "RFC 9110, sections 15.5.9 and 15.6.4",
         "If a line cannot be read, read_line, provided, returns -1 and has stored the status, if there "
         "is one: request_read (lesson 4) returns -1 as well, and stores nothing."},
        {"a whole request is read also when the server stops", woken_too_late, 14,
         "RFC 9110, section 15.6.4",
         "stream_read_line (lesson 3) calls stream_fill only if the buffer is empty."},
        {0},
    };

    static const char request[] =
        "GET /echo?page=1 HTTP/1.1\r\nHost: localhost:8080\r\nUpgrade: websocket\r\n\r\n";
    int status = run_suite("04 the request", tests);

    if (status == 0)
        printf("Your request, taken apart (method, path, version, host, port, fields): %s\n",
               read_told(request, sizeof request - 1, FEED_EACH));
    return status;
}
