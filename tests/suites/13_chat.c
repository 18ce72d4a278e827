/* 13_chat.c - the server speaks first: the ring, by call; the chat, over the wire */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "broadcast.h"
#include "clients.h"
#include "clock.h"
#include "frame.h"
#include "frames.h"
#include "harness.h"
#include "sender.h"
#include "stream.h"

/* A thread that has begun; without one, the suite ends. */
static pthread_t begin(void *(*run)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, argument) != 0) {
        fprintf(stderr, "no thread for this suite\n");
        exit(EXIT_FAILURE);
    }
    return thread;
}

static struct stream shared; /* of the tests by call */

/* ---- the ring, by call ---- */

static struct broadcast ring = BROADCAST_EMPTY;

static void publish_numbers(unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        broadcast_publish(&ring, &i, sizeof i);
}

/* Takes messages without waiting, up to the last one: they must be these numbers. */
static void expect_numbers(struct subscriber *subscriber, unsigned from, unsigned to, const char *about)
{
    unsigned char message[BROADCAST_BYTES];
    unsigned number = from;
    bool same = true;

    for (; same && broadcast_next(&ring, subscriber, message, false) == 0; number++)
        same = subscriber->dropped == 0 && subscriber->size == sizeof number &&
               memcmp(message, &number, sizeof number) == 0;
    EXPECT(
        same && number == to,
        "%s: broadcast_next must return the messages from %u on that come before %u, each once and in "
        "order, and then -1, but went on to number %u (%llu dropped)",
        about, from, to, number, (unsigned long long)subscriber->dropped);
}

static void ring_for_all(void)
{
    struct subscriber first, second;

    needs_own("functions");
    publish_numbers(0, 10);
    broadcast_subscribe(&ring, &first);
    publish_numbers(10, 20);
    broadcast_subscribe(&ring, &second);
    publish_numbers(20, 30);
    expect_numbers(&first, 10, 30, "from the first message after the subscription on");
    expect_numbers(&second, 20, 30, "the same for another subscriber");
    expect_numbers(&first, 30, 30, "nothing is left");
    publish_numbers(30, 33);
    broadcast_end(&ring, &first);
    publish_numbers(33, 36);
    expect_numbers(&first, 30, 33, "up to the newest message when broadcast_end was called");
    expect_numbers(&second, 30, 36, "another subscriber goes on");
}

static void ring_is_overtaken(void)
{
    enum { ALL = BROADCAST_SLOTS };
    unsigned char message[BROADCAST_BYTES];
    struct subscriber fast, slow;
    uint64_t first;
    int64_t t_us;

    needs_own("functions");
    broadcast_subscribe(&ring, &slow);
    first = slow.next;
    publish_numbers(0, ALL);
    expect_numbers(&slow, 0, ALL, "a ring that is just full holds all");
    broadcast_subscribe(&ring, &slow);
    broadcast_subscribe(&ring, &fast);
    publish_numbers(0, ALL / 2);
    expect_numbers(&fast, 0, ALL / 2, "a fast subscriber");
    publish_numbers(ALL / 2, ALL + 1);
    EXPECT(broadcast_next(&ring, &slow, message, false) == 0 && slow.dropped > 0,
           "the first message has been written over, so the subscriber must learn that it has lost "
           "some");
    EXPECT(
        slow.dropped == ALL / 2 + 1 && slow.number == first + ALL + slow.dropped - 1,
        "it continues half a ring behind the newest message, and must be told of %d lost, up to number "
        "%d: `dropped` says %llu, and `number` %llu",
        ALL / 2 + 1, ALL + ALL / 2, (unsigned long long)slow.dropped,
        (unsigned long long)(slow.number - first));
    t_us = slow.t_us;
    EXPECT(broadcast_next(&ring, &slow, message, false) == 0 && slow.t_us >= t_us,
           "what it gets next must not be older than what it has lost");
    expect_numbers(&slow, ALL / 2 + 2, ALL + 1, "and then gets everything");
    expect_numbers(&fast, ALL / 2, ALL + 1, "the fast one has lost nothing");
}

/* Subscribers that wait, each in a thread. */
enum { WAITING = 3 };
static struct subscriber waiting_one[WAITING];
static atomic_int woken, ended;

static void *wait_for_messages(void *subscriber)
{
    unsigned char message[BROADCAST_BYTES];

    while (broadcast_next(&ring, subscriber, message, true) == 0)
        woken++;
    ended++;
    return NULL;
}

static bool all_are_woken(void)
{
    return woken == WAITING;
}

static bool one_has_ended(void)
{
    return ended == 1;
}

static bool all_have_ended(void)
{
    return ended == WAITING;
}

/* Lets the subscribers come to where they wait, most likely. */
static void pause_for_moment(void)
{
    struct timespec moment = {.tv_nsec = 20000000};

    nanosleep(&moment, NULL);
}

static void wait_in_threads(void)
{
    woken = ended = 0;
    for (int i = 0; i < WAITING; i++) {
        broadcast_subscribe(&ring, &waiting_one[i]);
        pthread_detach(begin(wait_for_messages, &waiting_one[i]));
    }
}

