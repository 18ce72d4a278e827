/* 06_upgrade.c - which requests become a WebSocket, and what the others are told */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define GET "GET /echo HTTP/1.1\r\nHost: localhost\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ALL UPGRADE CONNECTION KEY VERSION
#define END "\r\n"

/* Asserts that a request gets a 101; the connection stays open then. Until the 101 is written (lesson 8),
 * a request that passes the check is told which lesson to go on with. */
static void expect_switched(const char *about, const char *request, int line)
{
    char answer[2000] = "";
    bool switched;
    int fd = dial();

    send_text(fd, request);
    receive_bytes(fd, answer, 13);
    switched = strcmp(answer, "HTTP/1.1 101 ") == 0;
    if (!switched)
        receive_all(fd, answer + 13, sizeof answer - 13);
    if (written_lesson() < 8)
        switched = switched || unwritten_lesson(answer) > 6;
    expect(switched, line, __FILE__, "%s%s:\n%s\nbut got:\n%s", about,
           written_lesson() < 8 ? "this request is right, and must come as far as lesson 7"
                                : "must be taken for an upgrade, and answered with 101",
           request, answer);
    close(fd);
}

#define EXPECT_SWITCHED(request) expect_switched("", (request), __LINE__)
#define NO_BODY "handshake_check: a Content-Length of 0 announces no body; "
#define TABS "request_lists: a tab may stand where a space may; "

/* Each of the 64 characters of Base64 is in one of these. */
static void good_keys(void)
{
    static const char *const keys[] = {"ABCDEFGHIJKLMNOPQRSTUg==", "VWXYZabcdefghijklmnopg==",
                                       "qrstuvwxyz0123456789+A==", "/////////////////////w=="};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char request[400];
        snprintf(request, sizeof request, GET UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: %s\r\n" END,
                 keys[i]);
        expect_switched("is_key: A to Z, a to z, 0 to 9, + and / are the characters of Base64; ",
                        request, __LINE__);
    }
}

static void good_upgrades(void)
{
    EXPECT_SWITCHED(GET ALL END);
    EXPECT_SWITCHED("GET / HTTP/1.1\r\nHost: localhost\r\n" ALL END);
    EXPECT_SWITCHED("GET /echo?page=5f HTTP/1.1\r\nHost: localhost\r\n" ALL END);
    EXPECT_SWITCHED("GET /ech%6f HTTP/1.1\r\nHost: localhost\r\n" ALL END);
    EXPECT_SWITCHED("GET http://localhost/echo HTTP/1.1\r\nHost: localhost\r\n" ALL END);
    EXPECT_SWITCHED(GET "UPGRADE: WebSocket\r\nconnection: upgrade\r\nSEC-WEBSOCKET-KEY: "
                        "dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n" END);
    EXPECT_SWITCHED(GET "Upgrade:websocket\r\nConnection:Upgrade\r\nSec-WebSocket-Key:"
                        "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version:13\r\n" END);
    EXPECT_SWITCHED(GET UPGRADE KEY VERSION "Connection: keep-alive, Upgrade\r\n" END);
    EXPECT_SWITCHED(GET UPGRADE KEY VERSION "Connection: keep-alive\r\nConnection: upgrade\r\n" END);
    EXPECT_SWITCHED(GET CONNECTION KEY VERSION "Upgrade: h2c, websocket\r\n" END);
    expect_switched(NO_BODY, GET ALL "Content-Length: 0\r\n" END, __LINE__);
    expect_switched(NO_BODY, GET ALL "Content-Length: 000\r\n" END, __LINE__);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Protocol: chat, superchat\r\n" END);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                            "Sec-WebSocket-Extensions: a; b=\"c\" ;d=1 , e\r\n" END);
    good_keys();
}

/* Lists may hold empty elements, and spaces between any two words; a value in quotes may hold
 * backslashes: RFC 2616 section 2.1, to which RFC 6455 section 9.1 points. */
static void good_lists(void)
{
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Extensions: , a,, b\t,\r\n" END);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Extensions: a;b = 1 ;\tc =\"2\", d\r\n" END);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Extensions: a; b=\"\\c\\d\"\r\n" END);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Extensions: a; b=\"c\"; d=\"e\", a; f\r\n" END);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Protocol: ,chat , ,superchat,\r\n" END);
    EXPECT_SWITCHED(GET ALL "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: superchat\r\n" END);
    expect_switched(TABS, GET CONNECTION KEY VERSION "Upgrade: h2c,\twebsocket\r\n" END, __LINE__);
    expect_switched(TABS, GET CONNECTION KEY VERSION "Upgrade: websocket\t, h2c\r\n" END, __LINE__);
    EXPECT_SWITCHED(GET KEY VERSION "Connection:, ,Upgrade ,\r\nUpgrade: ,\twebsocket\r\n" END);
}

