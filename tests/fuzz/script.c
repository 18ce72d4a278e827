/* script.c - see script.h for what a script is */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../../stream.h"
#include "../../wire.h"

struct script script;

/* Milliseconds on the server's clock. */
static int64_t clock_now_ms;

void fail(const char *message, ...)
{
    va_list arguments;

    va_start(arguments, message);
    fprintf(stderr, "wrong: ");
    vfprintf(stderr, message, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

/* ---- what an input says ---- */

/* The switch that a character stands for; NULL: it is a cut. */
static bool *find_switch(unsigned char character)
{
    switch (character) {
    case 'R':
        return &script.repeats;
    case 'Q':
        return &script.ends_quietly;
    case 'X':
        return &script.breaks;
    case 'P':
        return &script.endless_patience;
    case 'L':
        return &script.low_limit;
    case 'V':
        return &script.watched;
    default:
        return NULL;
    }
}

/* Adds a byte to what the peer sends, `count` times, as far as there is room. */
static void add_byte(unsigned char byte, size_t count)
{
    if (count > SCRIPT_BYTES - script.length)
        count = SCRIPT_BYTES - script.length;
    memset(script.bytes + script.length, byte, count);
    script.length += count;
}

/* Reads the number of a repetition, stepping over its digits. */
static size_t read_count(const uint8_t **p, const uint8_t *end)
{
    size_t count = 0;

    while (*p < end && isdigit(**p) && count < SCRIPT_REPEAT_BYTES)
        count = count * 10 + (size_t)(*(*p)++ - '0');
    return count < SCRIPT_REPEAT_BYTES ? count : SCRIPT_REPEAT_BYTES;
}

void script_read(const uint8_t *input, size_t size)
{
    const uint8_t *end = input + size, *p = input, *line_end = memchr(input, '\n', size);

    memset(&script, 0, offsetof(struct script, bytes));
    script.cuts = input;
    script.cut_count = line_end == NULL ? size : (size_t)(line_end - input);
    for (; p < input + script.cut_count; p++)
        if (find_switch(*p) != NULL)
            *find_switch(*p) = true;
    for (p = line_end == NULL ? end : line_end + 1; p < end;) {
        size_t count = 1;
        if (script.repeats && *p == '*') {
            p++;
            count = read_count(&p, end);
        }
        if (p < end)
            add_byte(*p++, count);
    }
}

void script_start(bool whole)
{
    script.whole = whole;
    script.no_silence = false;
    script.on_recv = script.on_stop = NULL;
    script.stopped = false;
    script.cut = script.given = script.silences = script.out_length = 0;
    script.in_hindered = script.out_hindered = script.quiet = script.no_more_out = false;
    script.held_back = false;
}

/* ---- how it is cut ---- */

/* The next cut of the script, switches left out. One that has none cuts nothing: ','. */
static unsigned char next_cut(void)
{
    for (size_t tries = 0; !script.whole && tries < script.cut_count; tries++) {
        unsigned char character = script.cuts[script.cut++ % script.cut_count];
        if (find_switch(character) == NULL)
            return character;
    }
    return ',';
}

/* How many bytes go through now, at most `room`; 0: none, and errno says why. Whatever is hindered
 * once goes through the next time, so that every script comes to its end. */
static size_t piece(size_t room, bool may_block, bool *hindered)
{
    unsigned char character = next_cut();
    size_t most = character == '*' ? 1000 : character == '+' ? STREAM_BUFFER_BYTES : 1 + character % 64u;

    if (character == ',')
        most = room;
    if (character == 'f' && script.on_stop != NULL && !script.stopped) {
        script.stopped = true; /* first, for it may send, and come here again */
        script.on_stop();
    }
    if ((character == 'i' || (character == 'w' && may_block)) && !*hindered) {
        *hindered = true;
        errno = character == 'i' ? EINTR : EAGAIN;
        return 0;
    }
    *hindered = false;
    most *= script.repeats ? SCRIPT_STRETCH : 1;
    return most < room ? most : room;
}

size_t script_piece(size_t room)
{
    size_t n;

    do
        n = piece(room, false, &script.in_hindered);
    while (n == 0);
    return n;
}

/* ---- the calls ---- */

/* What a recv answers behind the last byte. */
static ssize_t receive_end(void)
{
    if (!script.breaks && (!script.ends_quietly || script.endless_patience))
        return 0; /* for ever is too long for us */
    script.quiet = !script.breaks;
    errno = script.breaks ? ECONNRESET : EAGAIN;
    return -1;
}

ssize_t __wrap_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags)
{
    size_t left = script.length - script.given, n;

    require(fd == SCRIPT_FD && flags == 0 && room > 0, "recv of %zu bytes, flags %d", room, flags);
    require(!script.held_back, "a wait for the peer, who has not got all: the last send has MSG_MORE");
    if (script.on_recv != NULL)
        script.on_recv();
    n = piece(room, !script.no_silence && !script.endless_patience && left > 0, &script.in_hindered);
    if (n == 0) {
        script.silences += errno == EAGAIN ? 1 : 0;
        return -1;
    }
    if (left == 0)
        return receive_end();
    n = n < left ? n : left;
    memcpy(to, script.bytes + script.given, n);
    script.given += n;
    return (ssize_t)n;
}

/* A piece of what the server sends goes. */
ssize_t __wrap_send(int fd, const void *from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t length, int flags)
{
    size_t n;

    require(fd == SCRIPT_FD && length > 0, "a send of %zu bytes", length);
    require((flags & MSG_NOSIGNAL) != 0, "a send that may end the process with SIGPIPE");
    require(!script.no_more_out, "a send after the end of sending");
    n = piece(length, (flags & MSG_DONTWAIT) != 0, &script.out_hindered);
    require(n <= SCRIPT_OUT_BYTES - script.out_length, "more comes back than can be");
    if (n == 0)
        return -1;
    memcpy(script.out + script.out_length, from, n);
    script.out_length += n;
    script.held_back = (flags & MSG_MORE) != 0;
    return (ssize_t)n;
}

/* Only a read behind the quiet end waits in vain; then the time is over at once. */
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout)
{
    require(count == 1 && list->fd == SCRIPT_FD, "a poll of something else");
    require(timeout > 0, "a poll for %d milliseconds", timeout);
    if (list->events == POLLIN && script.quiet) {
        clock_now_ms += timeout;
        return 0;
    }
    list->revents = list->events;
    return 1;
}