/* Whichever waits longest, it is once not the first one to end. */
static void end_one_after_another(int first)
{
    broadcast_end(&ring, &waiting_one[first]);
    EXPECT(eventually(one_has_ended),
           "broadcast_end must end the waiting of that subscriber, so it wakes all that wait: %d ended",
           ended);
    for (int i = 0; i < WAITING; i++)
        if (i != first)
            broadcast_end(&ring, &waiting_one[i]);
    EXPECT(eventually(all_have_ended), "and of the others: %d ended", ended);
}

static void ring_wakes_all(void)
{
    needs_own("functions");
    wait_in_threads();
    for (int i = 0; i < 3; i++) { /* POSIX allows a wait to return without a reason */
        pause_for_moment();
        pthread_mutex_lock(&ring.lock);
        pthread_cond_broadcast(&ring.published);
        pthread_mutex_unlock(&ring.lock);
    }
    pause_for_moment();
    EXPECT(
        woken == 0 && ended == 0,
        "a subscriber that wakes and finds nothing must wait again, but %d took something that is not "
        "there, and %d ended",
        woken, ended);
    publish_numbers(0, 1);
    EXPECT(eventually(all_are_woken),
           "a message must wake every subscriber that waits, but only %d of %d got it", woken, WAITING);
    pause_for_moment();
    end_one_after_another(0);
    for (int first = 1; first < WAITING; first++) {
        wait_in_threads();
        pause_for_moment();
        end_one_after_another(first);
    }
}

/* Two threads that talk through two rings: one asks, and waits for the reply. Others are after the same lock, so
 * whoever gives it up before it waits does not get it back at once, and the reply comes in between. Its
 * wake-up is lost then, and all stand still. */
enum { ROUNDS = 40000, RIVALS = 2 };
static struct broadcast question = BROADCAST_EMPTY, reply = BROADCAST_EMPTY;
static struct subscriber asked, answered;
static atomic_uint rounds;

static void *answer_questions(void *ignored)
{
    unsigned char message[BROADCAST_BYTES];

    (void)ignored;
    while (broadcast_next(&question, &asked, message, true) == 0)
        broadcast_publish(&reply, message, sizeof rounds);
    return NULL;
}

static void *want_lock(void *ignored)
{
    (void)ignored;
    while (rounds < ROUNDS) {
        pthread_mutex_lock(&reply.lock);
        for (volatile int i = 0; i < 300; i++)
            ;
        pthread_mutex_unlock(&reply.lock);
    }
    return NULL;
}

static void *ask_questions(void *ignored)
{
    unsigned char message[BROADCAST_BYTES];
    const double most_s = 4; /* who polls takes long for a round, which another test says */
    double begun = clock_s();

    (void)ignored;
    for (unsigned i = 0; i < ROUNDS && clock_s() - begun < most_s; i++, rounds++) {
        broadcast_publish(&question, &i, sizeof i);
        if (broadcast_next(&reply, &answered, message, true) != 0)
            return NULL;
    }
    rounds = ROUNDS;
    broadcast_end(&question, &asked);
    return NULL;
}

static void ring_loses_no_wakeup(void)
{
    struct timespec until;
    pthread_t asking, answering, rivals[RIVALS];
    unsigned before;
    int error;

    needs_own("functions");
    rounds = 0;
    broadcast_subscribe(&question, &asked);
    broadcast_subscribe(&reply, &answered);
    answering = begin(answer_questions, NULL);
    asking = begin(ask_questions, NULL);
    for (int i = 0; i < RIVALS; i++)
        rivals[i] = begin(want_lock, NULL);
    do { /* as long as it goes on, however slowly */
        before = rounds;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += wait_s();
        error = pthread_timedjoin_np(asking, NULL, &until);
    } while (error != 0 && rounds != before);
    EXPECT(
        error == 0 && rounds == ROUNDS,
        "two threads must be able to take turns %d times, but after %u of them both wait: a message was "
        "published between the look whether there is one and the wait, and its wake-up is lost",
        ROUNDS, (unsigned)rounds);
    rounds = ROUNDS;
    for (int i = 0; i < RIVALS; i++)
        pthread_join(rivals[i], NULL);
    if (error == 0)
        pthread_join(answering, NULL);
}

/* Many threads publish, many listen, all at once. */
enum { PUBLISHERS = 3, LISTENERS = 3, EACH = BROADCAST_SLOTS / PUBLISHERS };
struct listening {
    struct subscriber subscriber;
    unsigned order[PUBLISHERS * EACH]; /* what came, as it came */
    unsigned count, torn;
};
static struct listening listening[LISTENERS];
static struct broadcast busy = BROADCAST_EMPTY;

static void *publish_many(void *number)
{
    unsigned message[BROADCAST_BYTES / sizeof(unsigned)];

    for (unsigned i = 0; i < EACH; i++) {
        for (size_t k = 0; k < sizeof message / sizeof message[0]; k++)
            message[k] = *(unsigned *)number * EACH + i;
        broadcast_publish(&busy, message, sizeof message);
    }
    return NULL;
}

static void *listen_to_many(void *argument)
{
    struct listening *own = argument;
    unsigned message[BROADCAST_BYTES / sizeof(unsigned)];

    while (own->count < PUBLISHERS * EACH &&
           broadcast_next(&busy, &own->subscriber, message, true) == 0) {
        own->torn += memcmp(message, message + 1, sizeof message - sizeof message[0]) != 0 ? 1 : 0;
        own->order[own->count++] = message[0];
    }
    return NULL;
}