/* Fields as long as a line may be. */
static void long_fields(void)
{
    static char request[9000];

    snprintf(request, sizeof request, GET UPGRADE KEY VERSION "Connection: %07000d, Upgrade\r\n" END, 0);
    EXPECT_SWITCHED(request);
    snprintf(request, sizeof request, GET UPGRADE KEY VERSION "Connection: Upgrade%07000d\r\n" END, 0);
    EXPECT_STATUS(request, 400, "Connection field");
    snprintf(request, sizeof request,
             GET UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: %07000d==\r\n" END, 0);
    EXPECT_STATUS(request, 400, "Sec-WebSocket-Key");
    snprintf(request, sizeof request,
             GET UPGRADE CONNECTION KEY "Sec-WebSocket-Version: %07000d13\r\n" END, 0);
    EXPECT_STATUS(request, 426, "must be 13");
    snprintf(request, sizeof request, GET ALL "Origin: http://%07000d\r\n" END, 0);
    EXPECT_STATUS(request, 403, "rigin");
}

/* What else a request may hold: order, unknown fields, cookies, an expectation without a body;
 * the key of the RFC's own section 4.1, whose last bits are not zero. */
static void other_fields(void)
{
    EXPECT_SWITCHED("GET /echo HTTP/1.1\r\n" VERSION KEY CONNECTION UPGRADE "Host: localhost\r\n" END);
    EXPECT_SWITCHED(GET ALL
                    "Cookie: a=b\r\nAuthorization: Basic eDp5\r\nX-Unknown: ?\r\nPragma:\r\n" END);
    EXPECT_SWITCHED(GET UPGRADE CONNECTION VERSION
                    "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n" END);
    EXPECT_SWITCHED(GET ALL "Expect: 100-continue\r\n" END);
    EXPECT_STATUS(GET ALL "Expect: 100-continue\r\nContent-Length: 5\r\n" END, 400,
                  "must not have a body");
}

#define WHOLE "request_lists: what is more than the token, or less, is another one"

/* RFC 9110 section 7.8: an Upgrade to something else is ignored. */
static void no_upgrade_at_all(void)
{
    EXPECT_SWITCHED("GET /echo HTTP/1.9\r\nHost: localhost\r\n" ALL END); /* but this is one */
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" END, 200,
                  "<html");
    EXPECT_STATUS("GET / HTTP/1.0\r\nHost: x\r\n" ALL END, 200, "<html");
    EXPECT_STATUS("HEAD / HTTP/1.1\r\nHost: x\r\n" ALL END, 200, "text/html");
    EXPECT_STATUS(GET CONNECTION KEY VERSION END, 426, "speaks the WebSocket protocol");
    EXPECT_STATUS_OF(WHOLE, GET "Upgrade: websocket/13\r\n" CONNECTION KEY VERSION END, 426,
                     "WebSocket");
    EXPECT_STATUS_OF(WHOLE, GET "Upgrade: h2c websocket\r\n" CONNECTION KEY VERSION END, 426,
                     "WebSocket");
    EXPECT_STATUS_OF(WHOLE, GET "Upgrade: websockets\r\n" CONNECTION KEY VERSION END, 426, "WebSocket");
    EXPECT_STATUS_OF("request_lists: a token with a parameter is another token",
                     GET "Upgrade: websocket;a=1\r\n" CONNECTION KEY VERSION END, 426, "WebSocket");
}

static void method_and_path(void)
{
    EXPECT_STATUS_OF("an upgrade by POST", "POST /echo HTTP/1.1\r\nHost: x\r\n" ALL END, 405,
                     "\r\nAllow: GET");
    EXPECT_STATUS("GET /other HTTP/1.1\r\nHost: x\r\n" ALL END, 404, "nothing");
    EXPECT_STATUS("GET /page.js HTTP/1.1\r\nHost: x\r\n" ALL END, 404, "nothing");
    EXPECT_STATUS_OF("an upgrade of a file, without a key",
                     "GET /page.js HTTP/1.1\r\nHost: x\r\n" UPGRADE END, 404, "nothing");
    EXPECT_STATUS("GET /wire HTTP/1.1\r\nHost: x\r\n" ALL END, 404, "nothing");
}

