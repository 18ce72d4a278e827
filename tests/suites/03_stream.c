/* 03_stream.c - lines and exact reads from a stream that comes in any pieces */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

static struct stream s;

/* Two connected TCP sockets, with buffers of a size; 0: of the usual one. */
static void tcp_pair_of(int ends[2], int size)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (size > 0) {
        setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        setsockopt(ends[1], SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    if (bind(listener, (struct sockaddr *)&at, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &length) != 0 ||
        connect(ends[1], (struct sockaddr *)&at, length) != 0)
        abort(); /* without two sockets there is nothing to test */
    ends[0] = accept(listener, NULL, NULL);
    close(listener);
}

static void tcp_pair(int ends[2])
{
    tcp_pair_of(ends, 10000);
}

/* Reads lines until one cannot be read, and describes them: "[GET /] [] end"; where *length is not that of the
 * line, it is told as well. */
static const char *lines_of(const char *bytes, size_t length, size_t cut, size_t size)
{
    static char told[70000];
    static const char *const ends[] = {[STREAM_EOF] = "end",
                                       [STREAM_ERROR] = "error",
                                       [STREAM_TOO_LONG] = "too long",
                                       [STREAM_NOT_TEXT] = "not text",
                                       [STREAM_CLOSED] = NULL};
    static char line[20000];
    struct feeding f;
    size_t n = 0, got;

    feed_start(&f, bytes, length, cut, true);
    stream_open(&s, f.fd);
    while (memset(line, '#', size), got = size, stream_read_line(&s, line, size, &got) == 0)
        n += (size_t)snprintf(told + n, sizeof told - n,
                              strlen(line) >= size  ? "[a line without a null terminator] "
                              : got == strlen(line) ? "[%s] "
                                                    : "[%s, *length %zu] ",
                              line, got);
    snprintf(told + n, sizeof told - n, "%s",
             ends[s.cause] != NULL ? ends[s.cause] : "a cause that does not belong here");
    feed_finish(&f);
    stream_close(&s);
    return told;
}

static void expect_lines(const char *bytes, size_t length, const char *wanted)
{
    EXPECT_TEXT(lines_of(bytes, length, FEED_WHOLE, 100), wanted, "in one piece");
    EXPECT_TEXT(
        lines_of(bytes, length, FEED_EACH, 100), wanted,
        "byte by byte: one recv is not one line, and the LF after a CR may come with the next recv");
    for (size_t cut = 1; cut < length; cut++)
        EXPECT_TEXT(lines_of(bytes, length, cut, 100), wanted, "cut at byte %zu", cut);
}
#define EXPECT_LINES(bytes, wanted) expect_lines((bytes), sizeof(bytes) - 1, (wanted))

/* Why the last read has failed. */
static const char *cause_in_words(void)
{
    return s.cause == STREAM_OK ? "none, STREAM_OK" : stream_reason(&s);
}

/* Reads so much that it does not come by way of the buffer, and so without stream_fill. errno is old. */
static void receive_tells_the_end(void)
{
    static unsigned char to[STREAM_BUFFER_BYTES];
    struct feeding f;
    size_t got = 0;
    int result;

    feed_start(&f, "", 0, FEED_WHOLE, true);
    stream_open(&s, f.fd);
    errno = ECONNRESET;
    result = stream_read_some(&s, to, sizeof to, &got);
    EXPECT(
        result == -1,
        "recv returns 0, because the client has ended the connection: receive must fail, and so return "
        "-1, but it returned %d",
        result);
    EXPECT(s.cause == STREAM_EOF,
           "recv returns 0, because the client has ended the connection: receive must fail with "
           "STREAM_EOF, but the cause is: %s (recv sets errno only if it returns -1)",
           cause_in_words());
    feed_finish(&f);
    stream_close(&s);
}

/* Else stream_read_line takes bytes that nobody has sent, or never ends. */
static void fill_tells_the_end(void)
{
    struct feeding f;

    receive_tells_the_end();
    feed_start(&f, "", 0, FEED_WHOLE, true);
    stream_open(&s, f.fd);
    EXPECT(
        stream_fill(&s) == -1 && s.in_start == s.in_end,
        "the client has ended the connection: stream_fill must return what wait_and_receive returned, "
        "and add nothing");
    feed_finish(&f);
    stream_close(&s);
}

static void lines(void)
{
    EXPECT_LINES("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "[GET / HTTP/1.1] [Host: x] [] end");
    EXPECT_LINES("one\ntwo\r\n\nthree\n", "[one] [two] [] [three] end");
    EXPECT_LINES(" spaces stay \r\n", "[ spaces stay ] end");
    EXPECT_TEXT(
        lines_of("half a line", 11, FEED_WHOLE, 100), "end",
        "the client leaves in a line: stream_read_line returns -1, because only an LF ends a line");
    EXPECT_LINES("", "end");
}

static void not_text(void)
{
    EXPECT_LINES("one\r\ntwo\0\r\n", "[one] not text");
    EXPECT_LINES("\x16\x03\x01\x02", "not text"); /* how a TLS connection begins */
    EXPECT_LINES("a CR\rin the middle\n", "not text");
    EXPECT_LINES("two CRs\r\r\n", "not text");
    EXPECT_LINES("escape \x1b[31m\n", "not text");
    EXPECT_LINES("delete \x7f\n", "not text");
    EXPECT_LINES("tab\tstays, and \x80\xff too\n", "[tab\tstays, and \x80\xff too] end");
    EXPECT_TEXT(lines_of("123456789\x01\n", 11, FEED_WHOLE, 10), "not text",
                "a control character for which there is no room is no text first");
}

/* One after the other here, which two threads are as well if they share something. */
static void two_clients(void)
{
    EXPECT_TEXT(lines_of("a\r", 2, FEED_WHOLE, 100), "end", "a client that leaves after a CR");
    EXPECT_TEXT(lines_of("\n", 1, FEED_WHOLE, 100), "[] end",
                "the next client begins with an LF, and gets what the one before has left");
}

static void long_lines(void)
{
    EXPECT_TEXT(lines_of("123456789\n", 10, FEED_WHOLE, 10), "[123456789] end", "nine fit in ten");
    EXPECT_TEXT(lines_of("1234567890\n", 11, FEED_WHOLE, 10), "too long", "ten do not");
    EXPECT_TEXT(lines_of("12345678\r\n", 10, FEED_WHOLE, 10), "[12345678] end",
                "eight, a CR and a null terminator fit in ten");
    EXPECT_TEXT(lines_of("123456789\r\n", 11, FEED_WHOLE, 10), "too long",
                "nine, a CR and a null terminator do not: a CR is stored in line, so it needs room");
    EXPECT_TEXT(lines_of("123456789012", 12, FEED_WHOLE, 10), "too long", "without an end at all");
}

/* If a line cannot be read to its end, the caller gets to know how much of it had come. */
static void broken_lines(void)
{
    static const struct {
        const char *bytes;
        size_t length;
    } cases[] = {{"", 0},        {"half a line", 11}, {"\x01", 0},
                 {"abc\x01", 3}, {"abc\rx", 4},       {"1234567890", 9}};
    struct feeding f;
    char line[10] = "";

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t room = cases[i].length == 11 ? 100 : sizeof line, got = 1000;
        char longer[100];
        feed_start(&f, cases[i].bytes, strlen(cases[i].bytes), FEED_WHOLE, true);
        stream_open(&s, f.fd);
        EXPECT(stream_read_line(&s, room > sizeof line ? longer : line, room, &got) == -1 &&
                   got == cases[i].length,
               "of \"%s\" in %zu bytes, %zu characters have come when it fails, but *length is %zu",
               cases[i].bytes, room, cases[i].length, got);
        feed_finish(&f);
        stream_close(&s);
    }
}

/* Whoever called stream_read_line asks why it has failed: 408 or 503, say, and not 400. */
static void expect_cause(enum stream_cause wanted, const char *why, size_t arrived)
{
    char line[10];
    size_t got = 1000;
    int result = stream_read_line(&s, line, sizeof line, &got);

    EXPECT(
        result == -1 && s.cause == wanted,
        "%s: stream_read_line must return -1 and leave the cause that stream_fill has stored, %u, but "
        "it returned %d, and the cause is %u: %s",
        why, wanted, result, s.cause, stream_reason(&s));
    EXPECT(got == arrived, "%s: %zu characters have come, but *length is %zu", why, arrived, got);
}

static void causes_stay(void)
{
    static const struct {
        enum stream_cause cause;
        const char *why;
    } wakes[] = {{STREAM_IDLE, "the client's time is up in the middle of a line"},
                 {STREAM_STOPPING, "the server stops in the middle of a line"}};
    struct feeding f;

    for (size_t i = 0; i < sizeof wakes / sizeof wakes[0]; i++) {
        feed_start(&f, "GET", 3, FEED_WHOLE, true);
        stream_open(&s, f.fd);
        EXPECT(stream_fill(&s) == 0 && stream_waiting(&s) == 3, "three bytes");
        atomic_store(&s.wake, wakes[i].cause);
        expect_cause(wakes[i].cause, wakes[i].why, 3);
        feed_finish(&f);
        stream_close(&s);
    }
    stream_open(&s, -1);
    expect_cause(STREAM_ERROR, "there is no socket at all (EBADF)", 0);
    stream_close(&s);
}

/* How much this thread has worked, in seconds, and how often it has gone to sleep. */
static struct rusage thread_usage(void)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_THREAD, &usage);
    return usage;
}