static void *publish_one(void *ignored)
{
    (void)ignored;
    publish_numbers(0, 1);
    return NULL;
}

/* Whoever publishes while another thread has the lock must not have changed anything, nor looked at the
 * clock. */
static void expect_publisher_waits(void)
{
    pthread_t publisher;
    uint64_t next, next_then;
    int64_t free_us;

    pthread_mutex_lock(&ring.lock);
    next = ring.next;
    publisher = begin(publish_one, NULL);
    pause_for_moment();
    next_then = ring.next;
    free_us = clock_us();
    pthread_mutex_unlock(&ring.lock);
    pthread_join(publisher, NULL);
    EXPECT(next_then == next,
           "broadcast_publish must take the lock before it counts: another thread has it, and `next` "
           "of the ring has grown all the same");
    EXPECT(
        ring.slots[next % BROADCAST_SLOTS].t_us >= free_us,
        "broadcast_publish must call clock_us with the lock held: it has waited for the lock, and the "
        "message's time is from before that, so an earlier message may have a later time");
}

static void ring_in_one_order(void)
{
    pthread_t publishers[PUBLISHERS], listeners[LISTENERS];
    unsigned numbers[PUBLISHERS];

    needs_own("functions");
    expect_publisher_waits();
    for (int i = 0; i < LISTENERS; i++) {
        listening[i] = (struct listening){.count = 0};
        broadcast_subscribe(&busy, &listening[i].subscriber);
        listeners[i] = begin(listen_to_many, &listening[i]);
    }
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        numbers[i] = i;
        publishers[i] = begin(publish_many, &numbers[i]);
    }
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_join(publishers[i], NULL);
    for (int i = 0; i < LISTENERS; i++) {
        broadcast_end(&busy, &listening[i].subscriber);
        pthread_join(listeners[i], NULL);
        EXPECT(listening[i].count == PUBLISHERS * EACH && listening[i].torn == 0 &&
                   memcmp(listening[i].order, listening[0].order, sizeof listening[0].order) == 0,
               "what %d threads publish at once, every subscriber must get whole and in the same order: "
               "%u messages of %d, %u of them torn",
               PUBLISHERS, listening[i].count, PUBLISHERS * EACH, listening[i].torn);
    }
}

/* ---- the second thread, by call ---- */

enum { TEXTS = 20 };

/* A sender's next: TEXTS texts of all the bytes that there are for one, and then the end. */
static int next_long_text(struct subscriber *subscriber, char *text, size_t *length, bool wait)
{
    (void)wait;
    if (subscriber->next == TEXTS)
        return -1;
    memset(text, 'a' + (int)subscriber->next++, SENDER_BYTES);
    *length = SENDER_BYTES;
    return 0;
}

static int next_short_text(struct subscriber *subscriber, char *text, size_t *length, bool wait)
{
    (void)wait;
    if (subscriber->next == TEXTS)
        return -1;
    *text = (char)('a' + (int)subscriber->next++);
    *length = 1;
    return 0;
}

static struct websocket ws;

/* Has a sender send what its next returns, in a process of its own, because it might never end. Each send is a
 * packet at sender_ends[1]. */
static int sender_ends[2];
static int run_sender(sender_next *next)
{
    static const struct trace_source source = {.connection = 1};
    struct sender sender = {.ws = &ws, .next = next};

    stream_open(&shared, sender_ends[0]);
    frame_begin(&ws, &shared, &source, 1000, 1000);
    if (sender_start(&sender) != 0)
        return 1;
    sender_join(&sender);
    return 0;
}

static int send_short_texts(void)
{
    return run_sender(next_short_text);
}

static int send_long_texts(void)
{
    return run_sender(next_long_text);
}

static void sender_sends(void)
{
    static unsigned char got[1000];
    ssize_t n;

    needs_own("functions");
    pthread_attr_init(&thread_attributes);
    EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sender_ends) == 0, "a pair of sockets");
    EXPECT(in_child(send_short_texts) == 0,
           "sender_start must start a thread, which ends when next returns -1 after it has waited");
    n = recv(sender_ends[1], got, sizeof got, MSG_DONTWAIT);
    EXPECT(n > 0,
           "after sender_join, all must be sent, and nothing is: sender_start must not detach the "
           "thread, and send_messages calls stream_flush before it waits");
    EXPECT(n == 3 * TEXTS,
           "%d messages that wait must go with one send, when there is no other one, but the first has "
           "%zd bytes, not %d",
           TEXTS, n, 3 * TEXTS);
    EXPECT(in_child(send_long_texts) == 0,
           "send_messages must have room for a text of SENDER_BYTES: an event of the trace is longer "
           "than a message of the ring");
    close(sender_ends[0]);
    close(sender_ends[1]);
}

/* More stack than there is memory. */
static void no_thread(void)
{
    struct sender sender = {.ws = &ws, .next = next_short_text};
    size_t usual;

    needs_own("functions");
    pthread_attr_init(&thread_attributes);
    pthread_attr_getstacksize(&thread_attributes, &usual);
    ws.close_code = 0;
    ws.reason = NULL;
    pthread_attr_setstacksize(&thread_attributes, SIZE_MAX / 16);
    EXPECT(sender_start(&sender) == -1 && ws.close_code == 1011 && ws.reason != NULL,
           "if there is no thread, which is so here because thread_attributes ask for too much stack, "
           "sender_start must return -1 and store CLOSE_INTERNAL_ERROR and a reason; close_code is %u",
           ws.close_code);
    pthread_attr_setstacksize(&thread_attributes, usual);
}

