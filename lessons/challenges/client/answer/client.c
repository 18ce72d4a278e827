/*
 * client.c - a WebSocket client for the terminal: client HOST PORT PATH
 *
 *     standard input ──► lines ──► second thread ──► frames, masked ──► the server
 *     standard output ◄── lines ◄── main thread  ◄── frames         ◄──
 *
 * Each line that is typed is sent as a text, and each text that comes is printed as a line. It ends with 0
 * after the closing handshake, with 1 if the connection cannot be had or breaks, or if the server breaks a
 * rule, and with 2 if it is started in another way. It is built with the server's parts, without server.c:
 * the stream, the accept key, the mask.
 */
#include <b64/cencode.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"
#include "handshake.h"
#include "stream.h"

/* Bytes of a key for the handshake (RFC 6455 section 4.1), and as Base64 with a null terminator. */
#define KEY_BYTES 16
#define KEY_TEXT_BYTES 25

/* Bytes of the longest line of a response that is read, and of the request. */
#define LINE_BYTES 8192
#define REQUEST_ROOM 4096

/* Read by both threads, but each stream has one reader, and its writes are whole: see stream.h. */
static struct stream stream;

/* Ends the program. exit would first take the lock of standard input (glibc does since 2.41), and the
 * second thread holds that while it waits for a line. */
static void end(int status) __attribute__((noreturn));
static void end(int status)
{
    fflush(stdout);
    _exit(status);
}

/* Says why the client gives up, and ends it. */
static void give_up(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void give_up(const char *format, ...)
{
    va_list arguments;

    fflush(stdout);
    va_start(arguments, format);
    fprintf(stderr, "client: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    end(EXIT_FAILURE);
}

/* Fills `bytes` with what nobody can guess: RFC 6455 sections 4.1 and 5.3 ask for that. */
static void fill_randomly(void *bytes, size_t length)
{
    if (getrandom(bytes, length, 0) != (ssize_t)length) /* whole up to 256 bytes: getrandom(2) */
        give_up("the system has no random bytes");
}

/* ---- the handshake ---- */

/* Connects to the first address that takes us. Returns the socket. */
static int connect_to(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(host, port, &hints, &found), fd = -1;

    if (error != 0)
        give_up("%s: %s", host, gai_strerror(error));
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0)
            break;
        perror("client: cannot connect");
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    if (fd < 0)
        exit(EXIT_FAILURE);
    return fd;
}

/* Makes the key of this connection: 16 random bytes in Base64. */
static void make_key(char key[KEY_TEXT_BYTES])
{
    unsigned char bytes[KEY_BYTES];
    char text[KEY_TEXT_BYTES + 1]; /* libb64 adds a newline */
    base64_encodestate state;
    int n;

    fill_randomly(bytes, sizeof bytes);
    base64_init_encodestate(&state);
    n = base64_encode_block((const char *)bytes, sizeof bytes, text, &state);
    base64_encode_blockend(text + n, &state);
    memcpy(key, text, KEY_TEXT_BYTES - 1);
    key[KEY_TEXT_BYTES - 1] = '\0';
}

/* Sends the request: RFC 6455 section 4.1. */
static void ask(const char *host, const char *port, const char *path, const char *key)
{
    char request[REQUEST_ROOM];
    int length =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n",
                 path, host, port, key);

    if (length >= (int)sizeof request)
        give_up("host and path are too long");
    if (stream_write(&stream, request, (size_t)length, NULL, 0, 0) != 0)
        give_up("the request cannot be sent: %s", stream_reason(&stream));
}

/* Reads the response, and checks what a client must check: RFC 6455 section 4.1. A frame may follow
 * in the same piece; it stays in the stream. */
static void check_response(const char *key)
{
    char line[LINE_BYTES], wanted[ACCEPT_KEY_BYTES];
    bool accepted = false, upgraded = false, first = true;
    size_t length;

    handshake_accept_key(key, wanted);
    do {
        if (stream_read_line(&stream, line, sizeof line, &length) != 0)
            give_up("the response is not complete: %s", stream_reason(&stream));
        if (first && strncmp(line, "HTTP/1.1 101 ", 13) != 0)
            give_up("the server does not switch protocols: %s", line);
        first = false;
        char *value = line + strcspn(line, ":"), *end = line + length;
        if (*value != ':')
            continue;
        *value++ = '\0';
        value += strspn(value, " \t");
        while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
            *--end = '\0';
        if (strcasecmp(line, "Sec-WebSocket-Accept") == 0)
            accepted = strcmp(value, wanted) == 0; /* Base64: its letters' case counts */
        if (strcasecmp(line, "Upgrade") == 0)
            upgraded = strcasecmp(value, "websocket") == 0;
    } while (line[0] != '\0');
    if (!upgraded || !accepted)
        give_up("the response has %s: this is no WebSocket server, or something else has replied for it",
                upgraded ? "a wrong accept key" : "no Upgrade: websocket");
}

/* ---- frames to the server ---- */

/* Writes the header of a masked frame: RFC 6455 section 5.2. Returns its length, with the key. */
static size_t make_header(unsigned char header[FRAME_HEADER_BYTES], unsigned opcode, uint64_t length,
                          const unsigned char key[4])
{
    size_t extended = length < 126 ? 0 : length < 65536 ? 2 : 8;

    header[0] = (unsigned char)(0x80 | opcode); /* FIN */
    header[1] = (unsigned char)(0x80 | (extended == 0 ? length : extended == 2 ? 126 : 127));
    for (size_t i = 0; i < extended; i++)
        header[2 + i] = (unsigned char)(length >> 8 * (extended - 1 - i));
    memcpy(header + 2 + extended, key, 4);
    return 2 + extended + 4;
}

