/* 10_echo.c - payloads are unmasked, and every message comes back */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "harness.h"

static void one_text(void)
{
    have_talk_once(
        &(struct talk){"the RFC's masked Hello", "=818537fa213d7f9f4d5158", "text:48656c6c6f"});
}

static void talks(void)
{
    static const struct talk all[] = {
        {"the RFC's masked Hello", "=818537fa213d7f9f4d5158", "text:48656c6c6f"},
        {"binary", "82:00ff10", "binary:00ff10"},
        {"a mask of null bytes", "=8182000000006869", "text:6869"},
        {"an empty text", "81:", "text"},
        {"an empty binary", "82:", "binary"},
        {"one byte", "82:01", "binary:01"},
        {"two messages", "81:61 82:62", "text:61 binary:62"},
        {"twenty messages in one segment",
         "81:61 81:62 81:63 81:64 81:65 81:66 81:67 81:68 81:69 81:6a "
         "81:6b 81:6c 81:6d 81:6e 81:6f 81:70 81:71 81:72 81:73 81:74",
         "text:61 text:62 text:63 text:64 text:65 text:66 text:67 text:68 text:69 text:6a "
         "text:6b text:6c text:6d text:6e text:6f text:70 text:71 text:72 text:73 text:74"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* Around every limit: of the length's three forms, of the buffers, of what is allowed. */
static void lengths(void)
{
    static const size_t around[] = {126,   127,   128,   250,   256,    1000,   65535,   65536,  16384,
                                    16385, 16370, 16378, 32768, 100000, 524288, 1048575, 1048576};
    char script[50], answer[50];

    for (size_t i = 0; i < sizeof around / sizeof around[0]; i++) {
        struct talk talk = {.name = "a long binary", .script = script, .answers = answer};
        snprintf(script, sizeof script, "82*%zu", around[i]);
        snprintf(answer, sizeof answer, "binary*%zu", around[i]);
        have_talk_once(&talk);
    }
}

/* A payload is no string: a null byte ends nothing. */
static void null_bytes(void)
{
    static const struct talk talk = {"zero bytes in a text", "81:610062", "text:610062"};

    have_talk_once(&talk);
}

/* More than any buffer on the way holds. */
static void a_long_payload(void)
{
    static const struct talk talk = {"a payload that no single recv brings", "82*300000",
                                     "binary*300000"};

    have_talk_once(&talk);
}

static void large_among_small(void)
{
    static const struct talk talk = {
        "large messages among small ones", "82:01 82*20000 82:02 82*70000 82*300 82:03 82*1048576 82:04",
        "binary:01 binary*20000 binary:02 binary*70000 binary*300 binary:03 binary*1048576 binary:04"};

    have_talk_once(&talk);
}

/* A client need not wait for the 101: its first frame may come with the request. */
static void with_the_request(void)
{
    static unsigned char bytes[2000], got[2000];
    size_t length, n;
    unsigned char *behind = frames("81:48656c6c6f 88:03e8", &length), *end;
    const char *request = upgrade_request("/echo", "");
    int fd = dial();

    n = strlen(request);
    memcpy(bytes, request, n);
    memcpy(bytes + n, behind, length);
    send_bytes(fd, bytes, n + length);
    receive_all(fd, got, sizeof got);
    end = memmem(got, received_so_far, "\r\n\r\n", 4);
    end = end != NULL ? end + 4 : got + received_so_far;
    EXPECT_BEGINNING(end, (size_t)(got + received_so_far - end), "\x81\x05Hello",
                     "after the 101, the frame that came with the request must be echoed");
    free(behind);
    close(fd);
}

/* Messages that came whole before a bad frame are echoed first. */
static void good_before_bad(void)
{
    static const struct talk talk = {"two good frames and a bad one", "81:61 82:62 83:63 81:64",
                                     "text:61 binary:62 close:1002"};

    have_talk(&talk);
}

static void unmask(void)
{
    static const unsigned char key[4] = {0x37, 0xFA, 0x21, 0x3D};
    unsigned char bytes[100], wanted[100];

    needs_own("functions");
    for (size_t start = 0; start < 9; start++) {
        for (size_t length = 0; length < 70; length++) {
            for (unsigned offset = 0; offset < 5; offset++) {
                for (size_t i = 0; i < sizeof bytes; i++)
                    bytes[i] = wanted[i] = (unsigned char)(i * 7);
                for (size_t i = 0; i < length; i++)
                    wanted[start + i] ^= key[(offset + i) % 4];
                frame_unmask(bytes + start, length, key, offset);
                EXPECT(memcmp(bytes, wanted, sizeof bytes) == 0,
                       "%zu bytes at address %zu, the first of them number %u of the payload", length,
                       start, offset);
            }
        }
    }
}

/* A client that sends much before it reads: the server must not drop, reorder or hang. */
static void much_in_flight(void)
{
    static unsigned char got[2000000];
    size_t length, each = 1008;
    unsigned char *message = frames("82*1000", &length);
    static unsigned char all[1000 * 1010];
    size_t echoes = 0;
    int fd = open_websocket();
    pid_t sender;

    for (size_t i = 0; i < 1000; i++)
        memcpy(all + i * length, message, length);
    sender = fork();
    if (sender == 0) {
        bool sent = send_bytes(fd, all, 1000 * length);
        _exit(sent ? 0 : 1);
    }
    EXPECT(receive_bytes(fd, got, 1000 * (each - 4)), "a thousand echoes");
    EXPECT(child_status(sender) == 0, "the server must receive all of it");
    for (size_t i = 0; i < 1000; i++)
        echoes += memcmp(got + i * (each - 4), "\x82\x7e\x03\xe8\x00\x01\x02", 7) == 0 ? 1 : 0;
    EXPECT(echoes == 1000, "a thousand echoes in their order: %zu", echoes);
    free(message);
    close(fd);
}

int main(void)
{
    static const struct test tests[] = {
        {"a text comes back", one_text, 10, "RFC 6455, section 5.7",
         "echo writes back each message that frame_read_message has read, in a frame of its own: "
         "make_header."},
        {"a null byte ends nothing", null_bytes, 10, "RFC 6455, section 5.6",
         "A payload has a length and no end mark: strlen means nothing here."},
        {"a payload comes back whole, however many recvs it takes", a_long_payload, 10, "man 2 recv",
         "read_payload calls read_piece until the frame's length is reached; in read_piece, the mask "
         "goes "
         "on where the last piece ended."},
        {"every message comes back, in whatever pieces it is sent", talks, 10, "RFC 6455, section 5.3",
         "frame_unmask combines byte i with byte i mod 4 of the key; echo sends the payload back with "
         "the "
         "same opcode, unmasked."},
        {"messages of every form of length", lengths, 10, "RFC 6455, section 5.2",
         "make_header writes up to 125 in 7 bits, up to 65535 in the 2 bytes after 126, more in the 8 "
         "bytes after 127."},
        {"large messages among small ones", large_among_small, 10, "RFC 6455, section 5.4",
         "frame_read_message sets the message's length to 0 each time; read_payload has make_room, "
         "provided, enlarge its memory."},
        {"the mask is taken off at any address, length and offset", unmask, 10, "RFC 6455, section 5.3",
         "In frame_unmask, the offset says which byte of the payload the first one is: its key byte is "
         "number offset mod 4."},
        {"a thousand messages in flight", much_in_flight, 10, "RFC 6455, section 5.4",
         "echo writes back one message after the other, in their order, however many wait."},
        {"a frame that came with the request is echoed", with_the_request, 10, "RFC 6455, section 4.2.2",
         "It waits in the stream's buffer, after the request: stream_need (lesson 9) looks there before "
         "it receives."},
        {"good frames before a bad one are echoed", good_before_bad, 11, "RFC 6455, section 7.1.7",
         "echo (lesson 10) writes back what was good before it reads the next frame. Then on_upgrade "
         "(lesson 8) has frame_close send the Close frame with the code."},
        {0},
    };
    int status;

    server_start(NULL);
    status = run_suite("10 payload and echo", tests);
    return server_finish(status);
}