/* ---- two threads that write to one stream ---- */

enum { RECORD = 100, RECORDS = 10000, TOGETHER = 50 };
/* Passed every few records, so that neither is through before the other. */
static pthread_barrier_t both;

static void *write_records(void *letter)
{
    char record[RECORD];

    memset(record, *(char *)letter, sizeof record);
    for (int i = 0; i < RECORDS; i++) {
        if (i % TOGETHER == 0)
            pthread_barrier_wait(&both);
        stream_write(&shared, record, 10, record + 10, RECORD - 10, STREAM_MORE);
    }
    return NULL;
}

/* In a process of its own, because without a lock it may crash. */
static void write_from_two_threads(int fd)
{
    char letters[] = "ab";
    pthread_t other;

    stream_open(&shared, fd);
    pthread_barrier_init(&both, NULL, 2);
    other = begin(write_records, &letters[1]);
    write_records(&letters[0]);
    pthread_join(other, NULL);
    _exit(stream_flush(&shared));
}

/* How many whole pieces of one letter there are. */
static int whole_records(const char *bytes, char letter)
{
    int whole = 0;

    for (int i = 0; i < 2 * RECORDS; i++, bytes += RECORD)
        whole += *bytes == letter && memcmp(bytes, bytes + 1, RECORD - 1) == 0 ? 1 : 0;
    return whole;
}

/* A client of /wire has two threads: events must not be torn by pongs. */
static void two_writers(void)
{
    static char got[2 * RECORDS * RECORD + RECORD];
    struct timeval wait = {.tv_sec = wait_s()};
    int ends[2], status, small = 2000;
    ssize_t length;
    pid_t writer;

    needs_own("functions");
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small); /* so that sends must wait */
    writer = fork();
    if (writer == 0)
        write_from_two_threads(ends[1]);
    close(ends[1]);
    length = receive_all(ends[0], got, sizeof got);
    close(ends[0]);
    if (length < 0)
        kill(writer, SIGKILL); /* it hangs */
    status = child_status(writer);
    EXPECT(status == 0 && length == 2 * RECORDS * RECORD && whole_records(got, 'a') == RECORDS &&
               whole_records(got, 'b') == RECORDS,
           "what two threads write must stay whole, and come once: %d pieces each, but there are %d and "
           "%d, in %zu bytes (%s, status %d)",
           RECORDS, whole_records(got, 'a'), whole_records(got, 'b'), received_so_far,
           length < 0 ? end_words() : "the end", status);
}

/* ---- the chat ---- */

/* What a client hears next: a text, or in parentheses what else there was. Pings and pongs are left out. */
static const char *hear(int fd)
{
    static char payload[2000], words[200];
    unsigned opcode;
    ssize_t n;

    do
        if ((n = receive_frame(fd, &opcode, payload, sizeof payload)) < 0)
            return "(nothing came)";
    while (opcode == 9 || opcode == 10);
    if (opcode == 1 && strlen(payload) == (size_t)n)
        return payload;
    if (opcode == 1)
        snprintf(words, sizeof words, "%.50s (and then a null byte: %zd bytes in all)", payload, n);
    else if (opcode == 8)
        snprintf(words, sizeof words, "(close %d)", (payload[0] & 0xFF) << 8 | (payload[1] & 0xFF));
    else
        snprintf(words, sizeof words, "(a frame with opcode %u)", opcode);
    return words;
}

/* A client that has joined, and heard that it has. */
static int join(const char *name)
{
    char path[200], announced[200];
    int fd;

    snprintf(path, sizeof path, "/chat?name=%s", name);
    snprintf(announced, sizeof announced, "* %s has joined", name);
    fd = open_websocket_at(path);
    EXPECT_TEXT(hear(fd), announced, "what a client that joins hears first");
    return fd;
}

/* A client leaves, and has done so when this returns: its end comes after the others are told. */
static void leave(int fd)
{
    static char rest[20000];

    shutdown(fd, SHUT_WR);
    receive_all(fd, rest, sizeof rest);
    close(fd);
}

static void talking(void)
{
    int ada, bob;

    server_start(NULL);
    ada = join("ada");
    bob = join("bob");
    EXPECT_TEXT(hear(ada), "* bob has joined", "who is there hears who joins");
    send_script(ada, "81:48656c6c6f");
    EXPECT_TEXT(hear(bob), "ada: Hello", "the other one hears a message");
    EXPECT_TEXT(hear(ada), "ada: Hello", "the sender hears its own message");
    send_script(bob, "82:c3a9");
    EXPECT_TEXT(hear(ada), "bob: \u00e9", "a binary message comes as text");
    EXPECT_TEXT(hear(bob), "bob: \u00e9", "to its sender too");
    expect_waiting("a chat in which nobody says anything",
                   "send_messages waits in sender->next(..., true), and broadcast_next in "
                   "pthread_cond_wait.");
    close(ada);
    close(bob);
    server_stop();
}