/* A route may ask more of a request than others do: /chat wants a name, by chat_name of lesson 13. Until that
 * is written, calls.c refuses this name. */
static void check_of_the_route(void)
{
    const char *answer;

    needs_own("chat");
    answer = ask("GET /chat?name=%21 HTTP/1.1\r\nHost: x\r\n" ALL END);
    EXPECT(strncmp(answer, "HTTP/1.1 400 ", 13) == 0,
           "if a route has a check, upgrade must call it, and go on only if it returns 0; here it has "
           "stored 400 and returned -1, but the client gets: %.300s",
           answer);
}

static void version(void)
{
    static const char *const lines[] = {"",
                                        "Sec-WebSocket-Version: 8\r\n",
                                        "Sec-WebSocket-Version: 130\r\n",
                                        "Sec-WebSocket-Version: 13, 8\r\n",
                                        "Sec-WebSocket-Version: 013\r\n",
                                        "Sec-WebSocket-Version:\r\n",
                                        VERSION VERSION};

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char request[400];
        snprintf(request, sizeof request, GET UPGRADE CONNECTION KEY "%s" END, lines[i]);
        EXPECT_STATUS_OF("a version other than 13", request, 426, "\r\nSec-WebSocket-Version: 13\r\n");
    }
}

static void key(void)
{
    static const char *const lines[] = {
        "",
        KEY KEY,
        "Sec-WebSocket-Key:\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==x\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ--\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQx==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j Q==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-_==\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSBhbmQgbW9yZQ==\r\n",
        "X: \"\r\nSec-WebSocket-Keys: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char request[400];
        snprintf(request, sizeof request, GET UPGRADE CONNECTION VERSION "%s" END, lines[i]);
        EXPECT_STATUS_OF(i == 1 ? "handshake_check: two keys" : "a key that is not 16 bytes in Base64",
                         request, 400, "Sec-WebSocket-Key");
    }
    EXPECT_STATUS_OF("a key in the body", GET UPGRADE CONNECTION VERSION END KEY END, 400,
                     "Sec-WebSocket-Key");
}

static void connection_and_body(void)
{
    EXPECT_STATUS(GET UPGRADE KEY VERSION END, 400, "Connection field does not list Upgrade");
    EXPECT_STATUS(GET UPGRADE KEY VERSION "Connection: keep-alive\r\n" END, 400, "Connection field");
    EXPECT_STATUS_OF(WHOLE, GET UPGRADE KEY VERSION "Connection: Upgrades\r\n" END, 400,
                     "Connection field");
    EXPECT_STATUS_OF("Upgrade in the field after Connection",
                     GET UPGRADE KEY VERSION "Connection: keep-alive\r\nX: Upgrade\r\n" END, 400,
                     "Connection field");
    EXPECT_STATUS(GET ALL "Content-Length: 5\r\n" END "hello", 400, "must not have a body");
    EXPECT_STATUS_OF("a length that does not fit an int", GET ALL "Content-Length: 4294967296\r\n" END,
                     400, "must not have a body");
    EXPECT_STATUS(GET ALL "Content-Length: 010\r\n" END, 400, "must not have a body");
    EXPECT_STATUS(GET ALL "Transfer-Encoding: chunked\r\n" END "0\r\n\r\n", 400, "must not have a body");
}

static void offers(void)
{
    static const char *const lines[] = {
        "Sec-WebSocket-Extensions:\r\n",
        "Sec-WebSocket-Extensions: ;\r\n",
        "Sec-WebSocket-Extensions: a b\r\n",
        "Sec-WebSocket-Extensions: a;\r\n",
        "Sec-WebSocket-Extensions: a; b=\r\n",
        "Sec-WebSocket-Extensions: a; b=\"\"\r\n",
        "Sec-WebSocket-Extensions: a; b=\"c\r\n",
        "Sec-WebSocket-Extensions: a; b=\"c d\"\r\n",
        "Sec-WebSocket-Extensions: a; b=\"c\\ d\"\r\n",
        "Sec-WebSocket-Extensions: a; b=\"c\\\"\r\n",
        "Sec-WebSocket-Extensions: a; b=c\\d\r\n",
        "Sec-WebSocket-Extensions: a; b= ;c\r\n",
        "Sec-WebSocket-Extensions: ,,\r\n",
        "Sec-WebSocket-Extensions: a, b@\r\n",
        "Sec-WebSocket-Extensions: a=1\r\n",
        "Sec-WebSocket-Extensions: good\r\nSec-WebSocket-Extensions: =\r\n",
        "Sec-WebSocket-Protocol:\r\n",
        "Sec-WebSocket-Protocol: chat; v=1\r\n",
        "Sec-WebSocket-Protocol: chat ;v\r\n",
        "Sec-WebSocket-Protocol: chat room\r\n",
        "Sec-WebSocket-Protocol: chat, [room]\r\n",
    };

    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        bool extensions = strncmp(lines[i], "Sec-WebSocket-Ext", 17) == 0;
        char request[400];
        snprintf(request, sizeof request, GET ALL "%s" END, lines[i]);
        EXPECT_STATUS_OF(extensions ? "is_list gets true for extensions: they may have parameters"
                                    : "is_list gets false for subprotocols: they have no parameters",
                         request, 400, "extensions or subprotocols is malformed");
    }
}

