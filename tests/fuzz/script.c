/* script.c - see script.h for what a script is */
#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "../../trace.h"
#include "../../wire.h"
#include "characters.h"

struct script script;

void script_fail(const char *message, ...)
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
        return &script.ends_idle;
    case 'X':
        return &script.breaks;
    case 'P':
        return &script.no_timeout;
    case 'L':
        return &script.low_limit;
    case 'M':
        return &script.low_memory;
    case 'V':
        return &script.traced;
    case 'D':
        return &script.compresses;
    default:
        return NULL;
    }
}

/* Adds a byte to what the peer sends, `count` times, as far as there is room. */
static void add_byte(unsigned char byte, size_t count)
{
    size_t most = script.compresses ? SCRIPT_COMPRESSED_BYTES : SCRIPT_BYTES;

    if (count > most - script.length)
        count = most - script.length;
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

void script_start(struct stream *stream, bool whole)
{
    script.stream = stream;
    script.whole = whole;
    script.no_wakes = false;
    script.on_recv = NULL;
    script.on_noticed = NULL;
    script.cut = script.given = script.wakes_left_out = script.out_length = 0;
    script.stored = STREAM_OK;
    script.unread = script.unacknowledged = 0;
    script.in_hindered = script.out_hindered = script.stopped = script.limited = false;
    script.no_more_out = script.held_back = false;
}

/* ---- what main does ---- */

void script_note_wake(void)
{
    enum stream_cause stored = script.stored;

    if (stored == STREAM_OK || atomic_load(&script.stream->wake) != 0)
        return;
    script.stored = STREAM_OK;
    if (script.on_noticed != NULL)
        script.on_noticed(stored);
}

/* Stores a cause for the reader, as main does: while the server stops, nobody is idle any more. */
static void wake(enum stream_cause cause, int unread, int unacknowledged)
{
    if (script.stream == NULL || script.stopped || (cause == STREAM_IDLE && script.no_timeout))
        return;
    script_note_wake();
    atomic_store(&script.stream->wake, cause);
    script.stored = cause;
    script.stopped = cause == STREAM_STOPPING;
    script.unread = unread;
    script.unacknowledged = unacknowledged;
}

/* Does what a cut says of main. Returns whether it says anything. */
static bool cut_wakes(unsigned char character)
{
    if (strchr("wuaf", character) == NULL || character == '\0')
        return false;
    if (script.no_wakes)
        script.wakes_left_out++;
    else
        wake(character == 'f' ? STREAM_STOPPING : STREAM_IDLE, character == 'u', character == 'a');
    return true;
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

/* How many bytes go through now, at most `room`; 0: none, because of a signal. A call that was
 * interrupted is not the next time, so that every script comes to its end. */
static size_t piece(size_t room, bool *hindered)
{
    unsigned char character = next_cut();
    size_t most = character == '*' ? 1000 : character == '+' ? STREAM_BUFFER_BYTES : 1 + character % 64u;

    if (character == ',')
        most = room;
    *hindered = (cut_wakes(character) || character == 'i') && !*hindered;
    if (*hindered)
        return 0;
    most *= script.repeats ? SCRIPT_STRETCH : 1;
    return most < room ? most : room;
}

size_t script_piece(size_t room)
{
    size_t n;

    do
        n = piece(room, &script.in_hindered);
    while (n == 0);
    return n;
}

/* ---- the calls ---- */

/* What a recv returns after the last byte. For ever is too long for us: the peer ends all the same if
 * there is no timeout, and main aborts the connection of one that says nothing to a stop. */
static ssize_t receive_end(void)
{
    if (!script.breaks && (!script.ends_idle || script.no_timeout))
        return 0;
    if (!script.breaks && script.stopped && !script.limited) {
        stream_abort(script.stream, STREAM_STOPPING);
        return 0;
    }
    if (!script.breaks && !script.limited)
        wake(STREAM_IDLE, 0, 0);
    errno = script.breaks ? ECONNRESET : script.limited ? EAGAIN : EINTR;
    return -1;
}

ssize_t __wrap_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags)
{
    size_t left = script.length - script.given, n;

    require(fd == SCRIPT_FD && flags == 0 && room > 0, "recv of %zu bytes, flags %d", room, flags);
    require(!script.held_back, "a wait for the peer, who has not got all: the last send has MSG_MORE");
    require(script.limited || atomic_load(&script.stream->wake) == 0, "a recv that main wants to end");
    script_note_wake();
    if (script.on_recv != NULL)
        script.on_recv();
    n = piece(room, &script.in_hindered);
    if (n == 0) {
        errno = EINTR;
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
    require((flags & ~MSG_MORE) == MSG_NOSIGNAL, "a send that may end the process with SIGPIPE");
    require(!script.no_more_out, "a send after the end of sending");
    n = piece(length, &script.out_hindered);
    require(n <= SCRIPT_OUT_BYTES - script.out_length, "more comes back than can be");
    if (n == 0) {
        errno = EINTR;
        return -1;
    }
    memcpy(script.out + script.out_length, from, n);
    script.out_length += n;
    script.held_back = (flags & MSG_MORE) != 0;
    return (ssize_t)n;
}

int __wrap_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how)
{
    require(fd == SCRIPT_FD && (how == SHUT_WR || atomic_load(&script.stream->aborted)),
            "a shutdown of direction %d", how);
    script.no_more_out = true;
    return 0;
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    bool of_tcp = level == IPPROTO_TCP && length == sizeof(int);
    bool limit = level == SOL_SOCKET && name == SO_RCVTIMEO,
         reset = level == SOL_SOCKET && name == SO_LINGER;

    require(fd == SCRIPT_FD && value != NULL, "a setsockopt of something else");
    require((of_tcp && (name == TCP_NODELAY || name == TCP_USER_TIMEOUT)) ||
                (limit && length == sizeof(struct timeval)) ||
                (reset && length == sizeof(struct linger)),
            "a setsockopt of level %d, option %d", level, name);
    script.limited = script.limited || limit;
    return 0;
}

int __wrap_ioctl(int fd, unsigned long request, int *number);
int __wrap_ioctl(int fd, unsigned long request, int *number)
{
    require(fd == SCRIPT_FD && (request == FIONREAD || request == SIOCOUTQ), "ioctl %lu", request);
    *number = request == FIONREAD ? script.unread : script.unacknowledged;
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
    *now = (struct timespec){.tv_sec = 0};
    return 0;
}

/* ---- the trace ---- */

static struct subscriber subscriber;

void script_begin_trace(void)
{
    if (script.traced)
        trace_subscribe(&subscriber);
}

/* Requires that an event is harmless as JSON: printable ASCII, and no longer than it may be. */
static void check_json(const struct trace_event *event)
{
    char json[WIRE_JSON_BYTES];
    size_t length = wire_json(event, json);

    require(length < sizeof json && strlen(json) == length, "an event with a length of %zu", length);
    require(json[0] == '{' && json[length - 1] == '}', "an event that is no object: %s", json);
    for (size_t i = 0; i < length; i++)
        require(isascii(json[i]) && isprint(json[i]), "byte %02x in an event", (unsigned char)json[i]);
}

/* Whether a character changes how a terminal shows others: it ends a line, controls the terminal, turns
 * the direction of writing, or is not seen (Unicode, chapter 23). */
static bool is_harmful(unsigned long c)
{
    static const unsigned long ranges[][2] = {
        {0x00, 0x1F},     {0x7F, 0x9F},     {0xAD, 0xAD},     {0x61C, 0x61C},     {0x200B, 0x200F},
        {0x2028, 0x202E}, {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xE0000, 0xE007F},
    };

    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

/* Requires that a line is UTF-8 without a harmful character. */
static void check_line(const char *line)
{
    struct characters text = {.length = 0};
    unsigned long c = 0;

    for (; *line != '\n'; line++) {
        unsigned char byte = (unsigned char)*line;
        c = text.length > 0 ? c << 6 | (byte & 0x3F)
            : byte < 0x80   ? byte
                            : byte & (0x7Fu >> character_bytes(byte));
        require(take_byte(&text, byte), "byte %02x goes to a terminal, and is no UTF-8", byte);
        require(text.length > 0 || !is_harmful(c), "character U+%04lX goes to a terminal", c);
    }
    require(text.length == 0, "a line ends inside a character");
}

/* Requires that an event is harmless on a terminal: one line of text. */
static void check_print(const struct trace_event *event)
{
    static char line[10 * TRACE_LINE_BYTES];
    FILE *to = fmemopen(line, sizeof line, "w");

    require(to != NULL, "there is no memory for a file");
    wire_print(event, to);
    fclose(to);
    require(strchr(line, '\n') == line + strlen(line) - 1, "an event that is not one line: %s", line);
    check_line(line);
}

/* The part of a line that may be recorded if it is a field that holds a secret, such as "Cookie: ", also
 * with spaces before the colon; 0: it is none. */
static size_t secret_name(const unsigned char *line, size_t size)
{
    static const char *const secrets[] = {"Cookie", "Authorization", "Proxy-Authorization"};

    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        size_t length = strlen(secrets[i]);
        if (size <= length || strncasecmp((const char *)line, secrets[i], length) != 0)
            continue;
        while (length < size && (line[length] == ' ' || line[length] == '\t'))
            length++;
        if (length < size && line[length] == ':')
            return length + 1;
    }
    return 0;
}

/* Requires that the value of a secret field is left out: only its length is there. */
static void check_secret(const struct trace_event *event)
{
    static const char end[] = "bytes, not shown)";
    size_t name = event->kind == TRACE_LINE ? secret_name(event->bytes, event->size) : 0;

    if (name == 0 || name == event->size || event->cut)
        return;
    require(event->size <= name + 10 + strlen(end) &&
                memcmp(event->bytes + event->size - strlen(end), end, strlen(end)) == 0,
            "a secret is in the trace: %.*s", (int)event->size, (const char *)event->bytes);
}

void script_end_trace(void)
{
    struct trace_event event;

    if (!script.traced)
        return;
    for (int i = 0; i < SCRIPT_EVENTS && trace_next(&subscriber, &event, false) == 0; i++) {
        check_json(&event);
        check_print(&event);
        check_secret(&event);
    }
    trace_unsubscribe();
}
