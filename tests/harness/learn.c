/*
 * learn.c - see learn.h
 *
 * Two processes: the tests run in one, and the other, the watcher, waits for its end. What the
 * watcher has to know lies in memory that both share. It is the watcher that tells of a crash, or
 * of a hang, of the tests themselves: that is, of a function that they have called. A server's
 * crash or hang is told by the tests' process, whose child the server is.
 */
#include "learn.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "foreign.h"
#include "harness.h"
#include "show.h"

/* Bytes of each direction that are kept to be shown. */
#define KEPT_BYTES 8192

/* Descriptors whose traffic is kept: those below this number. */
#define DESCRIPTORS 2048

/* Seconds that a report of a crash, or of a hang, may take: gdb reads much. */
#define REPORT_S 40

struct kept {
    size_t total;
    unsigned char bytes[KEPT_BYTES]; /* the first of them */
};

static struct traffic {
    bool switched; /* these are frames, after a handshake on this path: */
    char path[40];
    bool answered;       /* bytes have come since the last ones were sent */
    const char *end;     /* how the server's bytes ended; NULL: they have not */
    char unwritten[400]; /* what an unwritten function has sent; empty: none has */
    struct kept sent, got;
} * traffics[DESCRIPTORS], *latest; /* by descriptor; the one that was used last */

static struct shared {
    _Atomic(int64_t) deadline_ms;         /* when something must have happened */
    _Atomic(const struct test *) running; /* static memory: good in both processes */
    const char *suite;
    int passed, failed;
    atomic_bool stuck;
    pid_t group;         /* see learn_group */
    char unwritten[400]; /* what an unwritten function says; empty: none was called */
    bool is_fed;         /* it is a function that is being tested, with this: */
    size_t cut;
    struct kept fed;
} * shared;

static pid_t suite_process;
static char root[1000], report_name[] = "/tmp/crash-report-XXXXXX";
static bool timed_out; /* the last wait was in vain */
static char *look;     /* what the server was doing when it was waited for in vain */

/* What the check that is being made is about: see learn.h. */
static struct {
    const char *got_text, *wanted_text;
    const unsigned char *got, *wanted;
    size_t got_length, wanted_length;
    char words[1000];
} about;

static struct {
    const char *text;
    const unsigned char *bytes;
    size_t length;
} described;

bool learning(void)
{
    const char *learn = getenv("LEARN");

    return learn != NULL && *learn != '\0';
}

static bool listing(void)
{
    const char *learn = getenv("LEARN");

    return learn != NULL && strcmp(learn, "list") == 0;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_deadline(int seconds)
{
    if (shared != NULL)
        shared->deadline_ms = now_ms() + (seconds + 2) * 1000;
}

void learn_expect_within(int seconds)
{
    set_deadline(seconds);
    timed_out = false;
}

/* ---- reports of where a program is ---- */

/* Runs where.sh on a process. The caller frees what it returns; NULL: nothing. */
static char *where(pid_t pid)
{
    char command[1200], *text = NULL;
    size_t size = 0, n;
    FILE *from, *to = open_memstream(&text, &size);

    fflush(stdout); /* before there are two of us */
    snprintf(command, sizeof command, "'%s/lessons/tools/where.sh' %d hang 2>/dev/null", root, (int)pid);
    from = popen(command, "r");
    for (char part[500]; from != NULL && to != NULL && (n = fread(part, 1, sizeof part, from)) > 0;)
        fwrite(part, 1, n, to);
    if (from != NULL)
        pclose(from);
    if (to != NULL)
        fclose(to);
    return text;
}

/* What crash.c has reported: the text after its first line; NULL: nothing. */
static char *crash_report(pid_t *pid, int *number)
{
    static char text[10000];
    int fd = open(report_name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "crashed %d %d", pid, number) != 2 || strchr(text, '\n') == NULL)
        return NULL;
    return strchr(text, '\n') + 1;
}

/* ---- recording ---- */

static void keep(struct kept *kept, const void *bytes, size_t length)
{
    size_t room = kept->total < KEPT_BYTES ? KEPT_BYTES - kept->total : 0;

    if (length > 0)
        memcpy(kept->bytes + (KEPT_BYTES - room), bytes, length < room ? length : room);
    kept->total += length;
}