int __wrap_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how)
{
    require(fd == SCRIPT_FD && how == SHUT_WR, "a shutdown of direction %d", how);
    script.no_more_out = true;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    (void)level, (void)name, (void)value, (void)length;
    require(fd == SCRIPT_FD, "a setsockopt of something else");
    return 0;
}

/* A Sunday in 1994, the example of RFC 9110: a response has the same Date whenever it is made. */
time_t __wrap_time(time_t *to);
time_t __wrap_time(time_t *to)
{
    if (to != NULL)
        *to = 784111777;
    return 784111777;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(clock_now_ms / 1000);
    now->tv_nsec = (long)(clock_now_ms % 1000) * 1000000;
    return 0;
}

/* ---- the wire's view ---- */

static struct wire_watcher watcher;

void script_begin_view(void)
{
    if (script.watched)
        wire_watch(&watcher);
}

/* Requires that an event is harmless as JSON: printable ASCII, and no longer than it may be. */
static void check_json(const struct wire_event *event)
{
    char json[WIRE_JSON_BYTES];
    size_t length = wire_json(event, json);

    require(length < sizeof json && strlen(json) == length, "an event with a length of %zu", length);
    require(json[0] == '{' && json[length - 1] == '}', "an event that is no object: %s", json);
    for (size_t i = 0; i < length; i++)
        require(isascii(json[i]) && isprint(json[i]), "byte %02x in an event", (unsigned char)json[i]);
}

/* Requires that an event is harmless on a terminal: one line of printable ASCII. */
static void check_print(const struct wire_event *event)
{
    static char line[8 * WIRE_LINE_BYTES];
    FILE *to = fmemopen(line, sizeof line, "w");

    require(to != NULL, "there is no memory for a file");
    wire_print(event, to);
    fclose(to);
    require(strchr(line, '\n') == line + strlen(line) - 1, "an event that is not one line: %s", line);
    for (const char *p = line; *p != '\n'; p++)
        require(isascii(*p) && isprint(*p), "byte %02x goes to a terminal", (unsigned char)*p);
}

void script_end_view(void)
{
    struct wire_event event;

    if (!script.watched)
        return;
    for (int i = 0; i < SCRIPT_EVENTS && wire_next(&watcher, &event, false) == WIRE_EVENT; i++) {
        check_json(&event);
        check_print(&event);
    }
    wire_stop_watching(&watcher);
}
