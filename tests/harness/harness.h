/*
 * harness.h - what the suites share: running tests, starting the server, talking to it
 *
 * A suite is a program. It runs its tests with CUnit, each wait has a deadline, and the whole has
 * an alarm. It knows nothing of the server's own sources: frames are made and read here anew, so
 * that a mistake there cannot hide behind the same mistake here.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Seconds that any single wait may take, and a whole suite. Far more than needed: a test that
 * reaches one has failed, and the sanitizers are slow. Where $FAIL_FAST is set, a wait takes so many
 * seconds, and the suite ends with the first thing that is wrong. */
#define WAIT_S 10
#define SUITE_S 240

/* Seconds that a wait may take now: WAIT_S, or $FAIL_FAST. */
int wait_s(void);

/* Seconds since some moment, on a clock that nobody sets. */
double clock_s(void);

struct test {
    const char *name; /* what must hold, in words */
    void (*run)(void);
    /* For whoever writes the server lesson by lesson: */
    int lesson;       /* it can pass when the lessons up to this one are written; 0: its suite's own */
    const char *rule; /* where the rule stands: "RFC 6455, section 5.2" */
    const char *hint; /* what to look at if it fails */
};

/* The lesson up to which the program under test is written: $LESSON, or the last one. Tests that need
 * a later one are left out. */
int written_lesson(void);

/* With $PART=K/N, a suite runs its test number K, and each Nth after that: N processes, with K from 0 to
 * N - 1, run the whole side by side.
 *
 * With $LEARN=1, a suite shows what its first failure is about, byte by byte: see learn.h.
 *
 * With $FOREIGN="node my.js", that program is the server. A test that needs something which only our
 * own server has is left here, and a line says so. */
void needs_own(const char *what);

/* Leaves the test if this machine lacks something: a line says what. */
void needs(bool there, const char *what);
void needs_proc(void);

/* An unwritten function of the course was called: lessons/tools/todo.c. */
void unwritten(const char *words);

/* Runs the tests of a suite, up to one without a name. Returns main's exit status: 0 only if something was
 * asserted and nothing failed. */
int run_suite(const char *name, const struct test *tests);

/* Asserts, with a message in words (as for printf). What the message needs is looked at after the condition,
 * which may be a call. */
#define EXPECT(condition, ...) \
    __extension__({ \
        bool holds_here = (condition); \
        expect(holds_here, __LINE__, __FILE__, __VA_ARGS__); \
    })
bool expect(bool holds, int line, const char *file, const char *message, ...)
    __attribute__((format(printf, 4, 5)));

/* Asserts that two strings are equal, and shows both if they are not. */
#define EXPECT_TEXT(got, wanted, ...) expect_text((got), (wanted), __LINE__, __FILE__, __VA_ARGS__)
bool expect_text(const char *got, const char *wanted, int line, const char *file, const char *message,
                 ...) __attribute__((format(printf, 5, 6)));

/* Asserts that bytes begin with others, which are text, and shows both if they do not. */
#define EXPECT_BEGINNING(got, length, wanted, ...) \
    expect_beginning((got), (length), (wanted), __LINE__, __FILE__, __VA_ARGS__)
bool expect_beginning(const void *got, size_t got_length, const char *wanted, int line, const char *file,
                      const char *message, ...) __attribute__((format(printf, 6, 7)));

/* ---- a server to talk to ---- */

/* Starts the program that $SERVER names (./server) with --port 0 and these options (NULL: none), and waits for
 * its ready line. Aborts the suite if that does not come. */
#define server_start(...) start_server((const char *const[]){__VA_ARGS__, NULL})
void start_server(const char *const options[]);

/* Sends the server a signal. Does not block. */
void server_signal(int number);

/* Stops the server where it is, until it gets SIGCONT: meanwhile clients can gather. */
void server_hold(void);

/* Sends a signal (0: none) and waits for the end. Returns the exit status, or 128 + the signal's number.
 * Asserts that no sanitizer has complained. server_stop asserts an exit status of 0, which is what
 * lesson 14 is about: until it is written, SIGTERM may be what ended it. */
int server_end(int signal);
void server_stop(void);

