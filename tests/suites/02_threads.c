/* 02_threads.c - each client has a thread, and none waits for another */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define MANY 50

static int threads_before;

#define PAGE "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Asserts that a response came from a thread of the client's own. Until the page is written (lesson 5)
 * it is 501, and names the lesson to go on with. */
static bool expect_answer(const char *answer, const char *about)
{
    return EXPECT(strncmp(answer, "HTTP/1.1 ", 9) == 0 && unwritten_lesson(answer) != 1 &&
                      unwritten_lesson(answer) != 2,
                  "%s, but got: %s", about, *answer ? answer : "(nothing in time)");
}

static void expect_page(const char *about)
{
    char answer[20000] = "";
    int fd = dial();

    send_text(fd, PAGE);
    receive_all(fd, answer, sizeof answer);
    close(fd);
    if (expect_answer(answer, about) && written_lesson() >= 5)
        EXPECT(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s, but got: %.300s", about, answer);
}

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
    expect_page("another client must get a response while the first ones stay");
    expect_page("so must one more, after that one has left");
    close(silent);
    close(half);
    server_stop();
}

/* Clients that connect while the server is held: it accepts them one right after the other. */
static void a_crowd(void)
{
    int fds[MANY];
    bool answered = true;
    char answer[20000] = "";

    server_start(NULL);
    server_hold();
    for (int i = 0; i < MANY; i++) {
        fds[i] = dial();
        send_text(fds[i], "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    }
    server_signal(SIGCONT);
    for (int i = 0; i < MANY && answered; i++)
        answered = EXPECT(receive_all(fds[i], answer, sizeof answer) > 0,
                          "a client of a crowd gets no response: number %d of %d (one thread each?)",
                          i + 1, MANY) &&
                   expect_answer(answer, "each of a crowd must get a response");
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    server_stop();
}

static bool the_first_has_one(void)
{
    return server_threads() >= 2;
}

static void a_thread_each(void)
{
    int fds[MANY], first;

    server_start(NULL);
    first = dial(); /* with the first thread, a sanitizer starts one of its own */
    EXPECT(eventually(the_first_has_one), "a client must have a thread beside main");
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* until that one is there as well */
    threads_before = server_threads();
    for (int i = 0; i < MANY; i++)
        fds[i] = dial();
    EXPECT(eventually(there_are_many), "%d more clients must have %d more threads, but there are %d",
           MANY, MANY, server_threads() - threads_before);
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    EXPECT(eventually(threads_are_back), "the threads of clients that left must end, but %d stay",
           server_threads() - threads_before);
    close(first);
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

static bool threads_are_named(void)
{
    return server_thread("client 1") && server_thread("client 2");
}

static int number_wanted;

static bool thread_is_numbered(void)
{
    char name[20];

    snprintf(name, sizeof name, "client %d", number_wanted);
    return server_thread(name) != 0;
}

/* The next client has this number, which has more digits than the one before. */
static void expect_number(int number)
{
    int fd = dial();

    number_wanted = number;
    EXPECT(eventually(thread_is_numbered),
           "worker must name its thread after the whole number: the %dth client's must be called "
           "\"client %d\", but the server's threads are: %s",
           number, number, server_thread_names());
    close(fd);
}

static void names(void)
{
    enum { LAST = 100 };
    int one, two;

    needs_own("threads");
    needs_proc();
    server_start(NULL);
    one = dial();
    two = dial();
    EXPECT(eventually(threads_are_named),
           "the threads of the first two clients must be named \"client 1\" and \"client 2\", for "
           "client->number, but the server's threads are: %s",
           server_thread_names());
    for (int number = 3; number <= LAST; number++)
        if (number == 10 || number == LAST)
            expect_number(number);
        else
            ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    close(one);
    close(two);
    server_stop();
}

static bool descriptors_are_back(void)
{
    return server_descriptors() == threads_before;
}

/* How many pieces of memory the server has: each stack is one, and so is its guard page. */
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

/* The stack of a thread that has ended goes back to the system, or to the next thread. */
static void stacks_come_back(void)
{
    needs_own("threads");
    enum { CLIENTS = 200 };
    int before;

    needs_proc();
    server_start(NULL);
    ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    before = server_mappings();
    for (int i = 0; i < CLIENTS; i++)
        ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT(sanitized || server_mappings() < before + CLIENTS / 2,
           "the stacks of threads that have ended stay: they are neither joined nor detached (%d "
           "clients, %d pieces of memory more)",
           CLIENTS, server_mappings() - before);
    server_stop();
}

static bool there_are_twenty(void)
{
    return server_threads() >= threads_before + 20;
}

/* What a thread costs is what thread_attributes say: 256 KiB of addresses, where 8 MiB are usual. */
static void stacks_are_small(void)
{
    enum { CLIENTS = 20, MOST_KIB = 1024 };
    int fds[CLIENTS];
    long before;

    needs_own("threads");
    server_start(NULL);
    threads_before = server_threads();
    before = server_status("VmData:");
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = dial();
    EXPECT(eventually(there_are_twenty), "%d clients must have as many threads", CLIENTS);
    EXPECT(sanitized || server_status("VmData:") < before + CLIENTS * MOST_KIB,
           "%d clients have reserved %ld KiB each, most of it for their threads' stacks", CLIENTS,
           (server_status("VmData:") - before) / CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    server_stop();
}

static long size_before;

static bool size_is_back(void)
{
    return server_status("VmSize:") < size_before + 32;
}

static int times_said(const char *words)
{
    int times = 0;

    for (const char *p = server_said(); (p = strstr(p, words)) != NULL; p++)
        times++;
    return times;
}

/* What the server lacks for a client, if so many KiB of addresses are left, and what is to be done then. */
struct lack {
    long kib;
    const char *words; /* "cannot ... for now" */
    int error;
    const char *to_close, *to_say_why;
};

static void expect_no_room(const struct lack *lack)
{
    const char *words = lack->words, *said;
    char got[100];
    int fd;

    size_before = server_status("VmSize:");
    limit_server(RLIMIT_AS, (size_before + lack->kib) * 1024);
    fd = dial();
    EXPECT(receive_all(fd, got, sizeof got) == 0,
           "start_client cannot %s, so the client must be closed at once, but: %s, %zu bytes. %s", words,
           end_words(), received_so_far, lack->to_close);
    close(fd);
    limit_server(RLIMIT_AS, -1);
    said = strstr(server_said(), words);
    EXPECT(said != NULL,
           "the server must say that it cannot %s (each call of complain needs a static time_t of its "
           "own), but says: %s",
           words, server_said());
    EXPECT(said == NULL || strstr(said, strerror(lack->error)) != NULL,
           "the server must say why, \"%s\", but says \"cannot %.*s\". %s", strerror(lack->error),
           said != NULL ? (int)strcspn(said, "\n") : 0, said, lack->to_say_why);
    EXPECT(eventually(size_is_back), "\"cannot %s\": what the client had stays: %ld KiB", words,
           server_status("VmSize:") - size_before);
}

/* No memory for a client, or none for its thread's stack: it is closed, and nothing of it stays. */
static void no_room(void)
{
    static const struct lack memory = {0, "make room for a client", ENOMEM,
                                       "If clients_new returns NULL, start_client must close fd itself.",
                                       "complain looks at errno, which close may change."},
                             thread = {
                                 120, "start a client's thread", EAGAIN,
                                 "If pthread_create fails, it returns an error number, above 0; then "
                                 "start_worker returns -1, and start_client calls end_client.",
                                 "start_worker must store in errno what pthread_create has "
                                 "returned, which does not set it."};

    needs_own("use of memory");
    needs(!sanitized, "build without sanitizers");
    server_start(NULL);
    threads_before = server_descriptors();
    expect_no_room(&memory);
    for (int i = 0; i < 4; i++)
        expect_no_room(&thread);
    EXPECT(
        times_said("cannot start a client's thread") == 1,
        "complain is to say the same once, not for %d clients: the time that it is given must be static",
        times_said("cannot start a client's thread"));
    EXPECT(eventually(descriptors_are_back),
           "clients for whom there was no room have left %d descriptors open",
           server_descriptors() - threads_before);
    sleep(1); /* main looks at its table, in which they must not be any more */
    expect_page("a client must get a response when there is room again");
    server_stop();
}

/* Those who are one too many wait to be told so; more than MOST_REJECTED of them are only closed. */
static void too_many(void)
{
    enum { SERVED = 1, TOLD = 64, CLOSED = 50, MOST_KIB = 16, ROUNDS = 8 };
    int fds[SERVED + TOLD], closed;
    char got[100];
    long each = MOST_KIB;

    needs_own("table of clients");
    server_start("--max-connections", "1");
    for (int i = 0; i < SERVED + TOLD; i++)
        fds[i] = dial();
    /* What the others' threads take when they begin may come late, but only once. */
    for (int round = 0; round < ROUNDS && each >= MOST_KIB; round++) {
        each = -server_status("VmData:");
        for (int i = 0; i < CLOSED; i++) {
            closed = dial();
            EXPECT(receive_all(closed, got, sizeof got) == 0,
                   "a client that clients_enter does not take must be closed at once, and this one "
                   "gets: %s",
                   got);
            EXPECT(i > 0 || server_threads() <= 1 + SERVED + TOLD + (sanitized ? 1 : 0),
                   "start_client must call clients_enter before start_worker: a client that it does not "
                   "take gets no thread, but there are %d",
                   server_threads());
            close(closed);
        }
        each = sanitized ? 0 : (each + server_status("VmData:")) / CLOSED;
    }
    EXPECT(each < MOST_KIB,
           "a client that clients_enter does not take must be freed, but each leaves %ld KiB", each);
    EXPECT(times_said(" for now: ") == 0,
           "a full table is no failure, so start_client must not call complain then, but the server "
           "says: %s",
           server_said());
    for (int i = 0; i < SERVED + TOLD; i++)
        close(fds[i]);
    server_stop();
}

/* A client that says nothing: its thread waits in recv. */
static void silence(void)
{
    int fd;

    server_start(NULL);
    fd = dial();
    EXPECT(eventually(the_first_has_one), "a client must have a thread beside main");
    expect_waiting("a server whose client says nothing",
                   "Every thread waits in a call: accept4, or recv.");
    close(fd);
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
    EXPECT(eventually(descriptors_are_back) || server_death() != NULL,
           "after the clients have left, %d descriptors stay open",
           server_descriptors() - threads_before);
    server_stop();
}

/* Main looks at its table of clients once a second: one that has gone must not be there any more. */
static void gone_is_gone(void)
{
    needs_own("a table of clients");
    server_start(NULL);
    expect_page("a client that leaves");
    sleep(2);
    expect_page("a client that comes after main has looked at its table");
    server_stop();
}

static long memory_before;

static bool memory_is_back(void)
{
    return server_memory() < memory_before + 1024;
}

/* A client is some 33 KiB, of which a request touches a quarter or so. */
static void clients_are_freed(void)
{
    enum { CLIENTS = 1000 };

    server_start(NULL);
    for (int i = 0; i < 50; i++)
        ask(PAGE);
    memory_before = server_memory();
    for (int i = 0; i < CLIENTS; i++)
        ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT(sanitized || eventually(memory_is_back),
           "what a client had must be given back when it leaves: after %d clients, the server has %ld "
           "KiB more",
           CLIENTS, server_memory() - memory_before);
    server_stop();
}

int main(void)
{
    static const struct test tests[] = {
        {"a client that has gone is not in the table", gone_is_gone, 2, "man 2 munmap",
         "end_client first takes the client out of main's table, with clients_leave, and only then "
         "frees it: main looks at all clients of the table once a second. clients_free closes the "
         "socket, and nothing else may."},
        {"fifty clients that connect at once are all served", a_crowd, 2, "man 3 pthread_create",
         "Give each thread the client that clients_new made for it: main's local variables change with "
         "the next client."},
        {"a second client is served while the first stays", second_while_first_stays, 2,
         "man 3 pthread_create",
         "start_client must only start a thread: whatever waits for the client belongs into worker."},
        {"each of fifty clients has a thread", a_thread_each, 2, "man 3 pthread_create",
         "start_worker calls pthread_create once for each client; worker returns when the client has "
         "left."},
        {"threads carry their client's number", names, 2, "man 3 pthread_setname_np",
         "worker names its own thread before anything else, after client->number. A name may have 15 "
         "characters, so its array needs 16 bytes; a longer name is refused. The array must not be "
         "static, because all threads would share it."},
        {"the stacks of threads that have ended come back", stacks_come_back, 2, "man 3 pthread_detach",
         "Nobody joins these threads, so start_worker must detach each: else its stack stays for ever. "
         "It must not use the client after pthread_create, because the worker may have freed it."},
        {"a thread's stack is small", stacks_are_small, 2, "man 3 pthread_attr_setstacksize",
         "start_worker gives pthread_create the address of thread_attributes, which ask for a small "
         "stack."},
        {"if there is no room for a client, it is closed", no_room, 2, "man 3 pthread_create, EAGAIN",
         "Without memory, start_client closes the socket itself. Without a thread, it calls end_client, "
         "and that calls clients_leave, and then clients_free, which closes the socket. A client that "
         "was freed but is still in the table makes main crash, in accept_loop."},
        {"clients beyond the most are closed", too_many, 2, "the option --max-connections",
         "start_client: if clients_enter returns -1, the client is in no table, and clients_free is all "
         "that it needs."},
        {"a client is silent, and nothing happens", silence, 2, "man 2 recv",
         "Main waits in accept4, and the client's thread in serve."},
        {"clients that vanish leave nothing open", nothing_stays, 2, "man 2 close",
         "However a client leaves, worker must call end_client, and that clients_free, which closes the "
         "socket."},
        {"what a client had is freed when it leaves", clients_are_freed, 2, "man 2 munmap",
         "However serve returns, worker must call end_client: it takes the client out of the table, and "
         "gives its memory back."},
        {"fifty clients each get their own echo, in threads of their own", each_has_a_thread, 10,
         "man 3 pthread_create",
         "Each thread must use its own client, and nothing that all threads share."},
        {0},
    };

    return run_suite("02 a thread per client", tests);
}