static void leaving(void)
{
    static const struct {
        const char *script, *heard;
    } ways[] = {
        {"88:03e8", "(close 1000)"}, {"82:ff", "(close 1007)"},   {"=c18000", "(close 1002)"},
        {"=8185", "(nothing came)"}, {"81*3000", "(close 1007)"}, {"82*200000", "(close 1009)"},
    };
    int ada, bob;

    server_start("--max-message", "100000");
    ada = join("ada");
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        bob = join("bob");
        EXPECT_TEXT(hear(ada), "* bob has joined", "way %zu", i);
        send_script(bob, ways[i].script);
        shutdown(bob, SHUT_WR);
        EXPECT_TEXT(hear(bob), ways[i].heard, "what a client that leaves by %s hears last",
                    ways[i].script);
        EXPECT_TEXT(hear(ada), "* bob has left", "who is there hears who leaves, here by %s",
                    ways[i].script);
        close(bob);
    }
    close(ada);
    server_stop();
}

/* A thread that is neither detached nor joined keeps its stack when it has ended. */
static void nothing_is_left(void)
{
    enum { VISITS = 50, MOST_KB = 4096 };
    long first = 0;

    needs(!sanitized, "build without sanitizers");
    server_start(NULL);
    for (int i = 0; i < 2 * VISITS; i++) {
        if (i == VISITS)
            first = server_status("VmData:");
        leave(join("ada"));
    }
    EXPECT(server_status("VmData:") - first < MOST_KB,
           "%d clients have joined and left, and the server has %ld KiB more: the stacks of threads "
           "that nobody has joined. chat_serve must call sender_join before it returns",
           VISITS, server_status("VmData:") - first);
    server_stop();
}

/* 32 and 33 letters. */
#define LETTERS32 "abcdefghijklmnopqrstuvwxyz-_0189"
#define LETTERS33 LETTERS32 "Z"

/* The sentence of the 400 may be any but the status's own: chat_name says what is allowed. */
static void expect_bad_name(const char *path)
{
    const char *request = upgrade_request(path, "");

    EXPECT_STATUS_OF(path, request, 400, "");
    EXPECT(strstr(ask(request), "The request is not valid.") == NULL,
           "%s: the 400 must say what is allowed in a name: chat_name stores a sentence in "
           "request->reason",
           path);
}

static void names(void)
{
    static const struct {
        const char *query, *announced; /* NULL: rejected */
    } cases[] = {
        {"?name=a", "* a has joined"},
        {"?name=A-Z_09", "* A-Z_09 has joined"},
        {"?name=" LETTERS32, "* " LETTERS32 " has joined"},
        {"?page=5f&name=ada", "* ada has joined"},
        {"?name=ada&name=bob&x", "* ada has joined"},
        {"?name=" LETTERS33, NULL},
        {"?name=", NULL},
        {"?name=&name=ada", NULL},
        {"?name=ada%20b", NULL},
        {"?name=a:", NULL},
        {"?name=*", NULL},
        {"?name=%c3%a9", NULL},
    };

    server_start(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[200];
        snprintf(path, sizeof path, "/chat%s", cases[i].query);
        if (cases[i].announced == NULL) {
            expect_bad_name(path);
            continue;
        }
        int fd = open_websocket_at(path);
        EXPECT_TEXT(hear(fd), cases[i].announced, "the name in %s", path);
        leave(fd);
    }
    server_stop();
}

static void guests(void)
{
    static const char *const queries[] = {"", "?", "?named=ada", "?x=name=ada", "?name", "?xname=ada"};
    char announced[100];

    server_start(NULL);
    EXPECT_STATUS("GET /chat?name=ada HTTP/1.1\r\nHost: x\r\n\r\n", 426, "WebSocket");
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "/chat%s", queries[i]);
        snprintf(announced, sizeof announced, "* guest-%zu has joined", i + 2); /* that one was 1 */
        int fd = open_websocket_at(path);
        EXPECT_TEXT(hear(fd), announced, "a client without a name, by %s, is a guest with its number",
                    path);
        leave(fd);
    }
    server_stop();
}

/* A script of one message of so many bytes, x but for the last one; and what is heard of it. */
static void long_message(const char *name, size_t length, char *script, char *heard)
{
    script += sprintf(script, "81:");
    heard += sprintf(heard, "%s: ", name);
    for (size_t i = 0; i < length; i++) {
        script += sprintf(script, i + 1 < length ? "78" : "79");
        *heard++ = i + 1 < length ? 'x' : 'y';
    }
    *heard = '\0';
}

static void limits(void)
{
    static const char *const said[] = {"ada", "x", LETTERS32};
    char script[2000], heard[2000];

    server_start(NULL);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        size_t room = BROADCAST_BYTES - strlen(said[i]) - strlen(": ");
        int fd = join(said[i]);
        for (size_t length = room - 1; length <= room; length++) {
            long_message(said[i], length, script, heard);
            send_script(fd, script);
            EXPECT_TEXT(hear(fd), heard, "a message of %zu bytes fits, with the name %s", length,
                        said[i]);
        }
        long_message(said[i], room + 1, script, heard);
        send_script(fd, script);
        EXPECT_TEXT(hear(fd), "(close 1009)", "one of %zu bytes does not", room + 1);
        leave(fd);
    }
    server_stop();
}

