/*
 * stage.c - a stage of the course starts, works up to its lesson, and from there says what is missing
 *
 * $STAGE is the lesson that is not written yet, $SERVER the program made of that stage.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define PAGE "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

static int stage;
static char yours[60]; /* what it must say from there on */

/* Sends frames, and asserts what comes back, and the words of a Close frame with 1011. */
static void expect_frames_at(const char *path, const char *script, const char *wanted)
{
    static unsigned char got[2000];
    size_t length;
    unsigned char *bytes = frames(script, &length);
    int fd = open_websocket_at(path);
    ssize_t n;

    send_bytes(fd, bytes, length);
    n = receive_all(fd, got, sizeof got);
    EXPECT_TEXT(describe(got, n > 0 ? (size_t)n : 0), wanted, "stage %d, sent: %s", stage, script);
    if (n > 0 && strstr(wanted, "1011") != NULL)
        EXPECT(memmem(got, (size_t)n, yours, strlen(yours)) != NULL, "the reason must say: %s", yours);
    free(bytes);
    close(fd);
}

static void expect_frames(const char *script, const char *wanted)
{
    expect_frames_at("/echo", script, wanted);
}

static void plain_request(void)
{
    if (stage <= 5)
        EXPECT_STATUS(PAGE, 501, yours);
    else
        EXPECT_STATUS(PAGE, 200, "<html");
}

static void second_client(void)
{
    int first;

    if (stage <= 2)
        return; /* main serves one at a time: nobody else is accepted */
    first = dial();
    plain_request();
    close(first);
}

/* The ends of clients that have left must not be among the events of the next test. */
static bool nobody_is_there(void)
{
    return server_threads() == 1;
}

static void upgrade(void)
{
    const char *request = upgrade_request("/", "");

    if (stage <= 5 || stage == 7 || stage == 8)
        EXPECT_STATUS(request, 501, yours);
    else if (stage == 6)
        EXPECT_STATUS(request, 200, "<html");
    else if (stage <= 10)
        expect_frames("81:61", "close:1011");
    else if (stage == 11)
        expect_frames("81:61 89:", "text:61 close:1011");
    else if (stage == 12)
        expect_frames("81:61 82:c0 81:c0 89: 01:61", "text:61 binary:c0 text:c0 pong close:1011");
    else
        expect_frames("81:61 01:61 89: 80:62 88:", "text:61 pong text:6162 close");
    EXPECT(eventually(nobody_is_there), "the threads of clients that have left must end");
    if (stage == 15)
        EXPECT_STATUS(upgrade_request("/echo", "Sec-WebSocket-Extensions: permessage-deflate; a\r\n"),
                      501, yours);
    if (stage >= 9)
        expect_frames_at("/wire", "88:", stage <= 13 ? "close:1011" : "close");
}

static void still_alive(void)
{
    plain_request();
    EXPECT(server_end(SIGINT) == (stage <= 14 ? 128 + SIGINT : 0),
           "Ctrl-C must end stage %d, which catches it from lesson 14 on", stage);
}

static void first_stage(void)
{
    EXPECT(program_run("--port", "0") == 1, "without a listener the server must end with 1");
    EXPECT(strstr(program_err, yours) != NULL, "expected \"%s\" in: %s", yours, program_err);
}

int main(void)
{
    static const struct test first[] = {
        {"it says what is missing, and ends", first_stage},
        {0},
    };
    static const struct test others[] = {
        {"a plain request", plain_request},
        {"a client while another stays", second_client},
        {"a WebSocket", upgrade},
        {"another client, and Ctrl-C", still_alive},
        {0},
    };
    const char *named = getenv("STAGE");
    char name[30];

    if (named == NULL)
        return EXIT_FAILURE;
    stage = atoi(named);
    snprintf(yours, sizeof yours, "lesson %d is yours to write", stage);
    snprintf(name, sizeof name, "stage %d", stage);
    if (stage > 1)
        server_start("--wire", "--compress");
    return run_suite(name, stage > 1 ? others : first);
}
