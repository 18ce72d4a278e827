/*
 * faults.c - each call that can fail does so once, and nobody but its own client notices
 *
 * The server that $COUNTED_SERVER names is linked with counted.c, which lets the n-th recv, malloc
 * and so on fail. For each kind of call, each errno that it may have, and each n that a session
 * reaches, a server is started and goes through one session: a bystander comes; then something is
 * armed; then a subscriber to the trace (/wire), a client that wants the page, one that is rejected, one
 * that talks and closes, one that does so in the chat, and one that stays come, one after another; then
 * SIGTERM. What each of them got is compared with what it gets if nothing fails. A call that fails may cost
 * the one client that it was made for, which must then be told in an orderly way, if that is possible.
 * Everybody else, and the bystander always, must get the same bytes.
 *
 *     make check-faults       (looking for memory errors, and again for data races)
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counted.h"
#include "frames.h"
#include "harness.h"

#if defined(_FORTIFY_SOURCE) && _FORTIFY_SOURCE > 0
#error "with _FORTIFY_SOURCE the compiler calls __recv_chk and others, which nothing leads here"
#endif

/* Sessions that run at the same time. They wait most of the time, but a sanitizer computes. */
#define JOBS 2

/* Bytes that a client can get: 70 KB of echo, or the events of a whole session. */
#define VISIT_BYTES (512 * 1024)

/* Seconds for all of it. A busy machine and a sanitizer make four minutes of its half minute. */
#define ALL_S 600

/* More calls of one kind than a session makes. */
#define MOST_CALLS 400

/* A session makes some more calls or fewer, as its threads happen to meet. A number that so many
 * sessions in a row have not reached is taken for the end. */
#define MISSES 3

/* Sessions of a line of the table that may fail before the rest is left out: a failed one may have
 * waited for its deadlines. */
#define MOST_FAILED 2

/* ---- clients ---- */

/* What a connection's client sends, and what must come back: in words, and how many bytes. */
struct step {
    const char *script, *replies;
    size_t length;
};

struct visit {
    const char *target; /* no two are the same, so that the trace's events can be told apart */
    bool upgrades;
    int fd;      /* -1: over */
    bool ended;  /* by the server, */
    int error;   /* in an orderly way (0), or with this errno; EAGAIN: it says nothing */
    size_t want; /* bytes that have been asked for so far */
    size_t length;
    unsigned char got[VISIT_BYTES];
};

enum { BYSTANDER, SUBSCRIBER, PAGE, REJECTED, TALKER, CHATTER, STAYER, VISITS };

static struct visit visits[VISITS] = {
    [BYSTANDER] = {.target = "/echo?bystander", .upgrades = true},
    [SUBSCRIBER] = {.target = "/wire?subscriber", .upgrades = true},
    [PAGE] = {.target = "/?page"},
    [REJECTED] = {.target = "/nowhere?rejected"},
    [TALKER] = {.target = "/echo?talker", .upgrades = true},
    [CHATTER] = {.target = "/chat?name=ada", .upgrades = true},
    [STAYER] = {.target = "/?stayer", .upgrades = true},
};