static atomic_bool has_received, was_late;

/* A reader that waits for more than the byte gets the end. */
static void *send_later(void *far_fd)
{
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    send_bytes(*(int *)far_fd, "x", 1);
    for (int i = 0; i < 100 * (wait_s() - 1) && !has_received; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    was_late = !has_received;
    shutdown(*(int *)far_fd, SHUT_WR);
    return NULL;
}

/* recv waits by itself. */
static void a_wait_costs_nothing(void)
{
    struct rusage before, after;
    struct feeding f;
    pthread_t sender;
    double used;
    int result;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    EXPECT(pthread_create(&sender, NULL, send_later, &f.far_fd) == 0, "a thread");
    before = thread_usage();
    result = stream_fill(&s);
    has_received = true;
    after = thread_usage();
    pthread_join(sender, NULL);
    EXPECT(result == 0 && stream_waiting(&s) == 1, "a byte that comes after 0.3 s must be received");
    EXPECT(!was_late,
           "a byte that came after 0.3 s was returned only when the client had ended: recv must return "
           "with what is there, without MSG_WAITALL");
    used = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
                    before.ru_stime.tv_sec) +
           (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
                    before.ru_stime.tv_usec) /
               1e6;
    EXPECT(used < 0.005,
           "while nothing came for 0.3 s, the function has worked for %.2f s: recv waits by itself",
           used);
    EXPECT(after.ru_nvcsw - before.ru_nvcsw < 10,
           "while nothing came for 0.3 s, the function has slept %ld times: recv waits by itself",
           after.ru_nvcsw - before.ru_nvcsw);
    feed_finish(&f);
    stream_close(&s);
}