static void odd_messages(void)
{
    static const struct {
        const char *script, *heard;
    } cases[] = {
        {"81:", "ada: "},
        {"82:", "ada: "},
        {"01: 00: 80:", "ada: "},
        {"01:48 89:70 00:65 80:6c", "ada: Hel"},
        {"01:c3 80:a9", "ada: \u00e9"},
        {"02:c3 80:a9", "ada: \u00e9"},
        {"81:2a206164612068617320", "ada: * ada has "},
        {"82:c3", "(close 1007)"},
        {"82:610061ff", "(close 1007)"},
        {"82:eda080", "(close 1007)"},
    };
    char got[100] = "";
    unsigned opcode = 0;
    int fd;

    server_start(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length;
        unsigned char *bytes = frames(cases[i].script, &length);
        for (size_t cut = 0; cut < length; cut++) {
            fd = join("ada");
            send_bytes(fd, bytes, cut);
            send_bytes(fd, bytes + cut, length - cut);
            EXPECT_TEXT(hear(fd), cases[i].heard, "what %s is heard as, cut at byte %zu",
                        cases[i].script, cut);
            leave(fd);
        }
        free(bytes);
    }
    fd = join("ada");
    send_script(fd, "81:610062");
    EXPECT(receive_frame(fd, &opcode, got, sizeof got) == 8 && memcmp(got, "ada: a\0b", 8) == 0,
           "say must publish all bytes of a message: it may hold a null byte, here between a and b");
    leave(fd);
    server_stop();
}

/* Far more than the ring and the kernel keep for a client that does not read. */
enum { NUMBERED = 14000, BATCH = 100, NUMBERED_BYTES = 600 };

/* Says numbered messages, in batches, and asserts that each comes back. */
static bool say_numbers(int fd)
{
    char text[NUMBERED_BYTES + 1], script[2 * NUMBERED_BYTES + 10], heard[NUMBERED_BYTES + 10];
    size_t length;

    for (int i = 0; i < NUMBERED; i++) {
        unsigned char *bytes;
        char *at = script + sprintf(script, "81:");
        snprintf(text, sizeof text, "%0*d", NUMBERED_BYTES, i);
        for (const char *p = text; *p != '\0'; p++)
            at += sprintf(at, "%02x", (unsigned)*p);
        bytes = frames(script, &length);
        send_bytes(fd, bytes, length);
        free(bytes);
        for (int n = i + 1 - BATCH; i % BATCH == BATCH - 1 && n <= i; n++) {
            snprintf(heard, sizeof heard, "ada: %0*d", NUMBERED_BYTES, n);
            if (!EXPECT(strcmp(hear(fd), heard) == 0,
                        "while another client does not read, message %d must still come back at once: "
                        "nobody may wait for a slow reader, nor hold a lock while it sends",
                        n))
                return false;
        }
    }
    return true;
}

/* Hears them at last: what has come and what was dropped must be all. */
static void hear_numbers(int fd)
{
    unsigned long next = 0, dropped = 0, gaps = 0;

    while (next < NUMBERED) {
        const char *text = hear(fd);
        unsigned long lost = 0, number;
        if (sscanf(text, "* %lu messages were dropped: you read too slowly", &lost) == 1) {
            next += lost;
            dropped += lost;
            continue;
        }
        if (sscanf(text, "ada: %lu", &number) != 1) {
            EXPECT(strcmp(text, "* ada has joined") == 0, "heard %.100s, before message %lu", text,
                   next);
            if (*text == '(')
                return;
            continue;
        }
        gaps += number != next ? 1 : 0;
        next = number + 1;
    }
    EXPECT(dropped > 0, "a client that does not read must learn that it has lost some");
    EXPECT(gaps == 0, "what a slow reader gets and what it is told that it lost must be all: %lu gaps",
           gaps);
}

static void slow_reader(void)
{
    int slow, ada;

    server_start("--timeout", "0");
    dial_buffer = 4096;
    slow = join("slow");
    dial_buffer = 0;
    ada = join("ada");
    if (say_numbers(ada))
        hear_numbers(slow);
    close(slow);
    close(ada);
    server_stop();
}

/* ---- a room full of clients ---- */

#ifdef __SANITIZE_THREAD__
enum { PEOPLE = 50 }; /* each message costs many times as much there, and fifty threads race as well */
#else
enum { PEOPLE = 200 };
#endif
enum { DEAF = 10, SAYINGS = 10, PASSERS = 20, SAID_BYTES = 300 };

/* Somebody who is there from "start" to "end". */
struct person {
    unsigned long hash; /* of all that was heard, in order */
    size_t length;      /* of bytes[] */
    int fd;
    unsigned heard, passed;
    bool listens, done;
    unsigned char bytes[8192]; /* that have come, and no frame's end yet */
};
static struct person people[PEOPLE];
static unsigned sayings[PEOPLE]; /* of each, how many person 0 has heard */