static const char switched[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
#define SWITCHED_BYTES (sizeof switched - 1)

static const char going_away[] = "\x88\x18\x03\xe9the server is stopping";
#define GOING_AWAY_BYTES (sizeof going_away - 1)

/* The bystander's last echo, as the trace shows it: all that was recorded before it has come by then. */
static const char mark[] = "81046d61726b";
#define MARK_BYTES (sizeof mark - 1)

static const struct step talk[] = {
    {"81:6f6e65", "text:6f6e65", 5},
    {"01:61 89:70 80:62", "pong:70 text:6162", 3 + 4},
    {"81:61 82:6263 89:", "text:61 binary:6263 pong", 3 + 4 + 2},
    {"89:68656c6c6f", "pong:68656c6c6f", 7},
    {"82*70000", "binary*70000", 10 + 70000},
    {"88:03e8", "close:1000", 4},
};
static const struct step chat[] = {
    {"", "text:2a2061646120686173206a6f696e6564", 2 + 16}, /* "* ada has joined" comes unasked */
    {"81:6f6e65", "text:6164613a206f6e65", 2 + 8},
    {"01:61 89:70 80:62", "pong:70 text:6164613a206162", 3 + 2 + 7},
    {"82:63", "text:6164613a2063", 2 + 6},
    {"88:03e8", "close:1000", 4},
};
static const struct step stay = {"81:73746179", "text:73746179", 6};
/* What each of them does who does something. */
static const struct part {
    const struct step *steps;
    size_t count;
    bool leaves;
} parts[VISITS] = {
    [TALKER] = {talk, sizeof talk / sizeof talk[0], true},
    [CHATTER] = {chat, sizeof chat / sizeof chat[0], true},
    [STAYER] = {&stay, 1, false},
};
static const struct step stand_by = {"81:62", "text:62", 3};
static const struct step mark_it = {"81:6d61726b", "text:6d61726b", 6};

/* What went wrong in this session first, in words; "": nothing. */
static char complaint[3000];

static void complain(const char *message, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *message, ...)
{
    va_list list;

    if (complaint[0] != '\0')
        return;
    va_start(list, message);
    vsnprintf(complaint, sizeof complaint, message, list);
    va_end(list);
}

/* Receives once. Returns whether there may be more. */
static bool receive_some(struct visit *v, size_t room, int flags)
{
    ssize_t n;

    if (v->ended || v->fd < 0 || room == 0)
        return false;
    n = recv(v->fd, v->got + v->length, room, flags);
    if (n > 0) {
        v->length += (size_t)n;
    } else if (n == 0 || errno != EAGAIN || (flags & MSG_DONTWAIT) == 0) {
        v->ended = true;
        v->error = n < 0 ? errno : 0;
    }
    return n > 0;
}

/* Receives until there are so many bytes in all, or the server ends it. */
static void receive_until(struct visit *v, size_t length)
{
    while (v->length < length && receive_some(v, length - v->length, 0))
        ;
}

/* Receives until those bytes have come, or the server ends it. */
static void receive_until_bytes(struct visit *v, const void *bytes, size_t length)
{
    size_t searched = 0;

    while (memmem(v->got + searched, v->length - searched, bytes, length) == NULL) {
        searched = v->length < length ? 0 : v->length - length;
        if (!receive_some(v, VISIT_BYTES - v->length, 0))
            return;
    }
}

static void leave(struct visit *v)
{
    if (v->fd < 0)
        return;
    receive_until(v, VISIT_BYTES);
    close(v->fd);
    v->fd = -1;
}

/* Comes, and asks. One that is no upgrade gets its whole response, and is ended by the server. */
static void come(struct visit *v)
{
    char request[200];

    v->fd = dial();
    v->ended = false;
    v->error = 0;
    v->length = 0;
    v->want = SWITCHED_BYTES;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", v->target);
    send_text(v->fd, v->upgrades ? upgrade_request(v->target, "") : request);
    if (v->upgrades)
        receive_until(v, v->want);
    else
        leave(v);
}

static void take_step(struct visit *v, const struct step *step)
{
    size_t length;
    unsigned char *bytes;

    if (v->ended)
        return;
    bytes = frames(step->script, &length);
    send_bytes(v->fd, bytes, length); /* if it fails, receiving says more */
    v->want += step->length;
    receive_until(v, v->want);
    free(bytes);
}

/* ---- the session ---- */

static struct counts *counts;
static int threads, descriptors; /* that the server had when the bystander had come */

/* Takes what has come for one that stays; one that the server has ended leaves. */
static bool is_there(struct visit *v)
{
    while (receive_some(v, VISIT_BYTES - v->length, MSG_DONTWAIT))
        ;
    if (v->ended)
        leave(v);
    return v->fd >= 0;
}

/* A subscriber has two threads. */
static bool all_is_back(void)
{
    int subscriber = is_there(&visits[SUBSCRIBER]), stayer = is_there(&visits[STAYER]);

    return server_threads() == threads + 2 * subscriber + stayer &&
           server_descriptors() == descriptors + subscriber + stayer;
}

static void arm(enum call call, int error, long which)
{
    counts->fault.call = call;
    counts->fault.error = error;
    counts->fault.which = which;
    atomic_store(&counts->fault.armed, true);
}

static void everybody_comes(void)
{
    static const int order[] = {SUBSCRIBER, PAGE, REJECTED, TALKER, CHATTER, STAYER};

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        const struct part *part = &parts[order[i]];
        come(&visits[order[i]]);
        for (size_t k = 0; k < part->count; k++)
            take_step(&visits[order[i]], &part->steps[k]);
        if (part->leaves)
            leave(&visits[order[i]]);
        is_there(&visits[SUBSCRIBER]);
        take_step(&visits[BYSTANDER], &stand_by);
    }
}

/* A client that is still there is told that the server stops, and replies. */
static void end_visit(struct visit *v)
{
    size_t length;
    unsigned char *reply = frames("88:03e9", &length);

    if (v->fd >= 0)
        receive_until_bytes(v, going_away, GOING_AWAY_BYTES);
    if (v->fd >= 0 && !v->ended)
        send_bytes(v->fd, reply, length);
    leave(v);
    free(reply);
}

static void stop(void)
{
    int status;

    server_signal(SIGTERM);
    end_visit(&visits[SUBSCRIBER]);
    end_visit(&visits[STAYER]);
    end_visit(&visits[BYSTANDER]);
    status = server_end(0); /* no further signal */
    if (status != 0)
        complain("the server must end with 0, not %d. It said: %.2000s", status, program_err);
}

static bool has_said_something(void)
{
    return server_said()[0] != '\0';
}

/* Whether the client without a second thread was told so: the subscriber or the one in the chat. */
static bool sender_was_missed(void)
{
    static const char why[] = "no thread to send with";

    return visits[SUBSCRIBER].fd < 0 ||
           memmem(visits[CHATTER].got, visits[CHATTER].length, why, strlen(why)) != NULL;
}