/* Waiting bytes at the very end of the buffer: they must move to make room, and stay what they are. */
static void full_buffer_with(size_t waiting)
{
    static unsigned char bytes[2 * STREAM_BUFFER_BYTES];
    struct feeding f;
    int result = 0;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i % 251);
    feed_start(&f, bytes, sizeof bytes, FEED_WHOLE, true);
    stream_open(&s, f.fd);
    while (result == 0 && s.in_end < sizeof s.in)
        result = stream_fill(&s);
    EXPECT(result == 0,
           "the buffer is not full (bytes free: %zu), so stream_fill must receive, but it fails: %s "
           "(stream_fill and receive must pass on all of the room: asked for 0 bytes, recv returns 0)",
           sizeof s.in - s.in_end, cause_in_words());
    EXPECT(memcmp(s.in, bytes, sizeof s.in) == 0,
           "filled until it is full, the buffer must hold all bytes in order");
    s.in_start = sizeof s.in - waiting;
    result = stream_fill(&s);
    EXPECT(result == 0 && s.in_end - s.in_start > waiting,
           "the buffer was full to its end, and its last %d bytes wait: a fill must make room and add "
           "to them (in_end += got), but it returned %d, with %zu waiting",
           (int)waiting, result, s.in_end - s.in_start);
    EXPECT(
        s.in_end <= sizeof s.in,
        "stream_fill has received %zu bytes past the end of the buffer: the room is what is free after "
        "in_end",
        s.in_end - sizeof s.in);
    EXPECT(s.in_end <= sizeof s.in &&
               memcmp(s.in + s.in_start, bytes + sizeof s.in - waiting, s.in_end - s.in_start) == 0,
           "the bytes that waited must be the same after a move, and what came must follow them");
    feed_finish(&f);
    stream_close(&s);
}

/* A reader that never takes all: little waits, at the end of what is nearly full, and much comes. */
static void never_empty(void)
{
    static unsigned char bytes[5 * STREAM_BUFFER_BYTES];
    struct feeding f;

    feed_start(&f, bytes, sizeof bytes, STREAM_BUFFER_BYTES - 100, true);
    stream_open(&s, f.fd);
    while (stream_fill(&s) == 0) {
        if (!EXPECT(s.in_end <= sizeof s.in,
                    "stream_fill has received past the end of the buffer, by %zu bytes: there is room "
                    "only after in_end, whatever was taken before in_start",
                    s.in_end - sizeof s.in))
            break;
        stream_skip(&s, stream_waiting(&s) - 1);
    }
    feed_finish(&f);
    stream_close(&s);
}

static void full_buffer(void)
{
    never_empty();
    full_buffer_with(100);
    full_buffer_with(STREAM_BUFFER_BYTES - 100); /* where they were and where they go overlap */
    full_buffer_with(STREAM_BUFFER_BYTES - 1);
}