static size_t kept_length(const struct kept *kept)
{
    return kept->total < KEPT_BYTES ? kept->total : KEPT_BYTES;
}

/* The traffic of a connection, which is the one in use from now on; NULL: not recorded. */
static struct traffic *traffic_of(int fd)
{
    if (!learning() || fd < 0 || fd >= DESCRIPTORS || traffics[fd] == NULL || getpid() != suite_process)
        return NULL;
    return latest = traffics[fd];
}

void learn_connected(int fd)
{
    if (!learning() || fd < 0 || fd >= DESCRIPTORS)
        return;
    if (traffics[fd] == NULL)
        traffics[fd] = malloc(sizeof *traffics[fd]);
    if (traffics[fd] != NULL) {
        traffics[fd]->switched = traffics[fd]->answered = false;
        traffics[fd]->end = NULL;
        traffics[fd]->unwritten[0] = '\0';
        traffics[fd]->sent.total = traffics[fd]->got.total = 0;
    }
    traffic_of(fd);
    learn_expect_within(wait_s());
}

void learn_switched(int fd, const char *path)
{
    struct traffic *t = traffic_of(fd);

    if (t == NULL)
        return;
    t->switched = true;
    t->answered = false;
    snprintf(t->path, sizeof t->path, "%s", path);
    t->sent.total = t->got.total = 0;
}

void learn_sent(int fd, const void *bytes, size_t length)
{
    struct traffic *t = traffic_of(fd);

    if (t != NULL) {
        keep(&t->sent, bytes, length);
        t->answered = false;
        learn_expect_within(wait_s());
    }
}

/* The sentence of an unwritten function, if a server has sent one; NULL: it has not. */
static const char *unwritten_sentence(const void *text, size_t length)
{
    static char words[400];
    static const char mark[] = " is yours to write (";
    const char *at = memmem(text, length, mark, sizeof mark - 1), *start = at, *end;

    if (at == NULL)
        return NULL;
    while (start > (const char *)text && at - start < 12 && strncmp(start, "lesson", 6) != 0)
        start--;
    for (end = at; end < (const char *)text + length && *end != '\n' && *end != '\0';)
        end++;
    snprintf(words, sizeof words, "%.*s", (int)(end - start < 300 ? end - start : 300), start);
    return words;
}

void learn_got(int fd, const void *bytes, ssize_t n)
{
    int error = errno;
    struct traffic *t = traffic_of(fd);

    if (t != NULL) {
        learn_expect_within(wait_s());
        if (n > 0) {
            const char *words = unwritten_sentence(bytes, (size_t)n);
            keep(&t->got, bytes, (size_t)n);
            t->answered = true;
            if (words != NULL)
                snprintf(t->unwritten, sizeof t->unwritten, "%s", words);
        }
        timed_out = n < 0 && error == EAGAIN;
        t->end = n > 0       ? NULL
                 : n == 0    ? "then the server ended the connection"
                 : timed_out ? "then nothing more, as long as the check waited"
                             : "then the server reset the connection";
    }
    errno = error;
}

void learn_fed(const struct feeding *f)
{
    bool is_something = f->length > 0 || f->end; /* else the function writes */

    if (!learning() || getpid() != suite_process || !is_something)
        return;
    shared->is_fed = true;
    shared->cut = f->cut;
    shared->fed.total = 0;
    keep(&shared->fed, f->bytes, f->length);
    learn_expect_within(wait_s());
}

void learn_texts(const char *got, const char *wanted)
{
    about.got_text = got;
    about.wanted_text = wanted;
}

void learn_bytes(const void *got, size_t got_length, const void *wanted, size_t wanted_length)
{
    about.got = got;
    about.got_length = got_length;
    about.wanted = wanted;
    about.wanted_length = wanted_length;
}

void learn_described(const char *text, const void *bytes, size_t length)
{
    described.text = text;
    described.bytes = bytes;
    described.length = length;
}

void learn_short(const char *words, ...)
{
    va_list list;

    va_start(list, words);
    vsnprintf(about.words, sizeof about.words, words, list);
    va_end(list);
}

/* ---- showing ---- */