/* Which rule comes first if a request breaks two. */
static void order(void)
{
    EXPECT_STATUS("POST /other HTTP/2.0\r\n\x01\r\n", 400, "control character");
    EXPECT_STATUS("POST /other HTTP/2.0\r\nHost: x\r\n" END, 505, "");
    EXPECT_STATUS("POST /other HTTP/1.1\r\nHost: x\r\n" ALL END, 405, "");
    EXPECT_STATUS("GET /other HTTP/1.1\r\nHost: x\r\n" UPGRADE END, 404, "");
    EXPECT_STATUS(GET UPGRADE "Sec-WebSocket-Version: 8\r\n" END, 426, "");
    EXPECT_STATUS(GET UPGRADE VERSION END, 400, "Connection field");
    EXPECT_STATUS(GET UPGRADE CONNECTION VERSION "Content-Length: 5\r\n" END, 400, "Sec-WebSocket-Key");
    EXPECT_STATUS(GET UPGRADE VERSION "Origin: null\r\n" END, 400, "");
    EXPECT_STATUS_OF("check_origin: an origin that is none", GET ALL "Origin: null\r\n" END, 403, "");
}

static void route_check_comes_last(void)
{
    needs_own("chat");
    EXPECT_STATUS_OF(
        "upgrade must call handshake_check before the route's check, which would fail with 400",
        "GET /chat?name=%21 HTTP/1.1\r\nHost: x\r\n" UPGRADE CONNECTION KEY
        "Sec-WebSocket-Version: 8\r\n" END,
        426, "must be 13");
}

static void expect_origin(const char *host, const char *origin, bool allowed)
{
    char request[600];

    snprintf(request, sizeof request, "GET /echo HTTP/1.1\r\nHost: %s\r\n" ALL "%s" END, host, origin);
    if (allowed)
        EXPECT_SWITCHED(request);
    else
        EXPECT_STATUS_OF("check_origin: an origin is a scheme, a host and a port", request, 403,
                         "rigin");
}

static void own_origin(void)
{
    expect_origin("localhost:8080", "", true);
    expect_origin("localhost:8080", "Origin: http://localhost:8080\r\n", true);
    expect_origin("LOCALHOST", "Origin: http://localhost:80\r\n", true);
    expect_origin("127.0.0.1:8080", "Origin: http://127.0.0.1:8080\r\n", true);
    expect_origin("192.0.2.7:80", "Origin: HTTP://192.0.2.7\r\n", true);
    expect_origin("[::1]:8080", "Origin: http://[::1]:8080\r\n", true);
    expect_origin("localhost.:8080", "Origin: http://localhost.:8080\r\n", true);
    expect_origin("localhost:8080", "Origin: http://localhost\r\n", false);
    expect_origin("localhost:8080", "Origin: http://127.0.0.1:8080\r\n", false);
    expect_origin("localhost:8080", "Origin: https://localhost:8080\r\n", false);
    expect_origin("localhost:8080", "Origin: http://evil.example\r\n", false);
    expect_origin("localhost:8080", "Origin: http://localhost:8080.evil.example\r\n", false);
    expect_origin("localhost:8080", "Origin: http://localhost:8080/\r\n", false);
    /* a name that resolves to this server may be anybody's: DNS rebinding */
    expect_origin("evil.example", "Origin: http://evil.example\r\n", false);
    expect_origin("127.0.0.1.evil.example", "Origin: http://127.0.0.1.evil.example\r\n", false);
    expect_origin("a.localhost", "Origin: http://a.localhost\r\n", false);
    expect_origin("127.1", "Origin: http://127.1\r\n", false);
    expect_origin("localhost..", "Origin: http://localhost..\r\n", false);
}

