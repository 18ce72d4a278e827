/* 02_threads.c - each visitor has a thread, and none waits for another */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define MANY 50

static int threads_before;

static bool threads_are_back(void)
{
    return server_threads() == threads_before;
}

static bool there_are_many(void)
{
    return server_threads() == threads_before + MANY;
}

static void second_while_first_stays(void)
{
    int silent, half;

    server_start(NULL);
    silent = dial();
    half = dial();
    send_text(half, "GET / HTT");
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "<html");
    EXPECT_STATUS("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 200, "<html"); /* the last one has left */
    close(silent);
    close(half);
    server_stop();
}

/* Visitors who come while the server is held: it accepts them one right after the other. */
static void a_crowd(void)
{
    int fds[MANY];
    bool answered = true;
    char page[20000];

    server_start(NULL);
    kill(server_pid, SIGSTOP);
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial();
        send_text(fds[i], "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    kill(server_pid, SIGCONT);
    for (int i = 0; i < MANY && answered; i++)
        answered = EXPECT(receive_all(fds[i], page, sizeof page) > 0,
                          "a visitor of a crowd gets no answer: number %d of %d (one thread each?)",
                          i + 1, MANY);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    server_stop();
}

static void each_has_a_thread(void)
{
    int fds[MANY], first;
    unsigned char echo[7];

    server_start(NULL);
    first = open_websocket(); /* with the first thread, a sanitizer starts one of its own */
    threads_before = server_threads();
    for (int i = 0; i < MANY; i++)
        fds[i] = open_websocket();
    EXPECT(eventually(there_are_many), "%d more clients must have %d more threads", MANY, MANY);
    for (int i = MANY - 1; i >= 0; i--) { /* in another order than they came */
        size_t length;
        unsigned char *hello = frames("81:48656c6c6f", &length);
        send_bytes(fds[i], hello, length);
        EXPECT(receive_bytes(fds[i], echo, sizeof echo) && memcmp(echo, "\x81\x05Hello", 7) == 0,
               "client %d must get its own echo", i);
        free(hello);
    }
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    EXPECT(eventually(threads_are_back), "the threads of clients that left must end");
    close(first);
    server_stop();
}

static bool has_thread_named(const char *wanted)
{
    char path[400], name[20];
    struct dirent *entry;
    bool found = false;
    DIR *tasks;

    snprintf(path, sizeof path, "/proc/%d/task", (int)server_pid);
    tasks = opendir(path);
    while (tasks != NULL && !found && (entry = readdir(tasks)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/comm", (int)server_pid, entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL && fgets(name, sizeof name, file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
            found = strcmp(name, wanted) == 0;
        }
        if (file != NULL)
            fclose(file);
    }
    if (tasks != NULL)
        closedir(tasks);
    return found;
}

static bool threads_are_named(void)
{
    return has_thread_named("client 1") && has_thread_named("client 2");
}

static void names(void)
{
    int one, two;

    server_start(NULL);
    one = open_websocket();
    two = open_websocket();
    EXPECT(eventually(threads_are_named), "the threads must be named \"client 1\", \"client 2\"");
    close(one);
    close(two);
    server_stop();
}

static bool descriptors_are_back(void)
{
    return server_descriptors() == threads_before;
}

/* How many pieces of memory the server has: each stack is one, and its guard. */
static int server_mappings(void)
{
    char path[100];
    int count = 0, byte;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/maps", (int)server_pid);
    file = fopen(path, "r");
    while (file != NULL && (byte = fgetc(file)) != EOF)
        count += byte == '\n' ? 1 : 0;
    if (file != NULL)
        fclose(file);
    return count;
}

/* The stack of a thread that has ended goes back, or to the next one. */
static void stacks_come_back(void)
{
    enum { VISITORS = 200 };
    int before;

    server_start(NULL);
    ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    before = server_mappings();
    for (int i = 0; i < VISITORS; i++)
        ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT(sanitized || server_mappings() < before + VISITORS / 2,
           "the stacks of threads that have ended stay: they are neither joined nor detached "
           "(%d visitors, %d pieces of memory more)",
           VISITORS, server_mappings() - before);
    server_stop();
}

static void nothing_stays(void)
{
    server_start(NULL);
    threads_before = server_descriptors();
    for (int i = 0; i < 200; i++) {
        int fd = dial();
        if (i % 3 == 1)
            send_text(fd, upgrade_request("/echo", ""));
        if (i % 3 == 2)
            send_text(fd, "GET / HTTP/1.1\r\nHost: x\r\n");
        close(fd);
    }
    EXPECT(eventually(descriptors_are_back), "after visitors have left, %d descriptors stay open",
           server_descriptors() - threads_before);
    server_stop();
}

int main(void)
{
    static const struct test tests[] = {
        {"fifty who come at once are all served", a_crowd},
        {"a second visitor is served while the first stays", second_while_first_stays},
        {"fifty clients have fifty threads, and each its own echo", each_has_a_thread},
        {"threads carry their client's number", names},
        {"the stacks of threads that have ended come back", stacks_come_back},
        {"visitors that vanish leave nothing open", nothing_stays},
        {0},
    };

    return run_suite("02 a thread per client", tests);
}