enum nature { BYTES, OUR_FRAMES, SERVER_FRAMES };
static void show_kept(const char *title, const unsigned char *bytes, size_t kept, size_t total,
                      enum nature nature, size_t wrong)
{
    char line[1000],
        *words = nature == BYTES ? NULL : frames_in_words(bytes, kept, total, nature == SERVER_FRAMES);

    if (total == 0)
        snprintf(line, sizeof line, "%s: nothing", title);
    else
        snprintf(line, sizeof line, "%s (%zu byte%s%s%s)", title, total, total == 1 ? "" : "s",
                 words != NULL ? ": " : "", words != NULL ? words : "");
    free(words);
    printf("\n");
    show_words(2, line);
    if (total == 0)
        return;
    show_bytes(bytes, kept, total, wrong);
}

/* How a function was fed, in words. */
static void show_fed(void)
{
    char how[100] = "in one piece";

    if (shared->cut == FEED_EACH)
        snprintf(how, sizeof how, "byte by byte");
    else if (shared->cut < shared->fed.total && shared->cut > 0)
        snprintf(how, sizeof how, "in two pieces, cut after byte %zu", shared->cut);
    printf("\n  Your function was fed, %s", how);
    if (shared->fed.total == 0)
        printf(": nothing\n");
    else
        printf(" (%zu byte%s):\n", shared->fed.total, shared->fed.total == 1 ? "" : "s");
    show_bytes(shared->fed.bytes, kept_length(&shared->fed), shared->fed.total, NONE_WRONG);
}

/* What was sent, what came back, and what should have. */
static void show_traffic(void)
{
    const struct traffic *t = latest;
    const unsigned char *got = about.got, *wanted = about.wanted;
    size_t kept = about.got_length, total = kept, wrong = NONE_WRONG;

    if (t == NULL)
        return;
    show_kept(t->switched ? "After the handshake was sent" : "Sent", t->sent.bytes,
              kept_length(&t->sent), t->sent.total, t->switched ? OUR_FRAMES : BYTES, NONE_WRONG);
    if (got == NULL) {
        got = t->got.bytes;
        kept = kept_length(&t->got);
        total = t->got.total;
    }
    if (wanted != NULL)
        wrong = first_difference(got, kept, wanted, about.wanted_length);
    if (wanted != NULL && !t->switched && wrong == about.wanted_length)
        wrong = NONE_WRONG; /* of a response only the beginning is known */
    show_kept("Came back", got, kept, total, t->switched ? SERVER_FRAMES : BYTES, wrong);
    if (t->end != NULL)
        printf("    (%s)\n", t->end);
    if (wanted != NULL)
        show_kept(t->switched ? "Expected" : "Expected, to begin with", wanted, about.wanted_length,
                  about.wanted_length, t->switched ? SERVER_FRAMES : BYTES, NONE_WRONG);
}

static const char *or_nothing(const char *text)
{
    return text != NULL && *text != '\0' ? text : "(nothing)";
}

/* What a function has returned, and what it should. */
static void show_texts(void)
{
    const char *got = or_nothing(about.got_text), *wanted = or_nothing(about.wanted_text);
    size_t wrong = first_difference((const unsigned char *)got, strlen(got),
                                    (const unsigned char *)wanted, strlen(wanted));

    printf("\n  %s:\n", shared->is_fed ? "That gave" : "Came out");
    show_string(got, wrong);
    printf("  It should be:\n");
    show_string(wanted, NONE_WRONG);
}

/* A suite that calls functions also has tests of functions that come in later lessons. */
static int lesson_to_read(void)
{
    const struct test *test = shared->running;
    int own = atoi(shared->suite);

    return server_pid <= 0 && test != NULL && test->lesson > own ? test->lesson : own;
}

/* The README of that lesson, or NULL. */
static const char *lesson_text(void)
{
    static char path[200];
    char pattern[1100];
    glob_t found;
    bool is_there;

    snprintf(pattern, sizeof pattern, "%s/lessons/%02d-*/README.md", root, lesson_to_read());
    is_there = glob(pattern, 0, NULL, &found) == 0;
    if (is_there)
        snprintf(path, sizeof path, "%s", found.gl_pathv[0] + strlen(root) + 1);
    globfree(&found);
    return is_there ? path : NULL;
}