/* Has a session, in which one call fails (which > 0). The server must say `says` of it (NULL: nothing);
 * but it need not of a failure that comes while it stops, which does no harm any more, or if it has told
 * the client. */
static void have_session(enum call call, int error, long which, const char *says)
{
    complaint[0] = '\0';
    server_start("--wire", "--max-connections", "20");
    come(&visits[BYSTANDER]);
    take_step(&visits[BYSTANDER], &stand_by);
    threads = server_threads();
    descriptors = server_descriptors();
    arm(call, error, which);
    everybody_comes();
    if (!eventually(all_is_back))
        complain("the server had %d threads and %d descriptors before, and now %d and %d, with%s "
                 "subscriber and with%s one that stays",
                 threads, descriptors, server_threads(), server_descriptors(),
                 visits[SUBSCRIBER].fd < 0 ? "out a" : " a", visits[STAYER].fd < 0 ? "out" : "");
    take_step(&visits[BYSTANDER], &mark_it);
    receive_until_bytes(&visits[SUBSCRIBER], mark, MARK_BYTES);
    if (says != NULL && counts->fault.failed > 0 && !sender_was_missed() &&
        !eventually(has_said_something))
        complain("the server should say: %s", says);
    stop();
}

static void forget_counts(void)
{
    memset(counts, 0, sizeof *counts);
}

/* ---- what the clients got ---- */

enum outcome {
    WHOLE,
    TOLD_500,
    TOLD_503,
    TOLD_1011,
    ENDED,      /* between frames, or before a response, and in an orderly way */
    RESET,      /* the same, but not orderly */
    BROKEN_OFF, /* inside a frame or a response; all up to there was right */
    OUTCOMES,
};

static const char *const outcome_words[OUTCOMES] = {
    [WHOLE] = "unnoticed", [TOLD_500] = "500", [TOLD_503] = "503",          [TOLD_1011] = "close 1011",
    [ENDED] = "ended",     [RESET] = "reset",  [BROKEN_OFF] = "broken off",
};

/* What each one gets if nothing fails; and what the trace records of each of them. */
static struct visit reference[VISITS];
static char *reference_events[VISITS];

/* The length of the frame at `at`; 0: it is not complete. */
static size_t frame_length(const struct visit *v, size_t at)
{
    return frame_size(v->got + at, v->length - at);
}

static bool has_switched(const struct visit *v)
{
    return v->length >= SWITCHED_BYTES && memcmp(v->got, switched, SWITCHED_BYTES) == 0;
}

/* Where the last whole frame ends; *last is where it begins. */
static size_t end_of_frames(const struct visit *v, size_t *last)
{
    size_t at = SWITCHED_BYTES, length;

    for (*last = at; at < v->length && (length = frame_length(v, at)) > 0; at += length)
        *last = at;
    return at;
}

/* Takes a last frame that is Close 1011 out of what has come. */
static bool drop_1011(struct visit *v)
{
    size_t last, end = end_of_frames(v, &last);

    if (end != v->length || end < last + 4 || memcmp(v->got + last + 2, "\x03\xf3", 2) != 0 ||
        v->got[last] != 0x88)
        return false;
    v->length = last;
    return true;
}

/* Whether it was cut off between frames, or before the response. */
static bool is_at_an_end(const struct visit *v)
{
    size_t last;

    if (!v->upgrades || v->length < SWITCHED_BYTES)
        return v->length == 0;
    return end_of_frames(v, &last) == v->length;
}

/* The time of a response differs from that of another. */
static void mask_date(struct visit *v)
{
    unsigned char *date = memmem(v->got, v->length, "\r\nDate: ", 8), *end = v->got + v->length;

    if (date == NULL)
        return;
    for (date += 8; date < end && *date != '\r'; date++)
        *date = '*';
}

/* The status of a whole response; 0: it is none. */
static int whole_response(const struct visit *v)
{
    char text[1000];
    size_t length = v->length < sizeof text - 1 ? v->length : sizeof text - 1;
    const char *body, *claimed;

    memcpy(text, v->got, length);
    text[length] = '\0';
    body = strstr(text, "\r\n\r\n");
    claimed = strstr(text, "\r\nContent-Length: ");
    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || body == NULL || claimed == NULL || claimed > body)
        return 0;
    length = v->length - (size_t)(body + 4 - text);
    return strtoul(claimed + strlen("\r\nContent-Length: "), NULL, 10) == length ? atoi(text + 9) : 0;
}

/* ---- what the subscriber got ---- */

/* The next event at *at, as a text that the next call overwrites; NULL: there is none. */
static const char *next_event(const struct visit *v, size_t *at)
{
    static char event[8000];
    size_t length = *at < v->length ? frame_length(v, *at) : 0, header = length < 126 + 2 ? 2 : 4;

    if (length == 0 || v->got[*at] != 0x81 || length - header >= sizeof event)
        return NULL;
    memcpy(event, v->got + *at + header, length - header);
    event[length - header] = '\0';
    *at += length;
    return event;
}