/* A text that has come. The hash is FNV-1a. */
static void take_text(struct person *own, const char *text)
{
    unsigned who, number;

    own->listens = own->listens || strcmp(text, "p0: start") == 0;
    own->done = own->done || strcmp(text, "p0: end") == 0;
    if (!own->listens || own->done)
        return;
    for (const char *p = text; *p != '\0'; p++)
        own->hash = (own->hash ^ (unsigned char)*p) * 1099511628211u;
    own->passed += strncmp(text, "* passer", 8) == 0 ? 1 : 0;
    if (sscanf(text, "p%u: %u", &who, &number) != 2 || who >= PEOPLE)
        return;
    own->heard++;
    if (own == people)
        EXPECT(number == sayings[who]++,
               "each message must come once, and in the order in which it was sent: %.20s", text);
}

/* Takes the frames that have come whole. */
static void take_frames(struct person *own)
{
    size_t at = 0;

    for (;;) {
        uint64_t size;
        size_t header = frame_header(own->bytes + at, own->length - at, &size);
        char text[BROADCAST_BYTES + 1];
        if (header == 0 || own->length - at < header + size || size >= sizeof text)
            break;
        memcpy(text, own->bytes + at + header, size);
        text[size] = '\0';
        take_text(own, text);
        at += header + size;
    }
    own->length -= at;
    memmove(own->bytes, own->bytes + at, own->length);
}

/* Receives what comes to anybody, until it holds of everybody. */
static bool receive_until(bool (*holds)(const struct person *), const char *what)
{
    struct pollfd polled[PEOPLE];
    int left = 1;

    for (int i = 0; i < PEOPLE; i++)
        polled[i] = (struct pollfd){.fd = people[i].fd, .events = POLLIN};
    while (left > 0) {
        left = 0;
        for (int i = 0; i < PEOPLE; i++)
            left += holds(&people[i]) ? 0 : 1;
        if (left == 0)
            break;
        if (!EXPECT(poll(polled, PEOPLE, wait_s() * 1000) > 0,
                    "%d of %d clients have not heard %s, and nothing comes any more", left, PEOPLE,
                    what))
            return false;
        for (int i = 0; i < PEOPLE; i++) {
            struct person *own = &people[i];
            ssize_t n = 0;
            if (polled[i].revents != 0)
                n = recv(own->fd, own->bytes + own->length, sizeof own->bytes - own->length, 0);
            if (!EXPECT(n > 0 || polled[i].revents == 0, "client %d was disconnected", i))
                return false;
            own->length += (size_t)n;
            take_frames(own);
        }
    }
    return true;
}

static bool is_listening(const struct person *own)
{
    return own->listens;
}

static bool has_heard_all(const struct person *own)
{
    return own->heard == PEOPLE * SAYINGS && own->passed == 2 * PASSERS;
}

static bool is_done(const struct person *own)
{
    return own->done;
}

/* Everybody says something, several times; meanwhile others come and go. */
static void say_all(void)
{
    char script[2 * SAID_BYTES + 10], text[SAID_BYTES + 1];

    for (int i = 0; i < SAYINGS; i++) {
        for (int who = 0; who < PEOPLE; who++) {
            char *at = script + sprintf(script, "81:");
            snprintf(text, sizeof text, "%-*d", SAID_BYTES, i);
            for (const char *p = text; *p != '\0'; p++)
                at += sprintf(at, "%02x", (unsigned)*p);
            send_script(people[who].fd, script);
        }
        for (int k = 0; k < PASSERS / SAYINGS; k++)
            close(open_websocket_at("/chat?name=passer"));
    }
}

static void full_room(void)
{
    int deaf[DEAF];
    char path[100];

    server_start("--timeout", "0");
    dial_buffer = 4096;
    for (int i = 0; i < DEAF; i++)
        deaf[i] = open_websocket_at("/chat?name=deaf");
    dial_buffer = 0;
    memset(sayings, 0, sizeof sayings);
    for (int i = 0; i < PEOPLE; i++) {
        snprintf(path, sizeof path, "/chat?name=p%d", i);
        people[i] = (struct person){.fd = open_websocket_at(path), .hash = 14695981039346656037u};
    }
    send_script(people[0].fd, "81:7374617274");
    if (receive_until(is_listening, "the start"))
        say_all();
    if (receive_until(has_heard_all, "everything")) {
        send_script(people[0].fd, "81:656e64");
        receive_until(is_done, "the end");
        for (int i = 1; i < PEOPLE; i++)
            EXPECT(people[i].hash == people[0].hash,
                   "client %d has heard the messages in another order than client 0", i);
    }
    for (int i = 0; i < PEOPLE; i++)
        close(people[i].fd);
    for (int i = 0; i < DEAF; i++)
        close(deaf[i]);
    server_stop();
}

/* ---- the stop ---- */

static void stopping(void)
{
    enum { CLIENTS = 5 };
    unsigned char rest[100];
    int clients[CLIENTS];

    server_start(NULL);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = join("somebody");
    for (int i = 0; i < 50; i++)
        send_script(clients[i % CLIENTS], "81:61");
    server_signal(SIGTERM);
    for (int i = 0; i < CLIENTS; i++) {
        const char *last;
        do
            last = hear(clients[i]);
        while (*last != '(');
        EXPECT_TEXT(last, "(close 1001)", "how client %d learns that the server stops", i);
    }
    for (int i = 0; i < CLIENTS; i++) {
        send_script(clients[i], "88:03e9");
        EXPECT(receive_all(clients[i], rest, sizeof rest) == 0,
               "nothing may come after the Close frame, but %zu bytes did, or %s", received_so_far,
               end_words());
        close(clients[i]);
    }
    EXPECT(child_status(server_pid) == 0, "and the server ends with 0");
}

