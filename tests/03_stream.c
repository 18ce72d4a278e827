/* 03_stream.c - lines and exact reads from a stream that comes in any pieces */
#include "stream.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

static struct stream s;

/* Reads lines until one cannot be read, and tells them: "[GET /] [] end". */
static const char *lines_of(const char *bytes, size_t length, size_t cut, size_t size)
{
    static char told[70000];
    static const char *const ends[] = {"", "end", "timeout", "stuck", "error", "too long", "not text"};
    static char line[20000];
    struct feeding f;
    size_t n = 0, got;
    int result;

    feed_start(&f, bytes, length, cut, true);
    stream_open(&s, f.fd, NULL);
    while ((result = stream_read_line(&s, line, size, &got)) == 0)
        n += (size_t)snprintf(told + n, sizeof told - n, "[%s] ", line);
    snprintf(told + n, sizeof told - n, "%s", ends[result]);
    feed_finish(&f);
    stream_close(&s);
    return told;
}

static void expect_lines(const char *bytes, size_t length, const char *wanted)
{
    EXPECT_TEXT(lines_of(bytes, length, FEED_WHOLE, 100), wanted, "in one piece");
    EXPECT_TEXT(lines_of(bytes, length, FEED_EACH, 100), wanted,
                "byte by byte: one recv is not one line");
    for (size_t cut = 1; cut < length; cut++)
        EXPECT_TEXT(lines_of(bytes, length, cut, 100), wanted, "cut at byte %zu", cut);
}
#define EXPECT_LINES(bytes, wanted) expect_lines((bytes), sizeof(bytes) - 1, (wanted))

static void lines(void)
{
    EXPECT_LINES("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "[GET / HTTP/1.1] [Host: x] [] end");
    EXPECT_LINES("one\ntwo\r\n\nthree\n", "[one] [two] [] [three] end");
    EXPECT_LINES("tab\tstays, and \x80\xff too\n", "[tab\tstays, and \x80\xff too] end");
    EXPECT_LINES("half a line", "end");
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
}

static void long_lines(void)
{
    EXPECT_TEXT(lines_of("123456789\n", 10, FEED_WHOLE, 10), "[123456789] end", "nine fit in ten");
    EXPECT_TEXT(lines_of("1234567890\n", 11, FEED_WHOLE, 10), "too long", "ten do not");
    EXPECT_TEXT(lines_of("12345678\r\n", 10, FEED_WHOLE, 10), "[12345678] end", "a CR needs room");
    EXPECT_TEXT(lines_of("123456789012", 12, FEED_WHOLE, 10), "too long", "without an end at all");
}

/* Waiting bytes at the very end of the buffer: they must move to make room, and stay what they are. */
static void full_buffer(void)
{
    static unsigned char bytes[2 * STREAM_BUFFER_BYTES];
    enum { waiting = 100 };
    struct feeding f;
    int result = 0;

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i % 251);
    feed_start(&f, bytes, sizeof bytes, FEED_WHOLE, true);
    stream_open(&s, f.fd, NULL);
    while (result == 0 && s.in_end < sizeof s.in)
        result = stream_fill(&s);
    EXPECT(result == 0 && memcmp(s.in, bytes, sizeof s.in) == 0,
           "filled until it is full, the buffer must hold all bytes in order");
    s.in_start = sizeof s.in - waiting;
    result = stream_fill(&s);
    EXPECT(result == 0 && s.in_end - s.in_start > waiting,
           "the buffer was full to its end, and its last %d bytes wait: a fill must make room and add "
           "to them, but it answered %d, with %zu waiting",
           (int)waiting, result, s.in_end - s.in_start);
    EXPECT(s.in_end <= sizeof s.in &&
               memcmp(s.in + s.in_start, bytes + sizeof s.in - waiting, s.in_end - s.in_start) == 0,
           "the bytes that waited must be the same after a move, and what came must follow them");
    feed_finish(&f);
    stream_close(&s);
}