/* Whether the subscriber's events are JSON, and none was dropped; *at is set to what follows them. */
static bool events_are_sound(const struct visit *v, size_t *at)
{
    unsigned long long n, last = 0;
    const char *event;

    for (*at = SWITCHED_BYTES; (event = next_event(v, at)) != NULL; last = n) {
        if (sscanf(event, "{\"n\":%llu,\"t\":", &n) != 1 || event[strlen(event) - 1] != '}' ||
            strstr(event, "\"dropped\"") != NULL)
            return false;
        if (last != 0 && n != last + 1)
            return false;
    }
    return true;
}

/* The number under which the trace knows a client; 0: it does not. */
static unsigned long conn_of(const struct visit *subscriber, const struct visit *v)
{
    char line[100];
    size_t at = SWITCHED_BYTES;
    const char *event;

    snprintf(line, sizeof line, "\"text\":\"GET %s HTTP", v->target);
    while ((event = next_event(subscriber, &at)) != NULL)
        if (strstr(event, line) != NULL)
            return strtoul(strstr(event, "\"conn\":") + strlen("\"conn\":"), NULL, 10);
    return 0;
}

/* All that was recorded of a client up to the mark, an event a line, without times, numbers and dates.
 * The caller frees it. */
static char *events_of(const struct visit *subscriber, const struct visit *v)
{
    char start[40], *text = NULL;
    size_t at = SWITCHED_BYTES, size;
    FILE *to = open_memstream(&text, &size);
    const char *event, *rest;

    if (to == NULL)
        abort();
    snprintf(start, sizeof start, "\"conn\":%lu,", conn_of(subscriber, v));
    while ((event = next_event(subscriber, &at)) != NULL && strstr(event, mark) == NULL) {
        rest = strstr(event, start);
        if (rest != NULL && strstr(event, "\"text\":\"Date:") == NULL &&
            strstr(event, "\"event\":\"connected\"") == NULL)
            fprintf(to, "%s\n", rest + strlen(start));
    }
    fclose(to);
    return text;
}

/* ---- the judgement ---- */

/* Whether what has come is the beginning of what should come, or all of it. */
static bool is_beginning(const struct visit *v, int who)
{
    size_t at, head = v->length < SWITCHED_BYTES ? v->length : SWITCHED_BYTES;
    bool left_over;

    if (who != SUBSCRIBER)
        return v->length <= reference[who].length && memcmp(v->got, reference[who].got, v->length) == 0;
    if (memcmp(v->got, switched, head) != 0)
        return false;
    if (!has_switched(v))
        return true;
    if (!events_are_sound(v, &at))
        return false;
    left_over = v->length > at && frame_length(v, at) > 0; /* that can only be Close 1001 */
    return !left_over || (v->length - at == GOING_AWAY_BYTES &&
                          memcmp(v->got + at, going_away, GOING_AWAY_BYTES) == 0);
}

static bool is_complete(const struct visit *v, int who)
{
    if (v->error != 0)
        return false;
    if (who != SUBSCRIBER)
        return v->length == reference[who].length;
    return has_switched(v) && v->length >= GOING_AWAY_BYTES &&
           memcmp(v->got + v->length - GOING_AWAY_BYTES, going_away, GOING_AWAY_BYTES) == 0;
}

/* What became of a client. Complains if that should never be. */
static enum outcome judge(int who)
{
    struct visit *v = &visits[who];
    int status = whole_response(v);
    bool told;

    mask_date(v);
    if (v->error == EAGAIN)
        complain("%s: the server said nothing more after %zu bytes", v->target, v->length);
    if (v->error == 0 && (status == 500 || status == 503))
        return status == 500 ? TOLD_500 : TOLD_503;
    told = has_switched(v) && drop_1011(v);
    if (!is_beginning(v, who))
        complain("%s got wrong bytes, %zu of them, such as: %.600s", v->target, v->length,
                 has_switched(v) ? describe(v->got + SWITCHED_BYTES, v->length - SWITCHED_BYTES)
                                 : (const char *)v->got);
    if (told)
        return TOLD_1011;
    if (is_complete(v, who))
        return WHOLE;
    if (!is_at_an_end(v))
        return BROKEN_OFF;
    return v->error == 0 ? ENDED : RESET;
}

/* What is recorded of a client that noticed nothing is also the same. Of one that stays, the last that
 * was recorded before the mark may be sooner or later by an event: as far as both go. */
static void compare_events(int who)
{
    char *events = events_of(&visits[SUBSCRIBER], &visits[who]);
    const char *wanted = reference_events[who];
    size_t length = wanted == NULL ? 0 : strlen(wanted), same = 0;

    if (who == STAYER && strlen(events) < length)
        length = strlen(events);
    if (wanted != NULL &&
        (strncmp(events, wanted, length) != 0 || (who != STAYER && strlen(events) != length))) {
        while (events[same] != '\0' && events[same] == wanted[same])
            same++;
        complain("the trace of %s is right for %zu bytes; then it should be:\n%.1200s\nbut is:\n%.1200s",
                 visits[who].target, same, wanted + same, events + same);
    }
    free(events);
}

/* Judges a session: what became of the one that was hit, if one was. */
static enum outcome judge_session(const char *may_say)
{
    enum outcome all[VISITS], worst = WHOLE;
    int hit = 0;