/* What recv may return besides bytes. */
static void told_apart(void)
{
    struct linger at_once = {.l_onoff = 1}; /* close sends a reset */
    struct feeding f;
    int ends[2];

    feed_start(&f, "", 0, FEED_WHOLE, true);
    stream_open(&s, f.fd);
    EXPECT(stream_fill(&s) == -1 && s.cause == STREAM_EOF,
           "recv returns 0: the client will send nothing more, but the cause is: %s", cause_in_words());
    EXPECT(s.in_start == s.in_end, "if nothing came, nothing must wait");
    feed_finish(&f);
    stream_close(&s);
    stream_open(&s, -1);
    EXPECT(stream_fill(&s) == -1 && s.cause == STREAM_ERROR,
           "there is no socket at all (EBADF), but the cause is: %s", cause_in_words());
    EXPECT(s.in_start == s.in_end,
           "if recv has failed, nothing came, but %zd bytes wait: the -1 that it returned is no number "
           "of bytes",
           (ssize_t)stream_waiting(&s));
    stream_close(&s);
    tcp_pair(ends);
    setsockopt(ends[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(ends[1]);
    stream_open(&s, ends[0]);
    EXPECT(stream_fill(&s) == -1 && s.cause == STREAM_ERROR,
           "the client has reset the connection (ECONNRESET), but the cause is: %s", cause_in_words());
    stream_close(&s);
}

static void on_disturbance(int number)
{
    (void)number;
}

/* A thread that waits, and one that disturbs it: with a signal every 2 ms. After so many of them something
 * happens; they go on until the waiting is over. */
enum { QUIET_SIGNALS = 50, MOST_SIGNALS = 2000 };
struct disturbance {
    pthread_t disturbed, thread;
    int signal;
    int far_fd;              /* then a byte is sent here, */
    enum stream_cause cause; /* or if this is set, it is stored in s.wake */
    atomic_bool over;
};

static void *disturb(void *argument)
{
    struct disturbance *d = argument;

    for (int i = 0; i < MOST_SIGNALS && !d->over; i++) {
        if (i == QUIET_SIGNALS && d->cause != STREAM_OK)
            atomic_store(&s.wake, d->cause);
        else if (i == QUIET_SIGNALS)
            send_bytes(d->far_fd, "x", 1);
        pthread_kill(d->disturbed, d->signal);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    shutdown(d->far_fd, SHUT_RDWR); /* so that no reader stays */
    return NULL;
}

static void begin_disturbance(struct disturbance *d)
{
    struct sigaction action = {.sa_handler = on_disturbance}; /* no SA_RESTART: calls are interrupted */

    sigaction(d->signal, &action, NULL);
    d->disturbed = pthread_self();
    d->over = false;
    EXPECT(pthread_create(&d->thread, NULL, disturb, d) == 0, "a thread that sends signals");
}

static void end_disturbance(struct disturbance *d)
{
    d->over = true;
    pthread_join(d->thread, NULL);
}

static int fill_disturbed(struct disturbance *d)
{
    int result;

    begin_disturbance(d);
    result = stream_fill(&s);
    end_disturbance(d);
    return result;
}

/* errno is set only by a call that fails. Whoever waits again for it alone would do so for ever: a wake ends that
 * here. */
static void an_old_errno(void)
{
    struct feeding f;
    int result;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    shutdown(f.far_fd, SHUT_WR);
    stream_open(&s, f.fd);
    struct disturbance d = {.signal = SIGUSR1, .far_fd = f.far_fd, .cause = STREAM_IDLE};
    begin_disturbance(&d);
    errno = EINTR;
    result = stream_fill(&s);
    end_disturbance(&d);
    EXPECT(
        result == -1 && s.cause == STREAM_EOF,
        "recv returns 0, the client's end, and errno is still EINTR from an earlier call: receive may "
        "look at errno only if recv has returned -1; it fails with: %s",
        stream_reason(&s));
    feed_finish(&f);
    stream_close(&s);
}

/* A debugger, for one, interrupts every call that waits. */
static void signals_end_no_wait(void)
{
    struct feeding f;

    feed_start(&f, "ab", 2, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    EXPECT(stream_fill(&s) == 0 && stream_waiting(&s) == 2, "two bytes");
    int result = fill_disturbed(&(struct disturbance){.signal = SIGUSR1, .far_fd = f.far_fd});
    EXPECT(result == 0 && stream_waiting(&s) == 3,
           "signals that mean nothing must not end a read, but the cause is: %s", stream_reason(&s));
    EXPECT(memcmp(stream_next(&s), "abx", 3) == 0,
           "after an interruption, the bytes that waited must still be there");
    feed_finish(&f);
    stream_close(&s);
}

/* More than the buffer holds, in lines that do not divide its size. */
static void across_the_buffer(void)
{
    enum { each = 1021, count = 50, length = each * count };
    static char bytes[length];
    char wanted[1100];
    const char *told;

    memset(bytes, 'x', length);
    for (size_t i = 1; i <= count; i++)
        bytes[i * each - 1] = '\n';
    told = lines_of(bytes, length, FEED_WHOLE, 1100);
    memset(wanted, 'x', each - 1);
    wanted[each - 1] = '\0';
    for (size_t i = 0; i < count; i++, told += each + 2)
        EXPECT(*told == '[' && strncmp(told + 1, wanted, each - 1) == 0 && told[each] == ']',
               "line %zu of %d: 1020 letters x must come, but came: %.40s", i, (int)count, told);
    EXPECT_TEXT(told, "end", "after the last line");
}

/* Makes n bytes wait, and takes them. */
static bool take(void *to, size_t n)
{
    if (stream_need(&s, n) != 0 || stream_waiting(&s) < n)
        return false;
    memcpy(to, stream_next(&s), n);
    stream_skip(&s, n);
    return true;
}

static void exactly(void)
{
    static const char bytes[] = "abcdefghij";
    char got[8];

    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct feeding f;
        feed_start(&f, bytes, 10, cut == 0 ? FEED_EACH : cut, true);
        stream_open(&s, f.fd);
        EXPECT(take(got, 2) && memcmp(got, "ab", 2) == 0, "cut at %zu", cut);
        EXPECT(take(got, 8) && memcmp(got, "cdefghij", 8) == 0, "cut at %zu", cut);
        EXPECT(stream_need(&s, 1) == -1 && s.cause == STREAM_EOF, "then comes the end");
        feed_finish(&f);
        stream_close(&s);
    }
}

/* A wake in the middle must lose nothing, and is for one read: the next call goes on. */
static void wake_loses_nothing(void)
{
    struct feeding f;
    char got[4];

    feed_start(&f, "ab", 2, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    EXPECT(stream_need(&s, 2) == 0, "two bytes");
    atomic_store(&s.wake, STREAM_IDLE);
    EXPECT(stream_need(&s, 4) == -1 && s.cause == STREAM_IDLE, "two of four bytes, and a wake: %s",
           stream_reason(&s));
    send_bytes(f.far_fd, "cd", 2);
    EXPECT(take(got, 4) && memcmp(got, "abcd", 4) == 0,
           "after a wake, the first two bytes must still be there");
    feed_finish(&f);
    stream_close(&s);
}

static void expect_ab(const char *after)
{
    EXPECT(
        stream_waiting(&s) == 2 && memcmp(stream_next(&s), "ab", 2) == 0,
        "if nothing arrives, stream_fill must leave the bytes that wait as they are: \"ab\" waited, but "
        "after %s, %zu bytes wait: \"%.*s\"",
        after, stream_waiting(&s), stream_waiting(&s) == 2 ? 2 : 0, (const char *)stream_next(&s));
}

/* Main stores the cause, and sends a signal; that it may come just before recv is why it comes again. The thread
 * that sends it ends the stream then. */
static void wake_ends_a_wait(void)
{
    static const enum stream_cause causes[] = {STREAM_IDLE, STREAM_STOPPING};
    static const char *const names[] = {"STREAM_IDLE", "STREAM_STOPPING"};
    struct feeding f;

    for (size_t i = 0; i < 2; i++) {
        feed_start(&f, "ab", 2, FEED_WHOLE, false);
        stream_open(&s, f.fd);
        EXPECT(stream_fill(&s) == 0 && stream_waiting(&s) == 2, "two bytes");
        int result = fill_disturbed(
            &(struct disturbance){.signal = SIGURG, .far_fd = f.far_fd, .cause = causes[i]});
        EXPECT(result == -1 && s.cause == causes[i],
               "a read that waits must fail with the cause that main has stored, %s, but the cause is: "
               "%s",
               names[i], cause_in_words());
        expect_ab("a wake");
        EXPECT(stream_fill(&s) == -1 && s.cause == STREAM_EOF,
               "the client has ended the connection: stream_fill must fail with STREAM_EOF, but: %s",
               stream_reason(&s));
        expect_ab("the client's end");
        feed_finish(&f);
        stream_close(&s);
    }
}

/* What receive stores its number in. wait_and_receive sets it to 0, but only once: an interruption puts another
 * number there, and receive is called again. */
static size_t arrived;

struct interruption {
    pthread_t reader;
    pid_t reader_id;
    int far_fd;
    atomic_bool reading, came;
};
static struct interruption interruption;

static void on_interruption(int number)
{
    (void)number;
    arrived = 4711;
    interruption.came = true;
}

/* Whether the reader sleeps: then it is in recv. A receive that sets *got before recv has done so by then. */
static bool reader_sleeps(void)
{
    char path[50], state = '?';
    FILE *file;

    if (!interruption.reading)
        return false;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)interruption.reader_id);
    file = fopen(path, "r");
    if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = '?';
    if (file != NULL)
        fclose(file);
    return state == 'S';
}

static bool was_interrupted(void)
{
    return interruption.came;
}

/* If the reader does not come to wait, it is not interrupted, and nothing is shown. */
static void *interrupt_and_end(void *unused)
{
    if (eventually(reader_sleeps)) {
        pthread_kill(interruption.reader, SIGUSR1);
        eventually(was_interrupted);
    }
    shutdown(interruption.far_fd, SHUT_WR);
    return unused;
}

static void nothing_arrived(void)
{
    static unsigned char
        to[STREAM_BUFFER_BYTES]; /* so much that it does not come by way of the buffer */
    struct sigaction action = {.sa_handler = on_interruption};
    struct feeding f;
    pthread_t thread;
    int result;

    needs_proc();
    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    interruption.reader = pthread_self();
    interruption.reader_id = gettid();
    interruption.far_fd = f.far_fd;
    sigaction(SIGUSR1, &action, NULL);
    EXPECT(pthread_create(&thread, NULL, interrupt_and_end, NULL) == 0, "a thread");
    interruption.reading = true;
    result = stream_read_some(&s, to, sizeof to, &arrived);
    pthread_join(thread, NULL);
    EXPECT(
        result == -1 && arrived == 0,
        "if recv fails or returns 0, receive must store 0 in *got, but *got still holds %zu, which was "
        "there before",
        arrived);
    feed_finish(&f);
    stream_close(&s);
}

/* By another thread, in the middle of a send that takes long: reading goes on meanwhile. */
static void reading_beside_a_writer(void)
{
    struct feeding f;

    feed_start(&f, "x", 1, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    EXPECT(stream_write(&s, "pending", 7, NULL, 0, STREAM_MORE) == 0, "a write that waits");
    pthread_mutex_lock(&s.write_lock);
    EXPECT(stream_fill(&s) == 0, "a read must not wait for the write lock");
    pthread_mutex_unlock(&s.write_lock);
    feed_finish(&f);
    stream_close(&s);
}

static void some(void)
{
    static unsigned char bytes[3 * STREAM_BUFFER_BYTES], to[sizeof bytes];
    struct feeding f;
    size_t got, all = 0;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i % 251);
    feed_start(&f, bytes, sizeof bytes, 100, true);
    stream_open(&s, f.fd);
    while (stream_read_some(&s, to + all, all < 1000 ? 7 : sizeof to - all, &got) == 0)
        all += got;
    EXPECT(all == sizeof bytes && memcmp(to, bytes, all) == 0,
           "small and large reads must give every byte once: %zu of %zu", all, sizeof bytes);
    feed_finish(&f);
    stream_close(&s);
}

/* What was written must be sent before a read waits: the peer may be waiting for it. */
static void flush_before_waiting(void)
{
    struct feeding f;
    char answer[6] = "";

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    EXPECT(stream_write(&s, "ab", 2, "cd", 2, STREAM_MORE) == 0 &&
               stream_write(&s, "e", 1, NULL, 0, STREAM_MORE) == 0,
           "write");
    EXPECT(recv(f.far_fd, answer, 5, MSG_DONTWAIT) < 0, "small writes wait in the buffer");
    atomic_store(&s.wake, STREAM_IDLE); /* so that the read does not wait */
    EXPECT(stream_fill(&s) == -1 && s.cause == STREAM_IDLE, "nothing comes");
    EXPECT(recv(f.far_fd, answer, 5, MSG_DONTWAIT) == 5 && memcmp(answer, "abcde", 5) == 0,
           "by then all that was written must have been sent: %s", answer);
    feed_finish(&f);
    stream_close(&s);
}

/* A large write through a small socket buffer, interrupted by signals: it takes many sends, each of a part.
 * Another process reads meanwhile, not at once. */
static void large_write(void)
{
    struct disturbance d = {.signal = SIGUSR1, .far_fd = -1};
    static unsigned char bytes[1 << 20], got[sizeof bytes + 3];
    int ends[2], small = 2000;
    pid_t reader;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i % 251);
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    reader = fork();
    if (reader == 0) {
        close(ends[0]); /* else the end would never come */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        bool same = receive_bytes(ends[1], got, sizeof got) && memcmp(got, "abc", 3) == 0 &&
                    memcmp(got + 3, bytes, sizeof bytes) == 0;
        _exit(same && recv(ends[1], got, 1, 0) == 0 ? 0 : 1);
    }
    close(ends[1]);
    stream_open(&s, ends[0]);
    EXPECT(stream_write(&s, "a", 1, NULL, 0, STREAM_MORE) == 0, "a small write");
    begin_disturbance(&d);
    EXPECT(stream_write(&s, "bc", 2, bytes, sizeof bytes, STREAM_MORE) == 0,
           "a large write of many sends, some of which a signal interrupts (EINTR), must go on");
    end_disturbance(&d);
    EXPECT(s.out_length <= sizeof s.out, "the write buffer has room for %zu bytes, and got %zu",
           sizeof s.out, s.out_length);
    stream_linger(&s);
    EXPECT(child_status(reader) == 0,
           "the other side must get every byte, in order, and the end (a send may take only a part)");
    stream_close(&s);
}

/* A signal that interrupts recv is not the client's end. */
static void linger_interrupted(void)
{
    struct disturbance d = {.signal = SIGUSR1, .far_fd = -1};
    struct feeding f;
    double began = clock_s(), took;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    begin_disturbance(&d);
    stream_linger(&s);
    end_disturbance(&d);
    took = clock_s() - began;
    EXPECT(took > LINGER_S - 0.5,
           "signals interrupt recv (EINTR), and stream_linger must go on until the client ends, or for "
           "LINGER_S seconds, but it returned after %.1f s",
           took);
    feed_finish(&f);
    stream_close(&s);
}

/* A head and a body, a header and a payload: the client gets two pieces as one segment. */
static void one_send(void)
{
    static const size_t sizes[][3] = {/* what waits, and two pieces */
                                      {0, 10, 20},  {0, 2, 400},    {0, 300, 300}, {0, 10, 0},
                                      {50, 10, 20}, {50, 300, 300}, {0, 0, 10}};
    static unsigned char bytes[1000];
    int ends[2];

    needs_proc();
    tcp_pair(ends);
    stream_open(&s, ends[0]);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t waiting = sizes[i][0], first = sizes[i][1], second = sizes[i][2];
        unsigned before = segments_received(ends[1]), after;
        if (waiting > 0)
            stream_write(&s, bytes, waiting, NULL, 0, STREAM_MORE);
        stream_write(&s, bytes, first, bytes, second, 0);
        EXPECT(receive_bytes(ends[1], bytes, waiting + first + second), "%zu, %zu and %zu bytes",
               waiting, first, second);
        after = segments_received(ends[1]);
        EXPECT(after - before == 1,
               "%zu bytes that wait, %zu and %zu that are written must go with one send: %u", waiting,
               first, second, after - before);
    }
    stream_close(&s);
    close(ends[1]);
}