/* For the end of main, if one server serves all tests: stops it, and returns main's exit status; `status` is
 * what run_suite has returned. */
int server_finish(int status);

/* The running server: its process, its port, its ready line. */
extern pid_t server_pid;
extern int server_port;
extern char server_line[200];

/* A signal that is ignored when the next server starts: SIGHUP, as nohup(1) does it, or SIGINT, as a shell does
 * with &. 0: none. */
extern int server_ignores;

/* How many descriptors the next server may have; 0: as many as we. */
extern unsigned server_descriptor_limit;

/* Where the next server's errors go; -1: where server_said finds them. */
extern int server_errors_to;

/* Runs the server's program with arguments, and waits for its end: the exit status; what it has
 * written is in program_out and program_err. */
#define program_run(...) run_program((const char *const[]){__VA_ARGS__, NULL})
int run_program(const char *const arguments[]);
extern char program_out[4096], program_err[4096];

/* What the running server has written to its standard error so far. */
const char *server_said(void);

/* What comes from its standard output, after the ready line, up to the end or `size`. To be called after
 * server_end. */
size_t server_printed(char *text, size_t size);

/* Closes our end of its standard output: nobody reads it any more. */
void server_close_output(void);

/* How the server has ended, in words, if it has without being asked; else NULL. Whoever has waited
 * for its end has asked. */
const char *server_death(void);

/* How many threads and descriptors the server has now. */
int server_threads(void);
int server_descriptors(void);

/* KiB of memory that the server has now (RSS). The sanitizers keep memory for themselves, so there
 * is no point in asserting it under them: `sanitized` says so. So it does if $SANITIZED is set, to asan or
 * tsan, because only the server is built with one. */
long server_memory(void);
extern bool sanitized, thread_sanitized;

/* A number of the server's /proc/PID/status: "VmSize:". -1: it is not there. */
long server_status(const char *field);

/* Limits what the running server may have: RLIMIT_AS, RLIMIT_NOFILE. -1: as much as before. */
void limit_server(int resource, long most);

/* How often the server's threads have gone to sleep so far, all together. */
long server_sleeps(void);

/* Asserts that the server's threads wait now, without work and without sleeping in between: `who` begins the
 * complaint, and `how` says what to do instead. Takes 0.3 s. */
void expect_waiting(const char *who, const char *how);

/* The number of the server's thread with a name; 0: no thread has it. And the names that there are. */
pid_t server_thread(const char *name);
const char *server_thread_names(void);

/* A set of signals of a server's thread, as /proc has it: SigIgn, which are ignored, or SigBlk, which wait. */
bool server_signal_is(const char *set, int signal, pid_t thread);

/* Seconds of processor time that the server has used (proc(5), stat). Does not block. */
double server_cpu_s(void);

/* Waits for a child of the test's own: its exit status, or 128 + the signal's number. */
int child_status(pid_t pid);

/* Calls a function of the learner's in a child process, where it may hang or crash: the exit status is what
 * `run` returns; -1: it has not come to an end in the time that a wait may take. */
int in_child(int (*run)(void));

/* Calls `holds` until it returns true, as long as a wait may take. */
bool eventually(bool (*holds)(void));

/* ---- bytes over loopback ---- */

/* A new connection to the server; aborts the suite if there is none. */
int dial(void);

/* Bytes that the next connections may keep for us before we read; 0: as many as usual. */
extern int dial_buffer;

/* Sends all bytes; returns false if the server has ended the connection. */
bool send_bytes(int fd, const void *bytes, size_t length);
bool send_text(int fd, const char *text);

/* Receives exactly `length` bytes, or returns false. */
bool receive_bytes(int fd, void *bytes, size_t length);

/* Receives everything until the server ends the connection, and adds a null terminator. Returns the length, or
 * -1 if that was no orderly end (a reset, or the deadline; received_so_far has the length then, and end_words
 * says what happened). */
ssize_t receive_all(int fd, void *bytes, size_t size);
extern size_t received_so_far;
const char *end_words(void);

/* How many segments with data have come on a connection. As the server gathers its writes itself, each
 * of its sends is one; a long one is several. */
unsigned segments_received(int fd);

/* Sends a request on a new connection and receives the whole response, as text. */
const char *ask(const char *request);