static void show_title(void)
{
    const struct test *test = shared->running;

    printf("  %sFAILED%s  %s\n\n", show_colour(RED), show_colour(PLAIN),
           test != NULL ? test->name : "the start");
}

static void show_labelled(const char *label, const char *words)
{
    char all[1200];

    if (words == NULL || *words == '\0')
        return;
    snprintf(all, sizeof all, "%s  %s", label, words);
    show_words(2, all);
}

/* The lesson whose own tests have passed just before: workshop.py says so. */
static int passed_lesson(void)
{
    const char *lesson = getenv("PASSED_LESSON");

    return lesson != NULL ? atoi(lesson) : 0;
}

/* Where to read on, and how many tests have passed. */
static void show_end(bool hint_too)
{
    const struct test *test = shared->running;
    const char *text = lesson_text();

    if (hint_too && test != NULL && test->lesson > atoi(shared->suite))
        printf("\n  This needs lesson %d as well%s\n", test->lesson,
               test->lesson == passed_lesson() ? ", whose own tests have passed."
                                               : ": if its check fails too, begin there.");
    if (text != NULL || (hint_too && test != NULL && (test->rule != NULL || test->hint != NULL)))
        printf("\n");
    if (hint_too && test != NULL) {
        show_labelled("Rule:", test->rule);
        show_labelled("Hint:", test->hint);
    }
    show_labelled("Read:", text);
    printf("\n%d passed, 1 failed\n", shared->passed);
    fflush(stdout);
}

/* A report of where.sh: its first line belongs to the headline. */
static void show_report(const char *headline, const char *report)
{
    size_t first = strcspn(report, "\n");
    char line[600];

    snprintf(line, sizeof line, "%s%.*s", headline, (int)(first < 500 ? first : 500), report);
    show_words(2, line);
    if (report[first] != '\0')
        printf("%s", report + first + 1);
}

/* ---- why it failed ---- */

/* The lesson that such a sentence names. */
static int lesson_named(const char *words)
{
    return atoi(words + strcspn(words, "0123456789"));
}

static const char *server_says_unwritten(void)
{
    const char *words = NULL, *said;

    if (latest != NULL && latest->unwritten[0] != '\0')
        words = latest->unwritten;
    if (words == NULL && server_pid > 0) {
        said = server_said();
        words = unwritten_sentence(said, strlen(said));
    }
    return words;
}

/* That a later lesson is not written explains no failure: the server has then done all of this one, wrongly. */
static bool is_later(const char *words)
{
    return lesson_named(words) > atoi(shared->suite);
}

static void show_how_far(void)
{
    const char *words = server_says_unwritten();
    char line[200];

    if (words == NULL || !is_later(words))
        return;
    snprintf(line, sizeof line, "\"%.*s\" only says how far your server came.",
             (int)strcspn(words, "(") - 1, words);
    show_words(2, line);
    printf("\n");
}

/* A function that is written, but leaves out a call: the sentence about it, of "lesson 8 is yours to write
 * (on_upgrade must call frame_end)"; NULL: it is unwritten. */
static const char *left_out(const char *words)
{
    static char sentence[300];
    const char *open = strchr(words, '('), *close = strrchr(words, ')');

    if (open == NULL || close == NULL || strstr(open, " must ") == NULL)
        return NULL;
    snprintf(sentence, sizeof sentence, "%.*s (lesson %d).", (int)(close - open - 1), open + 1,
             lesson_named(words));
    return sentence;
}

static void show_unwritten(const char *who, const char *words)
{
    const char *sentence = left_out(words);

    if (sentence != NULL) {
        show_words(2, sentence);
    } else {
        printf("  %s\n", who);
        show_words(6, words);
    }
    printf("\n");
    show_words(2, sentence != NULL ? "So far, nothing else shows that this is missing, or wrong."
                  : lesson_named(words) == atoi(shared->suite)
                      ? "So red is what you should see here: go on with the next step."
                      : "That comes before this lesson: write it first.");
    show_end(false);
}