/* A large write is several sends, and only the last one may let a segment go. */
static void few_segments(void)
{
    enum { WAITING = 100, FIRST = 10, SECOND = STREAM_BUFFER_BYTES + 1 };
    static unsigned char bytes[WAITING + FIRST + SECOND];
    unsigned segments;
    int ends[2], mss = 0;
    socklen_t size = sizeof mss;

    tcp_pair_of(ends, 0);
    getsockopt(ends[1], IPPROTO_TCP, TCP_MAXSEG, &mss, &size);
    needs(mss > (int)sizeof bytes, "a loopback whose segments are larger than the read buffer");
    stream_open(&s, ends[0]);
    stream_write(&s, bytes, WAITING, NULL, 0, STREAM_MORE);
    stream_write(&s, bytes, FIRST, bytes, SECOND, 0);
    EXPECT(receive_bytes(ends[1], bytes, sizeof bytes), "a large write, behind what waits");
    segments = segments_received(ends[1]);
    EXPECT(segments < 3,
           "%d bytes that wait, and a large write of two pieces, %d and %d, must not be a segment each: "
           "send_all_locked must give send its msg_more; but there are %u",
           WAITING, FIRST, SECOND, segments);
    stream_close(&s);
    close(ends[1]);
}

/* Nobody takes our bytes any more, though the client could still send: who reads gets to know that. */
static void reader_is_told(void)
{
    struct feeding f;
    char byte;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    shutdown(f.far_fd, SHUT_RD);
    EXPECT(stream_write(&s, "x", 1, NULL, 0, 0) == -1,
           "a write that nobody can receive must fail: write_locked returns -1 if sending fails");
    EXPECT(recv(s.fd, &byte, 1, MSG_DONTWAIT) == 0,
           "after a send that failed, whoever reads must get the end of the connection, not wait on");
    feed_finish(&f);
    stream_close(&s);
}