/* The lesson that is not written yet, if a response says so ("lesson 7 is yours to write"); else 0. */
int unwritten_lesson(const char *response);

/* Sends a request and asserts the status of its response, and that `words` are somewhere in it. If that does
 * not hold, `about` says what was asked for. */
#define EXPECT_STATUS(request, status, words) EXPECT_STATUS_OF("a request", (request), (status), (words))
#define EXPECT_STATUS_OF(about, request, status, words) \
    expect_status((about), (request), (status), (words), __LINE__, __FILE__)
void expect_status(const char *about, const char *request, int status, const char *words, int line,
                   const char *file);

/* Connects so many clients, which send these requests in turn, all but the last two bytes. Those are sent at the same
 * moment, so that the threads run side by side. */
void dial_crowd(int *fds, size_t clients, const char *const *requests, size_t kinds);

/* ---- frames ---- */

/* A request for an upgrade, with further header fields, each with its end. */
const char *upgrade_request(const char *path, const char *further);

/* A new connection after a handshake on /echo, or another path; aborts the suite if there is none. */
int open_websocket(void);
int open_websocket_at(const char *path);

/* Header fields that these add to their request, each with its end; "" at first. */
extern const char *websocket_fields;

/* The head of the last response that these got. */
extern char websocket_head[1000];

/* Receives the header of one frame of the server: its first byte, and its payload's length. False: none came. */
bool receive_frame_header(int fd, unsigned *first, uint64_t *length);

/* Receives one frame of the server, and adds a null terminator to its payload. Returns the length of that, or
 * -1: none came, or it is longer than size - 1. */
ssize_t receive_frame(int fd, unsigned *opcode, void *payload, size_t size);

/* Makes bytes from a script, words with spaces between:
 *     81:48656c6c6f    a masked client frame: first byte and payload, in hex
 *     82*70000         the same, with so many bytes of payload, 0 to 250 again and again
 *     =8180            bytes as they stand
 * The caller frees them. */
unsigned char *frames(const char *script, size_t *length);

/* Sends what a script makes. */
void send_script(int fd, const char *script);

/* A new connection that has sent a request for an upgrade, and what a script makes, in one segment. */
int dial_with_frames(const char *script);

/* Says what a server's bytes mean: "text:48656c6c6f close:1000". Long payloads made by * are described as
 * "binary*70000". What no server may send is described in words, with a "!". */
const char *describe(const unsigned char *bytes, size_t length);

/* Sends what a script says, on a new connection, and ends that direction, in the middle of a frame. Expects the
 * server to end the connection without a reply. `what` names what was cut off. */
void expect_no_reply(const char *what, const char *script);

struct talk {
    const char *name;
    const char *script;  /* what the client sends */
    const char *answers; /* what describe must say of the replies */
};

/* Has a talk on a new connection, in one piece; again cut at every byte; and again between
 * neighbours. A talk without a Close frame is ended by one (1000); until lesson 11 is written, the reply to
 * that may be 1011. */
void have_talk(const struct talk *talk);
void have_talk_once(const struct talk *talk);

/* Starts a server anew. Many clients have these talks in turn, and all send at the same moment. No frame was sent
 * before, so whatever the threads share shows, also to the thread sanitizer. */
void have_talks_at_once(const struct talk *talks, size_t kinds);

/* ---- a stream without a server ---- */

/* Two connected sockets; what is fed into one in pieces is to be read from the other. */
struct feeding {
    int fd;     /* the reader's end, for a stream */
    int far_fd; /* the feeder's end */
    const unsigned char *bytes;
    size_t length;
    size_t cut;       /* a pause here, until the reader has taken all; FEED_EACH: after every byte */
    bool end;         /* end the stream after the bytes */
    atomic_bool done; /* the reader wants no more */
    pthread_t thread;
};
#define FEED_WHOLE ((size_t)-1)
#define FEED_EACH ((size_t)-2)

/* Starts a thread that feeds the bytes; feed_finish waits for it and closes the far end (the
 * reader's end belongs to the stream, which must be closed after it). */
void feed_start(struct feeding *f, const void *bytes, size_t length, size_t cut, bool end);
void feed_finish(struct feeding *f);

#endif