    for (int who = 0; who < VISITS; who++) {
        all[who] = judge(who);
        hit += all[who] != WHOLE;
        worst = all[who] != WHOLE ? all[who] : worst;
    }
    if (all[BYSTANDER] != WHOLE)
        complain("the bystander noticed: %s", outcome_words[all[BYSTANDER]]);
    if (hit > 1)
        complain("one call failed, but %d clients noticed", hit);
    for (int who = PAGE; who < VISITS && all[SUBSCRIBER] == WHOLE; who++)
        if (all[who] == WHOLE)
            compare_events(who);
    if (program_err[0] != '\0' && (may_say == NULL || strstr(program_err, may_say) == NULL ||
                                   strchr(program_err, '\n') != strrchr(program_err, '\n')))
        complain("the server said: %.2000s", program_err);
    return worst;
}

/* ---- many sessions ---- */

/* A line of the table. What is not in `allowed` must not become of anybody, and what is in `must`
 * has to become of somebody. */
static const struct row {
    const char *name;
    const char *says; /* words that the server must say of it, once; NULL: nothing */
    enum call call;
    int error;
    unsigned allowed, must;
} rows[] = {
#define BIT(outcome) (1u << (outcome))
#define GONE (BIT(ENDED) | BIT(RESET))
    {"recv", NULL, CALL_RECV, EINTR, 0, 0},
    {"recv", NULL, CALL_RECV, ECONNRESET, BIT(ENDED), BIT(ENDED)},
    {"recv", NULL, CALL_RECV, ETIMEDOUT, BIT(ENDED), BIT(ENDED)},
    {"send", NULL, CALL_SEND, EINTR, 0, 0},
    {"send", NULL, CALL_SEND, ETIMEDOUT, GONE | BIT(BROKEN_OFF), 0},
    {"send", NULL, CALL_SEND, ECONNRESET, GONE | BIT(BROKEN_OFF), 0},
    {"send", NULL, CALL_SEND, EPIPE, GONE | BIT(BROKEN_OFF), 0},
    {"send", NULL, CALL_SEND, ENOBUFS, GONE | BIT(BROKEN_OFF), 0},
    {"poll", NULL, CALL_POLL, ENOMEM, 0, 0},
    {"malloc", NULL, CALL_MALLOC, ENOMEM, BIT(TOLD_500) | BIT(TOLD_503), BIT(TOLD_500) | BIT(TOLD_503)},
    {"calloc", NULL, CALL_CALLOC, ENOMEM, 0, 0},
    {"realloc", NULL, CALL_REALLOC, ENOMEM, BIT(TOLD_1011), BIT(TOLD_1011)},
    {"mmap", "cannot make room for a client for now", CALL_MMAP, ENOMEM, GONE, 0},
    {"pthread_create", "cannot start a client's thread for now", CALL_PTHREAD_CREATE, EAGAIN,
     GONE | BIT(TOLD_1011), BIT(TOLD_1011)},
    {"accept4", "cannot accept clients for now", CALL_ACCEPT4, EMFILE, 0, 0},
    {"accept4", "cannot accept clients for now", CALL_ACCEPT4, ENFILE, 0, 0},
    {"accept4", "cannot accept clients for now", CALL_ACCEPT4, ENOMEM, 0, 0},
    {"accept4", NULL, CALL_ACCEPT4, ECONNABORTED, 0, 0},
    {"accept4", NULL, CALL_ACCEPT4, EINTR, 0, 0},
    {"setsockopt", NULL, CALL_SETSOCKOPT, ENOMEM, 0, 0},
};
#define ROWS (sizeof rows / sizeof rows[0])

/* Calls that the server's own files do not make in such a session. They are in the table so that they are
 * tested from the day on when they do. Compressed messages have a test of their own. */
static bool is_unused(enum call call)
{
    return call == CALL_CALLOC || call == CALL_POLL || call >= CALL_DEFLATE_INIT;
}

/* Most bytes that one recv gives, or one send takes: all numbers up to SMALL_SIZES, then those
 * around which something changes: the trace keeps 498 bytes of a payload, lengths of 126 and 65536
 * take more bytes of header, a buffer has 16 KiB. */
#define SMALL_SIZES 40
static const size_t large_sizes[] = {64,  125, 126,  127,  128,   129,   255,   497,
                                     498, 499, 1000, 4096, 16383, 16384, 16385, 65536};
#define SIZES (SMALL_SIZES + sizeof large_sizes / sizeof large_sizes[0])

static size_t size_number(size_t i)
{
    return i < SMALL_SIZES ? i + 1 : large_sizes[i - SMALL_SIZES];
}

/* Lines of the table behind the rows: short recvs, and short sends. */
#define SHORT_LINES 2

/* What a line of the table says in the end; the parent reads it. */
struct report {
    long sessions, failed;
    long reached; /* sessions in which the call was made to fail */
    long outcomes[OUTCOMES];
    long at;          /* the call, or the size, that is being tried now */
    char first[3200]; /* the first complaint */
};
static struct report *reports; /* ROWS, and SHORT_LINES behind them */