/* A host in the target goes first: RFC 9112 section 3.2.2. */
static void host_of_the_target(void)
{
    EXPECT_SWITCHED(
        "GET http://localhost/echo HTTP/1.1\r\nHost: x\r\nOrigin: http://localhost\r\n" ALL END);
    EXPECT_STATUS(
        "GET http://x/echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n" ALL END, 403,
        "rigin");
}

/* Many clients at once: what one of them sent must not be looked for in another's request. A request that is right
 * gets 101, or 501 until that is written. */
static void a_crowd(void)
{
    enum { CLIENTS = 60, KINDS = 4 };
    static const char *const requests[KINDS] = {
        GET UPGRADE KEY VERSION "Connection: keep-alive, a, b, c, d, e, f\r\n" END,
        GET UPGRADE KEY VERSION "Connection: keep-alive, a, b, c, d, e, Upgrade\r\n" END,
        GET ALL "Origin: http://evil.example\r\n" END, GET ALL "Origin: http://localhost\r\n" END};
    static const char *const rejected[KINDS] = {"HTTP/1.1 400 ", NULL, "HTTP/1.1 403 ", NULL};
    int fds[CLIENTS];

    dial_crowd(fds, CLIENTS, requests, KINDS);
    for (int i = 0; i < CLIENTS; i++) {
        const char *wanted = rejected[i % KINDS];
        char answer[14] = "";
        EXPECT(receive_bytes(fds[i], answer, 13), "client %d of a crowd must get a response", i);
        EXPECT(wanted != NULL ? strcmp(answer, wanted) == 0 : strncmp(answer, "HTTP/1.1 4", 10) != 0,
               "client %d of a crowd gets %s, which is another one's response", i, answer);
        close(fds[i]);
    }
}

/* What begins as an address as long as can be, in brackets, and goes on. */
#define LONG_ADDRESS "0000:0000:0000:0000:0000:ffff:255.255.255.255"
#define LONG_HOST "[" LONG_ADDRESS ".evil.com]"

static void origins_in_brackets(void)
{
    expect_origin("[" LONG_ADDRESS "]", "Origin: http://[" LONG_ADDRESS "]\r\n", true);
    expect_origin("localhost", "Origin: http://" LONG_HOST "\r\n", false);
    EXPECT_STATUS("GET /echo HTTP/1.1\r\nHost: " LONG_HOST "\r\n" ALL "Origin: http://" LONG_HOST
                  "\r\n" END,
                  400, "no valid host");
}

static void no_origin_at_all(void)
{
    expect_origin("localhost", "Origin: null\r\n", false);
    expect_origin("localhost", "Origin:\r\n", false);
    expect_origin("localhost", "Origin: http://localhost http://localhost\r\n", false);
    expect_origin("localhost", "Origin: http://localhost, http://localhost\r\n", false);
    expect_origin("localhost", "Origin: http://localhost\r\nOrigin: http://localhost\r\n", false);
    expect_origin("localhost", "Origin: localhost\r\n", false);
    expect_origin("localhost", "Origin: file://\r\n", false);
}

static void listed_origins(void)
{
    server_stop();
    server_start("--origin", "https://example.com", "--origin", "http://other.example:8000");
    expect_origin("x", "Origin: https://example.com\r\n", true);
    expect_origin("x", "Origin: https://EXAMPLE.com:443\r\n", true);
    expect_origin("x", "Origin: http://other.example:8000\r\n", true);
    expect_origin("x", "Origin: http://example.com\r\n", false);
    expect_origin("x", "Origin: https://example.com:444\r\n", false);
    expect_origin("x", "Origin: https://a.example.com\r\n", false);
    expect_origin("x", "Origin: http://other.example\r\n", false);
    EXPECT_STATUS_OF("check_origin must look for a second Origin before it looks at the allowed ones",
                     GET ALL "Origin: https://example.com\r\nOrigin: http://evil.example\r\n" END, 403,
                     "no single origin");
}

/* The origins that --origin lists are allowed as well as the own one. */
static void own_origin_beside_listed_ones(void)
{
    server_stop();
    server_start("--origin", "https://example.com");
    expect_origin("localhost", "Origin: http://localhost\r\n", true);
    expect_switched(
        "check_origin: without an Origin the client is no browser, so --origin means nothing to it; ",
        GET ALL END, __LINE__);
}