/* A write that nobody can receive, while other bytes wait in the buffer. */
static void expect_failure(size_t waiting, size_t first, size_t second, const char *about)
{
    static const unsigned char bytes[STREAM_BUFFER_BYTES + 1];
    struct feeding f;
    int result;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    shutdown(f.far_fd, SHUT_RD);
    if (waiting > 0)
        stream_write(&s, bytes, waiting, NULL, 0, STREAM_MORE);
    result = stream_write(&s, bytes, first, bytes, second, 0);
    EXPECT(s.write_cause != STREAM_OK,
           "after a send that failed, send_all_locked must store the cause in s->write_cause, which is "
           "still STREAM_OK");
    EXPECT(
        result == -1,
        "write_locked must return what flush_locked and send_large_locked return, and so -1 if nobody "
        "can receive, but returned %d: %s",
        result, about);
    feed_finish(&f);
    stream_close(&s);
}

/* A large write is made of two sends, also if its second piece is empty; the first one has failed. */
static void failure_is_returned(void)
{
    expect_failure(0, STREAM_BUFFER_BYTES + 1, 1,
                   "write_locked must return what send_large_locked has returned");
    expect_failure(0, STREAM_BUFFER_BYTES + 1, 0,
                   "send_all_locked must return -1 after a failure, also if it is given 0 bytes");
    expect_failure(100, 1000, 0, "write_locked must return what flush_locked has returned");
}

/* What is small waits for what follows, and for nothing else. */
static void more_or_not(void)
{
    struct feeding f;
    char got[10] = "";

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    stream_write(&s, "ab", 2, "c", 1, STREAM_MORE);
    EXPECT(recv(f.far_fd, got, 9, MSG_DONTWAIT) < 0,
           "if more follows, a small write waits in the buffer");
    stream_write(&s, "d", 1, "ef", 2, 0);
    EXPECT(recv(f.far_fd, got, 9, MSG_DONTWAIT) == 6,
           "if nothing more follows, all that waits must be sent at once");
    EXPECT_TEXT(got, "abcdef", "what waited goes first");
    feed_finish(&f);
    stream_close(&s);
}

/* At the limits between what is small, what fits the buffer, and what is large. Each piece is written
 * alone, and behind one byte that waits. */