static void file_report(struct report *report, enum outcome outcome, unsigned allowed)
{
    if (outcome != WHOLE && (allowed & BIT(outcome)) == 0)
        complain("a client noticed, which it must not: %s", outcome_words[outcome]);
    report->sessions++;
    report->outcomes[outcome]++;
    report->failed += complaint[0] != '\0';
    if (report->first[0] == '\0' && complaint[0] != '\0')
        snprintf(report->first, sizeof report->first, "%ld: %s", report->at, complaint);
}

/* Has a session in which call number report->at fails. Returns whether that was reached. */
static bool run_one(const struct row *row, struct report *report)
{
    enum outcome outcome;
    bool reached;

    forget_counts();
    have_session(row->call, row->error, report->at, row->says);
    reached = counts->fault.failed > 0;
    outcome = judge_session(reached ? row->says : NULL);
    if (!reached && outcome != WHOLE)
        complain("nothing failed, but a client noticed: %s", outcome_words[outcome]);
    file_report(report, outcome, row->allowed);
    report->reached += reached;
    return reached;
}

/* Lets call number 1, 2, 3 ... fail, as far as calls go. */
static void run_row(const struct row *row, struct report *report)
{
    int misses = 0;

    for (report->at = 1; misses < MISSES && report->at <= MOST_CALLS; report->at++) {
        misses = run_one(row, report) ? 0 : misses + 1;
        if (report->failed >= MOST_FAILED)
            break;
    }
}

static void run_short(bool sends, struct report *report)
{
    for (size_t i = 0; i < SIZES && report->failed < MOST_FAILED; i++) {
        size_t most = size_number(i);
        report->at = (long)most;
        forget_counts();
        counts->receive_most = sends ? 0 : most;
        counts->send_most = sends ? most : 0;
        have_session(CALL_RECV, 0, 0, NULL);
        file_report(report, judge_session(NULL), 0);
        report->reached++;
    }
}

/* Also called if the harness ends the process, because no server answers: it may have said why. */
static void end_line(void)
{
    remove_counts();
    if (counts->fault.armed && kill(server_pid, 0) == 0 && server_said()[0] != '\0')
        fprintf(stderr, "The server said: %s\n", program_err);
}

/* The process of one line of the table: its sessions are its own, and so is its counts' file. */
static void run_line(size_t line)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(ALL_S);
    counts = share_counts();
    atexit(end_line);
    if (line < ROWS)
        run_row(&rows[line], &reports[line]);
    else
        run_short(line == ROWS + 1, &reports[line]);
    forget_counts();
    exit(EXIT_SUCCESS);
}

/* Runs all lines, JOBS at a time. One that ends early has found something too: the harness ends it
 * if no server answers. The short ones take long, and begin first. */
static void run_lines(void)
{
    pid_t pids[ROWS + SHORT_LINES];
    size_t begun = 0, ended = 0, lines = ROWS + SHORT_LINES;
    int status;

    while (ended < lines) {
        if (begun < lines && begun - ended < JOBS) {
            pids[begun] = fork();
            if (pids[begun] == 0)
                run_line(lines - 1 - begun);
            begun++;
            continue;
        }
        pid_t pid = wait(&status);
        for (size_t i = 0; i < begun; i++)
            if (pids[i] == pid && status != 0) {
                struct report *report = &reports[lines - 1 - i];
                report->failed++;
                snprintf(report->first, sizeof report->first,
                         "%ld: the session ended early (status %d), see above", report->at, status);
            }
        ended++;
    }
}

/* ---- the tests ---- */

static long passed, failed;

/* What came back for all steps of one that leaves. */
static void expect_replies(int who)
{
    const struct visit *v = &visits[who];
    char wanted[400] = "";

    for (size_t i = 0; i < parts[who].count; i++)
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%s", i == 0 ? "" : " ",
                 parts[who].steps[i].replies);
    EXPECT(has_switched(v), "101 for %s", v->target);
    EXPECT_TEXT(describe(v->got + SWITCHED_BYTES, v->length - SWITCHED_BYTES), wanted, "what %s gets",
                v->target);
}

/* Nothing fails: what comes then is what all else is compared with, so it is looked at closely. */
static void nothing_fails(void)
{
    forget_counts();
    have_session(CALL_RECV, 0, 0, NULL);
    for (int who = 0; who < VISITS; who++) {
        mask_date(&visits[who]);
        reference[who] = visits[who];
        reference_events[who] = events_of(&visits[SUBSCRIBER], &visits[who]);
    }
    EXPECT(judge_session(NULL) == WHOLE && complaint[0] == '\0', "a session without a fault: %s",
           complaint);
    expect_replies(TALKER);
    expect_replies(CHATTER);
    EXPECT_TEXT(describe(visits[STAYER].got + SWITCHED_BYTES, visits[STAYER].length - SWITCHED_BYTES),
                "text:73746179 close:1001", "what one that stays gets");
    EXPECT(strncmp((char *)visits[PAGE].got, "HTTP/1.1 200 ", 13) == 0, "200 for the page");
    EXPECT(strncmp((char *)visits[REJECTED].got, "HTTP/1.1 404 ", 13) == 0, "404 for the rejected");
    for (int who = PAGE; who < VISITS; who++)
        EXPECT(strlen(reference_events[who]) > 100, "the trace tells of %s", visits[who].target);
    for (int call = 0; call < CALLS; call++)
        EXPECT((counts->fault.reached[call] == 0) == is_unused((enum call)call),
               "call number %d of enum call was made %ld times", call, counts->fault.reached[call]);
}