static const struct test tests[] = {
    {"each subscriber gets each message, in order", ring_for_all, 13, "a ring of fixed size",
     "broadcast_subscribe begins with the next message; take_locked copies the message whose number is "
     "subscriber->next, stores its size, and goes on to the next one. If it hangs at the lock: whoever "
     "takes the ring's lock must unlock it on every way out, broadcast_next too when there is nothing. "
     "broadcast_next looks at subscriber->end before it calls take_locked, also if it need not wait."},
    {"a message wakes everybody who waits", ring_wakes_all, 13, "man 3 pthread_cond_wait",
     "broadcast_publish and broadcast_end call pthread_cond_broadcast, because pthread_cond_signal "
     "wakes only one; broadcast_next waits in a loop (while, not if) until there is a message or an "
     "end."},
    {"no wake-up is lost", ring_loses_no_wakeup, 13, "man 3 pthread_cond_wait",
     "broadcast_next holds the lock from its look whether there is a message until pthread_cond_wait, "
     "which gives the lock up and begins to wait in one step."},
    {"a subscriber that is overtaken learns what it has lost", ring_is_overtaken, 13,
     "a ring of fixed size",
     "If subscriber->next is more than BROADCAST_SLOTS behind ring->next, take_locked moves it to half "
     "a ring behind, and stores in `dropped` how many that left out, and in `number` and `t_us` those "
     "of the last one that it left out."},
    {"many threads publish, and there is one order for all", ring_in_one_order, 13,
     "man 3 pthread_mutex_lock",
     "broadcast_publish takes the time, chooses the slot, counts and copies under the ring's lock, and "
     "broadcast_next calls take_locked with the lock held."},
    {"two threads may write to one client", two_writers, 13, "man 3 pthread_mutex_lock",
     "A client of the chat has two threads that write: stream_write (lesson 5) keeps each frame whole, "
     "under the write lock."},
    {"everybody gets what everybody says", talking, 13, "the chat",
     "chat_serve subscribes, starts the sender, and announces who has joined; then it reads messages, "
     "and say publishes each, with the name in front: by memcpy, because no null terminator follows a "
     "message. send_messages writes what the sender's `next` returns, and flushes the stream before it "
     "waits."},
    {"nothing is left of a client that has gone", nothing_is_left, 13, "man 3 pthread_join",
     "chat_serve calls sender_join at its end: its sender, and the struct that both use, are gone "
     "then."},
    {"a client that does not read holds up nobody, and is told what it lost", slow_reader, 13,
     "a lock is never kept while sending",
     "If it crashes in send_messages: chat_serve must call sender_join before it returns. If texts are "
     "mixed: a static array is shared by all threads. say only publishes; send_messages sends, in a "
     "thread of its client's own, and holds no lock of the ring's meanwhile: broadcast_next has "
     "unlocked it. take_locked counts what was dropped."},
    {"the second thread, by call", sender_sends, 13, "man 7 tcp, TCP_NODELAY",
     "send_messages writes with STREAM_MORE, and calls stream_flush before it waits: what there is goes "
     "together. Its array has room for SENDER_BYTES: an event of the trace is longer than what is "
     "said."},
    {"a thread that cannot be started", no_thread, 13, "man 3 pthread_create",
     "pthread_create returns 0, or a number above 0 that says what is wrong, never -1. sender_start "
     "gives it thread_attributes: without them, each sender has 8 MiB of addresses for its stack."},
    {"a client's name", names, 13, "RFC 3986, section 3.4",
     "chat_name looks for name= in the query, and fails with status 400 if the name is empty, too long, "
     "or has other characters. upgrade (lesson 6) calls route->check before switch_protocols."},
    {"a client without a name is a guest", guests, 13, "the chat",
     "If the request gives no name, chat_name makes guest-N; N is the source's connection number."},
    {"who leaves is announced, whatever way it leaves", leaving, 13, "the chat",
     "When frame_read_message or say fails, chat_serve ends the subscription, then announces who has "
     "left, which is for the others only, and waits for the sender. The Close frame then comes last."},
    {"empty and long messages", limits, 13, "the size of a slot",
     "say compares the message's length with what is left of BROADCAST_BYTES after the name and \": "
     "\". It copies the message with memcpy: snprintf ends at a null byte, and needs room for one."},
    {"fragments, bytes that are not UTF-8, pieces", odd_messages, 13, "RFC 6455, section 8.1",
     "say checks every message with utf8_check, also whether a character is cut off at the end, and "
     "fails with CLOSE_INVALID_PAYLOAD. An empty message may come without memory: bytes is NULL then."},
    {"200 clients hear the same in the same order", full_room, 13, "one ring, one order",
     "All that is said goes through broadcast_publish, which numbers it under the lock. say needs a "
     "local variable for its line, and send_messages one for its text: a static one is shared by all "
     "threads."},
    {"at a stop everybody gets 1001, once and last", stopping, 14, "RFC 6455, section 7.4.1",
     "A client of the chat is told like any other: clients_stop wakes its worker. Its sender must not "
     "send after the Close frame (STREAM_LAST, lesson 11), nor hold up the end."},
    {0},
};

int main(void)
{
    return run_suite("13 the server speaks first", tests);
}