/* What recv can answer besides bytes and an end. */
static void told_apart(void)
{
    struct timeval soon = {.tv_usec = 50000};
    struct feeding f;
    int result;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    setsockopt(f.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    result = stream_fill(&s);
    EXPECT(result == STREAM_TIMEOUT, "nothing came in time (EAGAIN), but stream_fill says: %s",
           stream_describe(result));
    EXPECT(s.in_start == s.in_end, "where nothing came, nothing must wait");
    stream_cut(&s);
    result = stream_fill(&s);
    EXPECT(result == STREAM_CUT, "stream_cut has ended it, but stream_fill says: %s",
           stream_describe(result));
    feed_finish(&f);
    stream_close(&s);
    stream_open(&s, -1, NULL);
    result = stream_fill(&s);
    EXPECT(result == STREAM_ERROR, "there is no socket at all (EBADF), but stream_fill says: %s",
           stream_describe(result));
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

static void exactly(void)
{
    static const char bytes[] = "abcdefghij";
    char got[8];

    for (size_t cut = 0; cut <= sizeof bytes; cut++) {
        struct feeding f;
        feed_start(&f, bytes, 10, cut == 0 ? FEED_EACH : cut, true);
        stream_open(&s, f.fd, NULL);
        EXPECT(stream_read_exactly(&s, got, 2) == 0 && memcmp(got, "ab", 2) == 0, "cut at %zu", cut);
        EXPECT(stream_read_exactly(&s, got, 8) == 0 && memcmp(got, "cdefghij", 8) == 0, "cut at %zu",
               cut);
        EXPECT(stream_read_exactly(&s, got, 1) == STREAM_END, "then comes the end");
        feed_finish(&f);
        stream_close(&s);
    }
}

/* A timeout in the middle must lose nothing: the next call goes on. */
static void timeout_loses_nothing(void)
{
    struct feeding f;
    char got[4];

    feed_start(&f, "ab", 2, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    EXPECT(stream_set_patience(&s, 1) == 0, "the patience is set");
    EXPECT(stream_read_exactly(&s, got, 4) == STREAM_TIMEOUT, "two of four bytes: a timeout");
    send_bytes(f.far_fd, "cd", 2);
    EXPECT(stream_read_exactly(&s, got, 4) == 0 && memcmp(got, "abcd", 4) == 0,
           "after a timeout, the first two bytes must still be there");
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
    stream_open(&s, f.fd, NULL);
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
    char answer[6] = "", got;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    EXPECT(stream_write(&s, "ab", 2, "cd", 2, true) == 0 && stream_write(&s, "e", 1, NULL, 0, true) == 0,
           "write");
    EXPECT(recv(f.far_fd, answer, 5, MSG_DONTWAIT) < 0, "small writes wait in the buffer");
    stream_set_patience(&s, 1);
    EXPECT(stream_read_exactly(&s, &got, 1) == STREAM_TIMEOUT, "nothing comes");
    EXPECT(recv(f.far_fd, answer, 5, MSG_DONTWAIT) == 5 && memcmp(answer, "abcde", 5) == 0,
           "by then all that was written must have been sent: %s", answer);
    feed_finish(&f);
    stream_close(&s);
}

/* A large write through a small socket buffer takes many sends, each of a part; where there is a
 * patience, none of them waits by itself. Another process reads meanwhile. */
static void large_write_with(int patience_s)
{
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
        bool same = receive_bytes(ends[1], got, sizeof got) && memcmp(got, "abc", 3) == 0 &&
                    memcmp(got + 3, bytes, sizeof bytes) == 0;
        _exit(same && recv(ends[1], got, 1, 0) == 0 ? 0 : 1);
    }
    close(ends[1]);
    stream_open(&s, ends[0], NULL);
    stream_set_patience(&s, patience_s);
    s.patience_ms = patience_s * 1000; /* until lesson 14, the call above does nothing */
    EXPECT(stream_write(&s, "a", 1, NULL, 0, true) == 0, "a small write");
    EXPECT(stream_write(&s, "bc", 2, bytes, sizeof bytes, true) == 0, "a large one");
    EXPECT(s.out_length <= sizeof s.out, "the write buffer has room for %zu bytes, and got %zu",
           sizeof s.out, s.out_length);
    stream_finish(&s);
    EXPECT(child_status(reader) == 0,
           "the other side must get every byte, in order, and the end (a send "
           "may take only a part)");
    stream_close(&s);
}

static void large_write(void)
{
    large_write_with(0);
    large_write_with(WAIT_S);
}

/* What is small waits for what follows, and for nothing else. */
static void more_or_not(void)
{
    struct feeding f;
    char got[10] = "";

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    stream_write(&s, "ab", 2, "c", 1, true);
    EXPECT(recv(f.far_fd, got, 9, MSG_DONTWAIT) < 0,
           "where more follows, a small write waits in the buffer");
    stream_write(&s, "d", 1, "ef", 2, false);
    EXPECT(recv(f.far_fd, got, 9, MSG_DONTWAIT) == 6,
           "where nothing more follows, all that waits must be sent at once");
    EXPECT_TEXT(got, "abcdef", "what waited goes first");
    feed_finish(&f);
    stream_close(&s);
}

/* At the borders between what is small, what fits the buffer, and what is large. Each piece is written
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
    stream_open(&s, f.fd, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        EXPECT(stream_write(&s, bytes, 2, bytes + 2, sizes[i] - 2, false) == 0 &&
                   receive_bytes(f.far_fd, got, sizes[i]) && memcmp(got, bytes, sizes[i]) == 0,
               "%zu bytes alone", sizes[i]);
        stream_write(&s, "x", 1, NULL, 0, true);
        EXPECT(stream_write(&s, bytes, 2, bytes + 2, sizes[i] - 2, true) == 0, "a write");
        EXPECT(s.out_length <= STREAM_BUFFER_BYTES,
               "behind STREAM_BUFFER_BYTES there is room for the last word alone, but %zu bytes wait",
               s.out_length);
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
    stream_open(&s, f.fd, NULL);
    sigpipes = 0;
    signal(SIGPIPE, count_sigpipe);
    shutdown(f.far_fd, SHUT_RDWR);
    EXPECT(stream_write(&s, "x", 1, NULL, 0, true) == 0, "a small write only waits");
    result = stream_flush(&s);
    EXPECT(sigpipes == 0,
           "a peer that is gone must be an error, but SIGPIPE came, which ends a process");
    EXPECT(result == STREAM_ERROR, "a peer that is gone is an error: %d", result);
    EXPECT(stream_write(&s, "x", 1, NULL, 0, true) == STREAM_ERROR,
           "and stays one: the next write must answer STREAM_ERROR too");
    signal(SIGPIPE, SIG_IGN);
    feed_finish(&f);
    stream_close(&s);
}

static void peer_does_not_read(void)
{
    static char bytes[1 << 20];
    struct feeding f;

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    stream_set_patience(&s, 1);
    EXPECT(stream_write(&s, bytes, sizeof bytes, NULL, 0, true) == STREAM_STUCK,
           "a send without progress must end when the patience does");
    feed_finish(&f);
    stream_close(&s);
}

static void last_word(void)
{
    static const struct last_word word = {.length = 3, .bytes = "bye"};
    static const struct last_word second = {.length = 3, .bytes = "BYE"};
    struct feeding f;
    char got[20];

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    stream_write(&s, "hello ", 6, NULL, 0, true);
    stream_say_last_word(&s, &word);
    EXPECT(stream_write(&s, "more", 4, NULL, 0, true) == STREAM_OVER, "what follows is dropped");
    stream_say_last_word(&s, &second);
    stream_farewell(&s, &second);
    stream_flush(&s);
    shutdown(f.fd, SHUT_WR);
    EXPECT(receive_all(f.far_fd, got, sizeof got) == 9, "nine bytes");
    EXPECT_TEXT(got, "hello bye", "the first last word is the last");
    feed_finish(&f);
    stream_close(&s);
}

static void farewell_is_sent_at_once(void)
{
    static const struct last_word word = {.length = 3, .bytes = "bye"};
    struct feeding f;
    char got[4] = "";

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    stream_farewell(&s, &word);
    EXPECT(recv(f.far_fd, got, 3, MSG_DONTWAIT) == 3, "a farewell needs no flush");
    EXPECT_TEXT(got, "bye", "the farewell");
    feed_finish(&f);
    stream_close(&s);
}

/* The write lock is taken, as by a send that is stuck: the farewell must not wait for it, and
 * must be said by whoever has the lock, when it lets go. */
static void farewell_while_locked(void)
{
    static const struct last_word word = {.length = 3, .bytes = "bye"};
    struct feeding f;
    char got[10] = "";

    feed_start(&f, "", 0, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    pthread_mutex_lock(&s.write_lock);
    stream_farewell(&s, &word);
    pthread_mutex_unlock(&s.write_lock);
    EXPECT(recv(f.far_fd, got, 3, MSG_DONTWAIT) < 0, "nothing may be sent without the lock");
    stream_write(&s, "frame ", 6, NULL, 0, true);
    EXPECT(recv(f.far_fd, got, 9, MSG_DONTWAIT) == 9, "all nine bytes");
    EXPECT_TEXT(got, "frame bye", "the farewell follows the frame of the lock's holder");
    feed_finish(&f);
    stream_close(&s);
}

static void deadline(void)
{
    struct feeding f;
    char line[100];
    size_t got;

    feed_start(&f, "no end", 6, FEED_WHOLE, false);
    stream_open(&s, f.fd, NULL);
    stream_set_deadline(&s, 1);
    EXPECT(stream_read_line(&s, line, sizeof line, &got) == STREAM_TIMEOUT, "the time is up");
    EXPECT(got == 6, "and it says how much had come: %zu", got);
    EXPECT(stream_read_line(&s, line, sizeof line, &got) == STREAM_TIMEOUT, "and it stays up");
    feed_finish(&f);
    stream_close(&s);
}

static void on_disturbance(int number)
{
    (void)number;
}

/* Who reads, and who disturbs it: with a signal every 50 ms, for 5 seconds at most. */
static pthread_t reader;
static atomic_bool read_is_over;

static void *disturb(void *ignored)
{
    (void)ignored;
    for (int i = 0; i < 100 && !read_is_over; i++) {
        pthread_kill(reader, SIGUSR1);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return NULL;
}

/* A signal, as from a debugger, makes no wait longer. Here are so many that none of the waits in between
 * would come to its end. */
static void signals_buy_no_time(void)
{
    struct sigaction action = {.sa_handler = on_disturbance}; /* no SA_RESTART: a recv is interrupted */
    int ends[2];

    sigaction(SIGUSR1, &action, NULL);
    reader = pthread_self();
    EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "a pair of sockets");
    stream_open(&s, ends[0], NULL);
    EXPECT(stream_set_patience(&s, 1) == 0, "a patience of one second");
    pthread_t disturber;
    read_is_over = false;
    EXPECT(pthread_create(&disturber, NULL, disturb, NULL) == 0, "a thread that sends signals");
    int result = stream_fill(&s);
    bool in_time = pthread_tryjoin_np(disturber, NULL) != 0; /* it is still at it */
    read_is_over = true;
    if (in_time)
        pthread_join(disturber, NULL);
    EXPECT(result == STREAM_TIMEOUT,
           "a read that signals interrupt must end when its time is up, but: %s",
           stream_describe(result));
    EXPECT(in_time,
           "a read that a signal interrupts must wait only for the rest of its time: its second was "
           "not over for as long as signals came");
    stream_close(&s);
    close(ends[1]);
}

int main(void)
{
    static const struct test tests[] = {
        {"lines, in whatever pieces they come", lines, 3, "RFC 9112, section 2.2",
         "One recv may bring half a line, or three: keep what came in the buffer, and take the line "
         "from there."},
        {"a line must fit where it should go", long_lines, 3, "RFC 9112, section 3",
         "Compare the length with the room before each byte is stored; the zero byte needs room too."},
        {"a control byte is no text, and is told before the line ends", not_text, 3,
         "RFC 9112, section 2.2",
         "Look at each byte as it is taken: is_control tells, and a CR may stand only before the LF."},
        {"lines across the end of the buffer", across_the_buffer, 3, "a buffer of fixed size",
         "When there is no room behind what waits, move that to the front before the next recv."},
        {"a full buffer makes room", full_buffer, 3, "a buffer of fixed size",
         "Move what waits with memmove, then take in_start off in_end, then set in_start to 0."},
        {"a timeout, a cut and an error are told apart", told_apart, 3, "man 2 recv",
         "Below 0, errno tells: EAGAIN is a timeout, the rest an error. At 0, s->cut tells."},
        {"some bytes, as many as are there", some, 3, "man 2 recv",
         "A fill must add behind what waits, and count exactly what recv has answered."},
        {"small writes wait for what follows them", more_or_not, 5, "one send for head and body",
         "Append what fits, and flush where nothing more follows. Past the buffer goes only what is too "
         "large for it, or small and alone: at most SMALL_BYTES, and nothing waits."},
        {"writes of every size come out whole", sizes_of_writes, 5, "three ways out",
         "Too long is what exceeds STREAM_BUFFER_BYTES - s->out_length, small what is in SMALL_BYTES."},
        {"a large write is sent whole", large_write, 5, "man 2 send",
         "A send may take only a part: go on with the rest until all of it has gone."},
        {"a peer that is gone is an error", peer_is_gone, 5, "man 2 send, MSG_NOSIGNAL",
         "With MSG_NOSIGNAL, a send to a peer that has gone is an error, not a signal that ends us "
         "all."},
        {"exactly n bytes, in whatever pieces they come", exactly, 9, "man 2 recv",
         "Fill the buffer until n bytes wait in it, and only then take them."},
        {"nothing follows the last word", last_word, 11, "RFC 6455, section 5.5.1",
         "Remember under the lock that the last word was said: the first one is the only one."},
        {"what is owed is sent before a read waits", flush_before_waiting, 14,
         "a peer that waits for us",
         "The peer may wait for what lies in our write buffer: it must go before we wait for the peer."},
        {"a timeout loses nothing", timeout_loses_nothing, 14, "man 7 socket, SO_RCVTIMEO",
         "What came before the timeout must stay in the buffer, for the next call to go on with."},
        {"a signal makes no wait longer", signals_buy_no_time, 14, "man 7 signal",
         "Where recv answers EINTR, receive calls await, until patience_ends, and then recv again."},
        {"a deadline holds for all reads together", deadline, 14, "man 2 poll",
         "Wait with poll for the time that is left until the deadline, and not for the whole time "
         "anew."},
        {"a peer that does not read is given up", peer_does_not_read, 14, "man 2 poll",
         "A send that can take nothing waits with poll, and no longer than the stream's patience."},
        {"a farewell is sent at once", farewell_is_sent_at_once, 14, "RFC 6455, section 7.1.1",
         "The last word of another thread goes out as soon as the write lock is free."},
        {"a farewell never waits for the lock", farewell_while_locked, 14, "man 3 pthread_mutex_trylock",
         "Whoever has the write lock says what is owed when it lets go."},
        {0},
    };

    static const char bytes[] = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    int status = run_suite("03 a stream, not packets", tests);

    if (status == 0)
        printf("Your lines, from %zu bytes that came one by one: %s\n", sizeof bytes - 1,
               lines_of(bytes, sizeof bytes - 1, FEED_EACH, 100));
    return status;
}