/* The sessions that did not reach such a call are not among the outcomes. */
static void print_line(const char *call, const char *errors, const struct report *report)
{
    const char *comma = "";

    printf("%-14s | %-12s | %7ld | ", call, errors, report->reached);
    for (int i = 0; i < OUTCOMES; i++) {
        long count = report->outcomes[i];
        if (i == WHOLE && count > 0)
            count -= report->sessions - report->reached;
        if (count > 0)
            printf("%s%ld %s", comma, count, outcome_words[i]);
        comma = count > 0 ? ", " : comma;
    }
    printf("%s%s\n", report->reached == 0 ? "(never called)" : "", report->failed > 0 ? "  FAILED" : "");
}

static const char *error_name(int error)
{
    return strerrorname_np(error);
}

static void judge_line(const char *call, const char *errors, const struct report *report)
{
    print_line(call, errors, report);
    passed += report->sessions - report->failed > 0 ? report->sessions - report->failed : 0;
    failed += report->failed;
    EXPECT(report->failed == 0, "%s, %s, number %s", call, errors, report->first);
}

static void each_call_fails(void)
{
    alarm(ALL_S);
    run_lines();
    printf("\n%-14s | %-12s | %-7s | %s\n", "call", "errno", "reached", "outcomes");
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        judge_line(row->name, error_name(row->error), &reports[i]);
        if (!EXPECT((reports[i].reached == 0) == is_unused(row->call), "%s was made to fail %ld times",
                    row->name, reports[i].reached))
            failed++;
        for (int k = 0; k < OUTCOMES; k++)
            if ((row->must & BIT(k)) != 0 &&
                !EXPECT(reports[i].outcomes[k] > 0, "%s, %s: nobody got %s", row->name,
                        error_name(row->error), outcome_words[k]))
                failed++;
    }
    judge_line("recv", "at most k", &reports[ROWS]);
    judge_line("send", "at most k", &reports[ROWS + 1]);
}

/* ---- at the start ---- */

#define START_OPTIONS \
    "--wire", "--verbose", "--origin", "https://a.example", "--origin", "https://b.example"
#define ORIGINS 2

/* Lets a call of one kind fail that is made before the first client. The server must say so in a line, and
 * end with 1. */
static void ends_at_start(const char *name, enum call call, int error, long which)
{
    int status;

    forget_counts();
    arm(call, error, which);
    status = program_run("--port=0", START_OPTIONS);
    EXPECT(status == 1 && strncmp(program_err, "server: ", 8) == 0 &&
               strchr(program_err, '\n') == program_err + strlen(program_err) - 1,
           "%s fails at the start: expected a line and status 1, got %d: %s", name, status, program_err);
    EXPECT(call != CALL_REALLOC || strstr(program_err, "memory") != NULL,
           "memory runs out at the start, and the server says: %s", program_err);
    printf("%-14s | %-12s | start %ld | %s", name, error_name(error), which, program_err);
}

/* The same for what only the page is lost by: it must say so, and serve all others. */
static void loses_page_at_start(long which)
{
    forget_counts();
    arm(CALL_REALLOC, ENOMEM, which);
    server_start(START_OPTIONS);
    come(&visits[BYSTANDER]);
    take_step(&visits[BYSTANDER], &stand_by);
    EXPECT(visits[BYSTANDER].length == SWITCHED_BYTES + stand_by.length, "an echo without the page");
    EXPECT(strncmp(server_said(), "server: no page: ", 17) == 0,
           "memory runs out for the page's list, and the server says: %s", program_err);
    close(visits[BYSTANDER].fd);
    server_stop();
}

static void faults_at_the_start(void)
{
    long reallocs;

    forget_counts();
    arm(CALL_RECV, 0, 0);
    server_start(START_OPTIONS);
    reallocs = counts->fault.reached[CALL_REALLOC];
    EXPECT(counts->fault.reached[CALL_SETSOCKOPT] == 1 &&
               counts->fault.reached[CALL_PTHREAD_CREATE] == 1 && reallocs > ORIGINS,
           "the calls at the start are those that are made to fail here");
    server_stop();
    ends_at_start("setsockopt", CALL_SETSOCKOPT, ENOMEM, 1);
    ends_at_start("pthread_create", CALL_PTHREAD_CREATE, EAGAIN, 1);
    ends_at_start("accept4", CALL_ACCEPT4, EBADF, 1); /* the listener is lost for good */
    for (long n = 1; n <= reallocs; n++)
        if (n <= ORIGINS)
            ends_at_start("realloc", CALL_REALLOC, ENOMEM, n);
        else
            loses_page_at_start(n);
}