int main(void)
{
    static const struct test tests[] = {
        {"good upgrades, as different clients write them", good_upgrades, 6, "RFC 6455, section 4.2.1",
         "Names of fields and tokens are case-insensitive, alone or in a list, in one field or in "
         "several: handshake_is_upgrade and handshake_check ask request_lists."},
        {"method and path come first", method_and_path, 6, "RFC 9110, section 15.5.6",
         "respond (lesson 5) looks at method and path, and calls upgrade for a file's path too, because "
         "handshake_is_upgrade looks at method, version and Upgrade only; upgrade fails with 404 if "
         "there is no route, before it checks anything else."},
        {"a route may have a check of its own", check_of_the_route, 6, "RFC 6455, section 4.2.2",
         "upgrade: if route->check is not NULL, call it after handshake_check, and before "
         "switch_protocols."},
        {"a request that asks for no WebSocket is a plain one", no_upgrade_at_all, 6,
         "RFC 9110, section 7.8",
         "request_lists compares whole elements of a list. In handshake_is_upgrade, only a GET of "
         "HTTP/1.1 or later whose Upgrade field lists websocket asks for one; all others stay plain "
         "requests."},
        {"the version must be 13", version, 6, "RFC 6455, section 4.4",
         "handshake_check wants one field with the text 13; else it fails with 426, which tells the "
         "client which version to use."},
        {"the key must be 16 bytes in Base64, once", key, 6, "RFC 6455, section 4.2.1",
         "is_key: 16 bytes in Base64 are 22 characters and two equals signs. No key, two keys or "
         "another length is 400."},
        {"Connection must list Upgrade, and there is no body", connection_and_body, 6,
         "RFC 6455, section 4.2.1",
         "handshake_check looks for the whole token upgrade among those that Connection lists, then "
         "checks that no body is announced. request_lists stops at the end of a value."},
        {"offers must be well formed", offers, 6, "RFC 6455, section 9.1",
         "What is offered is declined by saying nothing, but handshake_check wants each list to be "
         "names with commas between them: is_list, provided."},
        {"lists with empty elements, spaces and quotes", good_lists, 6, "RFC 9110, section 5.6.1",
         "request_lists: between two commas there may be nothing, and around each word spaces and "
         "tabs."},
        {"fields in any order, and fields that mean nothing to us", other_fields, 6,
         "RFC 9110, section 5.3",
         "handshake_check asks for each field by its name: the order means nothing, and unknown fields "
         "are ignored."},
        {"of two broken rules, the first in order is named", order, 6, "RFC 6455, section 4.2.2",
         "handshake_check: version, Connection, key, body, offers, origin, in this order; it fails with "
         "the first that is wrong."},
        {"the route's check comes after those of every handshake", route_check_comes_last, 6,
         "RFC 6455, section 4.2.2", "upgrade calls handshake_check first, then route->check."},
        {"the server's own page may connect, others may not", own_origin, 6, "RFC 6455, section 10.2",
         "In check_origin, the origin must be the Host's own, and that host localhost or an address, "
         "which nobody else can name."},
        {"the host that the target names goes first", host_of_the_target, 6, "RFC 9112, section 3.2.2",
         "check_origin compares with r->host, which is the target's host if it names one, and else that "
         "of the Host field."},
        {"an address in brackets is an address to its end", origins_in_brackets, 6,
         "RFC 3986, section 3.2.2",
         "check_origin fails if origin_parse, provided, cannot read the origin."},
        {"null, lists and doubles are no origin", no_origin_at_all, 6, "RFC 6454, section 7",
         "check_origin wants one Origin field with one scheme, host and port, or it fails with 403."},
        {"many clients ask at once", a_crowd, 6, "a thread per client",
         "Each client has a thread, so a static variable is shared by all: use local ones."},
        {"fields as long as a line", long_fields, 6, "RFC 9110, section 5.4",
         "A value may be as long as a line, 8 KiB: look at it in place. An array for a copy of it is "
         "full sooner or later."},
        {"listed origins may connect", listed_origins, 6, "RFC 6454, section 5",
         "check_origin compares with each allowed origin, by origin_is_same: scheme, host and port, "
         "with the scheme's usual port if none is named. upgrade gives it options.origins and "
         "options.origin_count, through handshake_check."},
        {"the server's own page may connect beside listed ones", own_origin_beside_listed_ones, 6,
         "RFC 6455, section 10.2",
         "check_origin: an origin that is none of the allowed ones is not rejected yet; it may be the "
         "server's own."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("06 is it an upgrade?", tests);
    return server_finish(status);
}