/* Whether the server has ended; also if somebody has waited for that. */
static bool server_is_gone(void)
{
    return server_death() != NULL || kill(server_pid, 0) != 0;
}

/* Waits a moment for the server's end, and while it reports its crash. Returns its report, or
 * NULL. */
static char *server_report(void)
{
    int64_t until = now_ms() + 100;
    int number = 0;
    pid_t pid = 0;
    char *report = NULL;

    if (server_pid <= 0)
        return NULL;
    set_deadline(REPORT_S);
    while (!server_is_gone() && now_ms() < until) {
        report = crash_report(&pid, &number);
        if (report != NULL && pid == server_pid)
            until = now_ms() + 1000; /* not over before it has ended */
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    report = crash_report(&pid, &number);
    return report != NULL && pid == server_pid ? report : NULL;
}

bool learn_server_crashed(void)
{
    int64_t until = now_ms() + REPORT_S * 1000;
    int number;
    pid_t pid = 0;

    if (!learning() || foreign() || crash_report(&pid, &number) == NULL || pid != server_pid)
        return false;
    set_deadline(2 * REPORT_S);
    while (!server_is_gone() && now_ms() < until)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    return true;
}

/* Says that the server has ended. Answers whether it has. */
static bool show_server_end(void)
{
    char *report = server_report();
    const char *death = server_death(), *said;

    if (report != NULL) {
        if (latest != NULL)
            latest->end = NULL; /* the check may have waited less long than gdb needs */
        show_report("your server crashed: ", *report != '\0' ? report : "(nothing could say where)");
    } else if (death != NULL) {
        show_words(2, death);
        said = server_said();
        if (*said != '\0') {
            printf("  Its last words:\n");
            show_words(4, strlen(said) > 600 ? said + strlen(said) - 600 : said);
        }
        death = NULL; /* said already */
    } else {
        return false;
    }
    printf("\n");
    if (death != NULL)
        show_words(2, death);
    return true;
}

void learn_look_at_server(void)
{
    if (!learning() || foreign() || look != NULL || server_pid <= 0 || server_death() != NULL)
        return;
    set_deadline(REPORT_S);
    look = where(server_pid);
    if (look != NULL && *look == '\0') {
        free(look);
        look = NULL;
    }
}

/* Whether a report's first line has these words. */
static bool reports(const char *report, const char *words)
{
    const char *at = strstr(report, words);

    return at != NULL && at < report + strcspn(report, "\n");
}

/* If something was awaited in vain, what to say before that which the server was doing, which is in `look`
 * then; else NULL. It hangs if nothing came, and it does not just wait for others: for a client's bytes, for
 * a client, for an event. */
static const char *vain_wait(void)
{
    bool end_awaited = look != NULL, answered = latest != NULL && latest->answered;

    if (foreign() || (!timed_out && !end_awaited))
        return NULL;
    learn_look_at_server();
    if (look == NULL || (answered && reports(look, "waits in accept"))) /* all have been served */
        return NULL;
    if (end_awaited)
        return "your server does not end: ";
    return answered || reports(look, "waits in recv") || reports(look, "waits in accept") ||
                   reports(look, "called from broadcast_next")
               ? "your server sends nothing more: "
               : "your server hangs: ";
}

static bool begins(const struct kept *kept, const char *text)
{
    return kept->total >= 10 && strncmp(text, (const char *)kept->bytes, 10) == 0;
}

/* The check's words. What repeats the bytes, which are shown besides, is left out. */
static void show_check(const char *words)
{
    char shown[2500];
    const char *more = strchr(words, '\n');
    size_t length = strlen(words);

    if (about.words[0] != '\0')
        words = about.words;
    else if (more != NULL && latest != NULL &&
             (begins(&latest->sent, more + 1) || begins(&latest->got, more + 1)))
        length = (size_t)(more - words);
    snprintf(shown, sizeof shown, "%.*s", (int)length, words);
    for (char *p = shown; *p != '\0'; p++)
        if (*p != '\n' && (*p < ' ' || *p > '~'))
            *p = *p == '\r' ? ' ' : '?';
    show_words(2, shown);
}

/* The check's words, and what the server was doing meanwhile: that comes first, but not if there was a reply,
 * which may be just wrong. */
static void show_check_and_wait(const char *words)
{
    const char *headline = vain_wait();
    bool answered = latest != NULL && latest->answered;

    if (headline != NULL && !answered) {
        show_report(headline, look);
        printf("\n");
    }
    show_check(words);
    if (headline != NULL && answered) {
        printf("\n");
        show_report(headline, look);
    }
}

/* What was expected of frames, made from the words for them. */
static unsigned char *wanted_frames(void)
{
    unsigned char *wanted;
    size_t length;

    if (about.got_text == NULL || about.got_text != described.text || latest == NULL)
        return NULL;
    wanted = answer_bytes(about.wanted_text, described.bytes, described.length, &length);
    if (wanted != NULL)
        learn_bytes(described.bytes, described.length, wanted, length);
    return wanted;
}

void learn_holds(void)
{
    memset(&about, 0, sizeof about);
}

/* Whether the test's hint is about a crash: it names a function that crashed, or led there. */
static bool hint_names_function_of(const char *report)
{
    const char *hint = shared->running != NULL ? shared->running->hint : NULL;
    char call[80];

    for (size_t n; hint != NULL && *hint != '\0'; hint += n > 0 ? n : 1) {
        n = strspn(hint, "abcdefghijklmnopqrstuvwxyz_0123456789");
        snprintf(call, sizeof call, " %.*s, ", (int)n, hint);
        if (n > 0 && strstr(report, call) != NULL)
            return true;
    }
    return false;
}

static void show_failure(const char *words)
{
    unsigned char *wanted = NULL;
    const char *sentence;
    pid_t pid = 0;
    int number;
    char *report = crash_report(&pid, &number);
    bool ended = true;

    if (shared->unwritten[0] != '\0') {
        show_unwritten("not written yet:", shared->unwritten);
        return;
    }
    if (report != NULL && pid != server_pid) { /* in a process that the test has started for that */
        show_report("your function crashed: ", report);
        printf("\n");
    } else if ((sentence = server_says_unwritten()) != NULL && !is_later(sentence)) {
        show_unwritten("your server says:", sentence);
        return;
    } else {
        ended = show_server_end();
    }
    if (ended)
        show_check(words);
    else
        show_check_and_wait(words);
    if (about.got_text != NULL || about.wanted_text != NULL)
        wanted = wanted_frames();
    if (wanted == NULL && about.wanted_text != NULL) {
        if (shared->is_fed)
            show_fed();
        show_texts();
    } else if (shared->is_fed) {
        show_fed();
    } else {
        show_traffic();
    }
    free(wanted);
    show_how_far();
    report = crash_report(&pid, &number);
    show_end(report == NULL || hint_names_function_of(report));
}

/* One line for a failure. */
static void list_failure(const char *words)
{
    const struct test *test = shared->running;
    char line[200];

    snprintf(line, sizeof line, "%.*s", (int)strcspn(about.words[0] != '\0' ? about.words : words, "\n"),
             about.words[0] != '\0' ? about.words : words);
    printf("  %sFAILED%s  %s\n          %s\n", show_colour(RED), show_colour(PLAIN),
           test != NULL ? test->name : "the start", line);
}

void learn_failure(const char *words)
{
    static atomic_flag failed = ATOMIC_FLAG_INIT;

    if (getpid() != suite_process)
        _exit(EXIT_FAILURE); /* a test's own child: the test will see that */
    if (listing()) {
        list_failure(words);
        learn_holds();
        return;
    }
    if (atomic_flag_test_and_set(&failed)) /* another thread of ours has failed, and is telling */
        for (;;)
            pause();
    set_deadline(2 * REPORT_S);
    show_title();
    show_failure(words);
    _exit(EXIT_FAILURE);
}

void learn_stuck(void)
{
    shared->stuck = true; /* the watcher takes it from here */
    for (;;)
        pause();
}

void learn_unwritten(const char *words)
{
    snprintf(shared->unwritten, sizeof shared->unwritten, "%s", words);
    learn_failure(words);
}

static void end_group(void)
{
    if (shared->group > 0)
        kill(-shared->group, SIGKILL);
}

void learn_group(pid_t group)
{
    if (!learning())
        return;
    end_group();
    shared->group = group;
}

/* ---- the watcher ---- */

static volatile sig_atomic_t interrupted; /* by this signal */

static void on_interrupt(int number)
{
    interrupted = number;
}

/* Ctrl-C may come at any time: what the tests have made is removed first. */
static void watch_for_interrupts(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART}, before;

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

/* So that nothing stays behind. */
static void clean_up(void)
{
    end_group();
    unlink(report_name);
    fflush(stdout);
}

/* A crash or a hang of the tests' process. */
static void show_own(const char *headline, const char *report)
{
    if (listing()) {
        show_title();
        printf("          %s%.*s\n", headline, (int)strcspn(report, "\n"), report);
        return;
    }
    show_title();
    show_report(headline, report);
    if (shared->is_fed)
        show_fed();
    show_end(true);
}

/* The reason of a hang is not always the learner's function: see where.sh. */
static void show_hang(const char *report)
{
    if (foreign() || strncmp(report, "no thread", 9) == 0)
        show_own("the check has waited for the server as long as it may", "");
    else
        show_own("your function hangs: ", report);
}

static bool is_late(void)
{
    return shared->stuck || now_ms() > shared->deadline_ms;
}

static _Noreturn void watch(pid_t tests)
{
    int status, number = 0, result = EXIT_FAILURE;
    pid_t pid = 0;
    char *report, *hang = NULL;

    watch_for_interrupts();
    while (waitpid(tests, &status, WNOHANG) == 0) {
        bool telling = crash_report(&pid, &number) != NULL && pid == tests;
        if (interrupted) {
            kill(tests, SIGKILL);
        } else if (hang == NULL && !telling && is_late()) {
            hang = where(tests);
            if (!is_late()) { /* the tests have gone on meanwhile */
                free(hang);
                hang = NULL;
            } else {
                kill(tests, SIGKILL);
            }
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    if (interrupted) {
        clean_up();
        signal(interrupted, SIG_DFL);
        raise(interrupted);
    }
    report = crash_report(&pid, &number);
    if (hang != NULL)
        show_hang(hang);
    else if (WIFEXITED(status))
        result = WEXITSTATUS(status);
    else if (report != NULL && pid == tests)
        show_own("your function crashed: ", *report != '\0' ? report : strsignal(WTERMSIG(status)));
    else if (WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGTERM)
        show_own("your function crashed: ", strsignal(WTERMSIG(status)));
    clean_up();
    _exit(result);
}

void learn_begin(void)
{
    int report;

    if (!learning() || shared != NULL)
        return;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    report = mkostemp(report_name, O_CLOEXEC);
    if (shared == MAP_FAILED || report < 0 || getcwd(root, sizeof root) == NULL) {
        perror("LEARN");
        exit(EXIT_FAILURE);
    }
    close(report);
    setenv("CRASH_REPORT", report_name, 1);
    shared->suite = "";
    learn_expect_within(SUITE_S);
    setvbuf(stdout, NULL, _IOLBF, 0);
    suite_process = fork();
    if (suite_process < 0)
        exit(EXIT_FAILURE);
    if (suite_process > 0)
        watch(suite_process);
    suite_process = getpid();
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind when the watcher is gone */
#ifdef PR_SET_PTRACER
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* gdb is the watcher's child, not ours */
#endif
}

int learn_suite(const char *name, const struct test *tests, enum outcome (*run)(const struct test *))
{
    shared->suite = name;
    printf("%s\n\n", name);
    for (; tests->name != NULL; tests++) {
        if (tests->lesson > written_lesson() ||
            (passed_lesson() > 0 && tests->lesson != passed_lesson()))
            continue;
        shared->running = tests;
        shared->is_fed = false;
        latest = NULL;
        learn_holds();
        learn_expect_within(WAIT_S);
        switch (run(tests)) {
        case PASSED:
            printf("  %sok%s      %s\n", show_colour(GREEN), show_colour(PLAIN), tests->name);
            shared->passed++;
            break;
        case FAILED:
            shared->failed++;
            break;
        case SKIPPED:
            break;
        }
    }
    printf("\n%d passed, %d failed\n", shared->passed, shared->failed);
    fflush(stdout);
    return shared->failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