/* How often the server has said that it cannot accept clients. */
static int complaints(void)
{
    int count = 0;

    for (const char *said = server_said(); (said = strstr(said, "cannot accept clients")) != NULL;
         said++)
        count++;
    return count;
}

static bool has_complained_once(void)
{
    return complaints() == 1;
}

static bool has_complained_again(void)
{
    return complaints() > 1;
}

/* What lasts is said again after an hour, for whoever reads the newest lines of a log. */
static void complains_again(void)
{
    enum { CLIENTS = 40 };
    int clients[CLIENTS];

    forget_counts();
    server_descriptor_limit = 24;
    server_start("--port=0");
    server_descriptor_limit = 0;
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = dial();
    EXPECT(eventually(has_complained_once), "running out of descriptors is said: %s", server_said());
    counts->ahead_s = 3601;
    EXPECT(eventually(has_complained_again), "an hour later it must be said again: %s", server_said());
    EXPECT(complaints() == 2, "an hour later it is said once, not: %s", server_said());
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    server_stop();
}

/* ---- compressed messages ---- */

/* A message comes compressed, then two come that are long enough to go back so. What memory is wanted for, and
 * what must come back if it has run out: replies is as describe puts it, of a message the kind alone. */
static const struct {
    const char *name;
    enum call call;
    long which; /* the first malloc is the request's, so is the second */
    const char *replies;
} lacks[] = {
    {"nothing", CALL_INFLATE, 0, "text rsv-binary rsv-binary"},
    {"calloc", CALL_CALLOC, 1, "close:1011"},
    {"inflateInit2", CALL_INFLATE_INIT, 1, "close:1011"},
    {"inflate", CALL_INFLATE, 1, "close:1011"},
    {"inflate", CALL_INFLATE, 2, "close:1011"},
    {"realloc", CALL_REALLOC, 1, "close:1011"},
    {"malloc", CALL_MALLOC, 3, "text binary rsv-binary"},
    {"malloc", CALL_MALLOC, 4, "text rsv-binary binary"},
    {"deflateInit2", CALL_DEFLATE_INIT, 1, "text binary rsv-binary"},
    {"deflateInit2", CALL_DEFLATE_INIT, 2, "text rsv-binary binary"},
};

/* What the replies are, without what is in them, but for a Close frame. */
static const char *kinds_of(const char *told)
{
    static char kinds[200];
    size_t n = 0;

    for (; *told != '\0'; told += *told == ' ' ? 1 : 0) {
        size_t word = strcspn(told, " "),
               kind = strncmp(told, "close", 5) == 0 ? word : strcspn(told, ":* ");
        n += (size_t)snprintf(kinds + n, sizeof kinds - n, "%s%.*s", n > 0 ? " " : "", (int)kind, told);
        told += word;
    }
    return kinds;
}

static void lack_of_memory_for_compression(void)
{
    static unsigned char got[10000];
    size_t length;
    unsigned char *bytes = frames("c1:f248cdc9c90700 82*1000 82*1000", &length);

    for (size_t i = 0; i < sizeof lacks / sizeof lacks[0]; i++) {
        ssize_t n = 0, more;
        int fd;
        forget_counts();
        server_start("--compress");
        arm(lacks[i].call, ENOMEM, lacks[i].which);
        websocket_fields = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        fd = open_websocket();
        websocket_fields = "";
        send_bytes(fd, bytes, length);
        shutdown(fd, SHUT_WR);
        while ((more = recv(fd, got + n, sizeof got - (size_t)n, 0)) > 0)
            n += more;
        close(fd);
        EXPECT_TEXT(kinds_of(describe(got, (size_t)n)), lacks[i].replies, "%s fails, number %ld",
                    lacks[i].name, lacks[i].which);
        EXPECT(counts->fault.failed == (lacks[i].which > 0),
               "%s, number %ld, was made to fail %ld times", lacks[i].name, lacks[i].which,
               counts->fault.failed);
        counts->fault.armed = false;
        server_stop(); /* which notices what was not given back, under sanitizers */
    }
    free(bytes);
}

int main(void)
{
    static const struct test tests[] = {
        {"a session in which nothing fails", nothing_fails},
        {"a session in which one call fails, for each of them", each_call_fails},
        {"a call fails at the start", faults_at_the_start},
        {"memory runs out for compressed messages", lack_of_memory_for_compression},
        {"what lasts is said again after an hour", complains_again},
        {0},
    };
    const char *counted = getenv("COUNTED_SERVER");
    int status;

    if (counted == NULL || setenv("SERVER", counted, 1) != 0) {
        fprintf(stderr, "COUNTED_SERVER must name the server that is linked with counted.c\n");
        return EXIT_FAILURE;
    }
    counts = share_counts();
    reports = mmap(NULL, (ROWS + SHORT_LINES) * sizeof *reports, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (reports == MAP_FAILED)
        abort();
    status = run_suite("faults", tests);
    remove_counts();
    failed += status != EXIT_SUCCESS && failed == 0;
    printf("%ld passed, %ld failed\n", passed, failed);
    return status;
}