static void sizes_of_writes(void)
{
    static const size_t sizes[] = {
        511, 512, 513, 1000, STREAM_BUFFER_BYTES - 1, STREAM_BUFFER_BYTES, STREAM_BUFFER_BYTES + 1};
    static unsigned char bytes[STREAM_BUFFER_BYTES + 1], got[sizeof bytes + 1];
    struct feeding f;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i % 251);
    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        EXPECT(stream_write(&s, bytes, 2, bytes + 2, sizes[i] - 2, 0) == 0 &&
                   receive_bytes(f.far_fd, got, sizes[i]) && memcmp(got, bytes, sizes[i]) == 0,
               "%zu bytes alone", sizes[i]);
        stream_write(&s, "x", 1, NULL, 0, STREAM_MORE);
        EXPECT(stream_write(&s, bytes, 2, bytes + 2, sizes[i] - 2, STREAM_MORE) == 0, "a write");
        EXPECT(s.out_length <= STREAM_BUFFER_BYTES,
               "the write buffer has room for %zu bytes, but %zu wait", sizeof s.out, s.out_length);
        EXPECT(stream_flush(&s) == 0 && receive_bytes(f.far_fd, got, sizes[i] + 1) && got[0] == 'x' &&
                   memcmp(got + 1, bytes, sizes[i]) == 0,
               "%zu bytes behind another", sizes[i]);
    }
    feed_finish(&f);
    stream_close(&s);
}

static volatile sig_atomic_t sigpipes;

static void count_sigpipe(int number)
{
    (void)number;
    sigpipes++;
}

static void peer_is_gone(void)
{
    struct feeding f;
    int result = 0;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    sigpipes = 0;
    signal(SIGPIPE, count_sigpipe);
    shutdown(f.far_fd, SHUT_RDWR);
    EXPECT(stream_write(&s, "x", 1, NULL, 0, STREAM_MORE) == 0, "a small write only waits");
    result = stream_flush(&s);
    EXPECT(sigpipes == 0,
           "a peer that is gone must be an error, but SIGPIPE came, which ends a process");
    EXPECT(result == -1 && s.write_cause == STREAM_ERROR,
           "a peer that is gone is an error: %d, and the cause %u", result, s.write_cause);
    EXPECT(stream_write(&s, "x", 1, NULL, 0, STREAM_MORE) == -1 && s.write_cause == STREAM_ERROR,
           "and stays one: the next write must fail too");
    signal(SIGPIPE, SIG_IGN);
    feed_finish(&f);
    stream_close(&s);
}

/* While TCP has bytes to deliver, the connection is not idle. */
static void bytes_under_way(void)
{
    struct timespec moment = {.tv_nsec = 1000000};
    int ends[2];

    tcp_pair(ends);
    stream_open(&s, ends[0]);
    EXPECT(stream_is_idle(&s), "at first nothing is under way");
    send_bytes(ends[1], "x", 1);
    EXPECT(!stream_is_idle(&s), "a byte has come that nobody has read");
    EXPECT(stream_fill(&s) == 0 && stream_is_idle(&s), "it has been read");
    for (int i = 0; i < 100; i++) /* until the peer's buffer is full */
        if (send(ends[0], s.out, sizeof s.out, MSG_DONTWAIT) < 0)
            nanosleep(&moment, NULL);
    EXPECT(!stream_is_idle(&s), "bytes of ours cannot be delivered");
    stream_close(&s);
    close(ends[1]);
}

static void last_write(void)
{
    struct feeding f;
    char got[20];

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    stream_write(&s, "hello ", 6, NULL, 0, STREAM_MORE);
    EXPECT(!stream_is_closed(&s), "nothing was the last write yet");
    EXPECT(stream_write(&s, "bye", 3, NULL, 0, STREAM_LAST) == 0, "the last write");
    EXPECT(stream_is_closed(&s), "the last write has been made");
    EXPECT(stream_write(&s, "more", 4, NULL, 0, 0) == -1 && s.write_cause == STREAM_OK,
           "what follows is dropped: -1, without a cause");
    EXPECT(stream_write(&s, "BYE", 3, NULL, 0, STREAM_LAST) == -1, "also a second last write");
    EXPECT(stream_flush(&s) == 0, "that is no error of the connection");
    shutdown(f.fd, SHUT_WR);
    EXPECT(receive_all(f.far_fd, got, sizeof got) == 9, "nine bytes");
    EXPECT_TEXT(got, "hello bye", "the first last write is the last");
    feed_finish(&f);
    stream_close(&s);
}

static void reasons(void)
{
    struct feeding f;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd);
    EXPECT_TEXT(stream_reason(&s), "the request was answered", "nothing has failed");
    shutdown(f.far_fd, SHUT_RDWR);
    EXPECT(stream_write(&s, "x", 1, NULL, 0, 0) == -1 && stream_fill(&s) == -1, "both have failed");
    EXPECT_TEXT(stream_reason(&s), "the connection broke", "a write that failed says more than a read");
    stream_abort(&s, STREAM_STOPPING);
    EXPECT_TEXT(stream_reason(&s), "the server is stopping", "main has aborted it");
    feed_finish(&f);
    stream_close(&s);
}