/* Sends a frame, with a masking key of its own. `payload` is masked in place. Both threads may call
 * this. What comes after the Close frame is dropped, which STREAM_LAST sees to. */
static void send_frame(unsigned opcode, unsigned char *payload, size_t length)
{
    unsigned char header[FRAME_HEADER_BYTES], key[4];
    size_t header_length;

    fill_randomly(key, sizeof key);
    header_length = make_header(header, opcode, length, key);
    frame_unmask(payload, length, key, 0);
    stream_write(&stream, header, header_length, payload, length,
                 opcode == OPCODE_CLOSE ? STREAM_LAST : 0); /* if it fails, main's next read does too */
}

static void send_close(unsigned code)
{
    unsigned char payload[2] = {(unsigned char)(code >> 8), (unsigned char)code};

    send_frame(OPCODE_CLOSE, payload, sizeof payload);
}

/* The second thread: sends each line that is typed, and at the end of them a Close frame. It is not waited
 * for: it may wait for somebody who types when the server has closed. */
static void *send_lines(void *ignored)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    (void)ignored;
    while ((length = getline(&line, &room, stdin)) >= 0) {
        if (length > 0 && line[length - 1] == '\n')
            length--;
        send_frame(OPCODE_TEXT, (unsigned char *)line, (size_t)length);
    }
    free(line);
    send_close(CLOSE_NORMAL);
    return NULL;
}

/* ---- frames from the server ---- */

/* Closes, because the server has broken a rule: RFC 6455 section 7.1.7. */
static void fail(const char *reason) __attribute__((noreturn));
static void fail(const char *reason)
{
    send_close(CLOSE_PROTOCOL_ERROR);
    give_up("the server breaks a rule: %s", reason);
}

/* Makes n bytes of a frame wait in the stream, or gives up. */
static const unsigned char *need(size_t n)
{
    if (stream_need(&stream, n) != 0)
        give_up("the server has ended the connection without a Close frame: %s", stream_reason(&stream));
    return stream_next(&stream);
}

/* Reads a frame's header, and checks what a server's must be. */
static struct frame read_header(void)
{
    struct frame frame;
    const unsigned char *p;
    size_t extended;

    frame_decode_start(&frame, need(2));
    if (frame.masked)
        fail("its frames must not be masked"); /* section 5.1 */
    if (frame.rsv != 0)
        fail("no extension was agreed on"); /* section 5.2 */
    p = need(frame.header_size);
    extended = frame.header_size - 2;
    frame.length = extended == 0 ? p[1] : 0;
    for (size_t i = 0; i < extended; i++)
        frame.length = frame.length << 8 | p[2 + i];
    if (frame.opcode >= OPCODE_CLOSE && (frame.length > CONTROL_BYTES || !frame.fin))
        fail("a control frame must be short and whole"); /* section 5.5 */
    stream_skip(&stream, frame.header_size);
    return frame;
}

/* Prints a payload as it comes, so that none is too long; the end of a message ends the line. */
static void print_payload(const struct frame *frame)
{
    uint64_t left = frame->length;

    while (left > 0) {
        need(1);
        size_t n = stream_waiting(&stream) < left ? stream_waiting(&stream) : (size_t)left;
        fwrite(stream_next(&stream), 1, n, stdout);
        stream_skip(&stream, n);
        left -= n;
    }
    if (frame->fin)
        putchar('\n');
    fflush(stdout);
}

/* Replies to a control frame. Returns whether it is a Close frame, which ends the connection. */
static bool reply(const struct frame *frame)
{
    unsigned char payload[CONTROL_BYTES];
    size_t length = (size_t)frame->length;

    memcpy(payload, need(length), length);
    stream_skip(&stream, length);
    if (frame->opcode == OPCODE_PING)
        send_frame(OPCODE_PONG, payload, length);
    else if (frame->opcode == OPCODE_CLOSE)
        send_frame(OPCODE_CLOSE, payload, length < 2 ? 0 : 2); /* the code that came: section 5.5.1 */
    return frame->opcode == OPCODE_CLOSE;
}

/* Reads frames until the server closes. */
static void print_texts(void)
{
    for (;;) {
        struct frame frame = read_header();
        if (frame.opcode > OPCODE_PONG || (frame.opcode > OPCODE_BINARY && frame.opcode < OPCODE_CLOSE))
            fail("this opcode is not defined");
        if (frame.opcode < OPCODE_CLOSE)
            print_payload(&frame);
        else if (reply(&frame))
            return;
    }
}

int main(int argc, char **argv)
{
    char key[KEY_TEXT_BYTES];
    pthread_t thread;

    if (argc != 4) {
        fprintf(stderr, "Usage: client HOST PORT PATH, such as client 127.0.0.1 8080 /echo\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); /* a write to a server that has gone fails, and that is enough */
    stream_open(&stream, connect_to(argv[1], argv[2]));
    make_key(key);
    ask(argv[1], argv[2], argv[3], key);
    check_response(key);
    if (pthread_create(&thread, NULL, send_lines, NULL) != 0)
        give_up("there is no thread for what is typed");
    print_texts();
    end(EXIT_SUCCESS);
}