static const struct test tests[] = {
    {"the end of the stream", fill_tells_the_end, 3, "man 2 recv",
     "If recv returns 0, receive fails with STREAM_EOF. stream_fill returns -1 if wait_and_receive "
     "does, and in_end stays what it was."},
    {"lines, in whatever pieces they come", lines, 3, "RFC 9112, section 2.2",
     "One recv may bring half a line, or three, or a CR without its LF: stream_read_line takes byte "
     "after byte from the buffer, and calls stream_fill only if that is empty."},
    {"two clients share nothing", two_clients, 3, "a thread per client",
     "A static variable is shared by all clients: in stream_read_line, whether a CR came last is seen "
     "in line."},
    {"a line must fit its room", long_lines, 3, "RFC 9112, section 3",
     "stream_read_line compares the length with the room before it stores a byte; the null terminator "
     "needs room too. It fails at once, because the end of such a line may never come."},
    {"a control character is no text, and is rejected before the line ends", not_text, 3,
     "RFC 9112, section 2.2",
     "In stream_read_line, look at each byte as you take it, before you look for room: is_control "
     "tells, for an unsigned char, and a CR may stand only before the LF."},
    {"lines across the end of the buffer", across_the_buffer, 3, "a buffer of fixed size",
     "If there is no room after the bytes that wait, stream_fill moves them to the front before the "
     "next recv."},
    {"a full buffer makes room", full_buffer, 3, "a buffer of fixed size",
     "In stream_fill, move the bytes that wait with memmove, then subtract in_start from in_end, then "
     "set in_start to 0."},
    {"an end and an error are told apart", told_apart, 3, "man 2 recv",
     "In receive, 0 bytes mean STREAM_EOF; below 0, cause_of knows what errno means."},
    {"a wait costs nothing", a_wait_costs_nothing, 3, "man 2 recv",
     "receive calls recv once, with 0 as flags: that waits until something comes."},
    {"a signal that means nothing ends no wait", signals_end_no_wait, 3, "man 7 signal",
     "If errno is EINTR, receive must store STREAM_INTERRUPTED, which cause_of returns: "
     "wait_and_receive then waits again."},
    {"an interruption before the end", an_old_errno, 3, "man 3 errno",
     "receive looks first at what recv has returned: more than 0, 0, or -1. Only after -1 does errno "
     "say why."},
    {"a wake ends a read that waits", wake_ends_a_wait, 3, "man 3 pthread_kill",
     "receive calls recv once: if a signal has come (EINTR), it fails with STREAM_INTERRUPTED, and "
     "wait_and_receive, provided, looks at s->wake. stream_fill then leaves in the buffer what waits."},
    {"a line that is broken off: how much had come", broken_lines, 3, "the comment in stream.h",
     "stream_read_line stores in *length how many characters have come, also if it returns -1."},
    {"a read that fails has got nothing", nothing_arrived, 3, "man 2 recv",
     "receive stores in *got how many bytes recv has returned, or 0 if that is 0 or -1."},
    {"why a line cannot be read to its end", causes_stay, 3, "the comment in stream.h",
     "If stream_fill fails, stream_read_line returns -1, and stores no cause: wait_and_receive has done "
     "that."},
    {"some bytes, as many as are there", some, 3, "man 2 recv",
     "stream_fill must receive behind the bytes that wait, and count exactly what recv returned."},
    {"small writes wait for what follows them", more_or_not, 5, "one send for head and body",
     "write_locked adds what fits to the buffer, and flushes if nothing more follows. Past the buffer "
     "goes only what is too large for it, or small and alone: at most SMALL_BYTES, and nothing waits."},
    {"two pieces go with one send", one_send, 5, "man 7 tcp, TCP_NODELAY",
     "write_locked: small and alone goes to send_small_locked, which has room for SMALL_BYTES, both "
     "pieces together; what fits the buffer is copied there, both pieces, before it is flushed."},
    {"the pieces of a large write leave together", few_segments, 5, "man 2 send, MSG_MORE",
     "send_all_locked gives send msg_more | MSG_NOSIGNAL: with MSG_MORE, the kernel keeps the last "
     "bytes for those that follow."},
    {"after a failed send, the reader is told", reader_is_told, 5, "man 2 shutdown",
     "If a send has failed, send_all_locked calls shutdown with SHUT_RDWR: then a recv that waits "
     "returns 0."},
    {"after a failed send, every write fails", failure_is_returned, 5, "man 2 send",
     "What send_all_locked returns depends on s->write_cause, and not on how many bytes are left. "
     "write_locked passes that on."},
    {"writes of every size come out whole", sizes_of_writes, 5, "three ways out",
     "In write_locked, too long is what exceeds STREAM_BUFFER_BYTES - s->out_length, and small is what "
     "fits SMALL_BYTES."},
    {"a large write is sent whole", large_write, 5, "man 2 send",
     "A send may take only a part: send_all_locked goes on with the rest until all of it has gone."},
    {"an interrupted linger goes on", linger_interrupted, 5, "man 7 signal",
     "In stream_linger, EINTR is not a failure: call recv again, unless the time is up."},
    {"what is pending is sent before a read waits", flush_before_waiting, 5, "a peer that waits for us",
     "flush_before_waiting, provided, sends what lies in the write buffer: write_locked must put it "
     "there, and send_all_locked must send it."},
    {"a peer that is gone is an error", peer_is_gone, 5, "man 2 send, MSG_NOSIGNAL",
     "With MSG_NOSIGNAL in send_all_locked, a send to a peer that has gone is an error, not a signal "
     "that ends the process."},
    {"nothing follows the last write", last_write, 5, "RFC 6455, section 5.5.1",
     "stream_write, provided, drops what follows a write with STREAM_LAST; write_locked must still "
     "send that write itself."},
    {"the connection's end in words", reasons, 5, "man 2 send",
     "After a send that failed, send_all_locked stores the cause in s->write_cause."},
    {"a read does not wait for a writer", reading_beside_a_writer, 5, "man 3 pthread_mutex_trylock",
     "flush_before_waiting, provided, only tries to get the write lock: a send may hold it for long."},
    {"exactly n bytes, in whatever pieces they come", exactly, 9, "man 2 recv",
     "stream_need calls stream_fill until n bytes wait in the buffer, and takes none of them."},
    {"a wake loses nothing", wake_loses_nothing, 9, "waiting, and being woken",
     "stream_need receives with stream_fill, which looks whether main has woken the client's thread: a "
     "recv of its own waits on. If stream_fill fails, stream_need returns -1, and leaves in the buffer "
     "what has come: the next call goes on."},
    {"a connection with bytes under way is not idle", bytes_under_way, 14, "man 7 tcp, SIOCOUTQ",
     "stream_is_idle, provided, asks the kernel what is unread and what is unacknowledged."},
    {0},
};

int main(void)
{
    static const char bytes[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int status = run_suite("03 a stream, not packets", tests);

    if (status == 0)
        printf("Your lines, from %zu bytes that came one by one: %s\n", sizeof bytes - 1,
               lines_of(bytes, sizeof bytes - 1, FEED_EACH, 100));
    return status;
}
