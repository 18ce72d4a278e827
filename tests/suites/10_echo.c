/* 10_echo.c - payloads are unmasked, and every message comes back */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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
         "81:61 81:62 81:63 81:64 81:65 81:66 81:67 81:68 81:69 81:6a 81:6b 81:6c 81:6d 81:6e 81:6f "
         "81:70 81:71 81:72 81:73 81:74",
         "text:61 text:62 text:63 text:64 text:65 text:66 text:67 text:68 text:69 text:6a text:6b "
         "text:6c text:6d text:6e text:6f text:70 text:71 text:72 text:73 text:74"},
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        have_talk(&all[i]);
}

/* Each length at a limit of its form, alone: nothing follows that could help the server on. */
static void alone(void)
{
    static const size_t limits[] = {0, 1, 125, 126, 127, 65535, 65536};
    static unsigned char got[10 + 65536];

    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        size_t length, n = limits[i], header = n < 126 ? 2 : n < 65536 ? 4 : 10;
        char script[30], wanted[30];
        snprintf(script, sizeof script, n == 0 ? "82:" : "82*%zu", n);
        snprintf(wanted, sizeof wanted, n == 0 ? "binary" : n == 1 ? "binary:00" : "binary*%zu", n);
        unsigned char *bytes = frames(script, &length);
        int fd = open_websocket();
        send_bytes(fd, bytes, length);
        EXPECT(receive_bytes(fd, got, header + n),
               "a message of %zu bytes, the first one and the only one: no echo of it has come; the "
               "server must not wait for more",
               n);
        if (n != 125)
            EXPECT_TEXT(describe(got, header + n), wanted, "the echo of %zu bytes", n);
        else
            EXPECT(got[0] == 0x82 && got[1] == 125 && got[126] == 124,
                   "the echo of 125 bytes begins with 82 7d, not with %02x %02x", got[0], got[1]);
        free(bytes);
        close(fd);
    }
}

/* A client that leaves in the middle of a message gets nothing for it, and its connection ends. */
static void cut_off(void)
{
    static const char *const scripts[] = {"=81",
                                          "=8185",
                                          "=818537fa21",
                                          "=818537fa213d7f9f4d51",
                                          "=82fe012c01020304 =0102030405",
                                          "=82ff0000000000011170 =01020304 =0102030405060708"};

    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        expect_no_reply("a message that is cut off", scripts[i]);
}

/* One echo is one send, header and payload together; twenty that are asked for at once are one, too. */
static void few_sends(void)
{
    char script[200] = "";
    unsigned char got[200];

    needs_own("gathering of what it sends");
    for (size_t n = 1; n <= 20; n += 19) {
        size_t length, at = 0;
        for (size_t i = 0; i < n; i++)
            at += (size_t)sprintf(script + at, "%s81:61", i > 0 ? " " : "");
        unsigned char *bytes = frames(script, &length);
        int fd = open_websocket();
        unsigned before = segments_received(fd), sends;
        send_bytes(fd, bytes, length);
        EXPECT(receive_bytes(fd, got, 3 * n), "%zu echoes", n);
        sends = segments_received(fd) - before;
        EXPECT(sends == 1,
               "the replies to %zu messages that came at once must come with one send, but came with %u",
               n, sends);
        free(bytes);
        close(fd);
    }
}

/* Messages that come in pieces, one after another: each may use the memory of the one before. */
static void memory_stays(void)
{
    static unsigned char got[4 + 20000];
    size_t length;
    unsigned char *bytes = frames("82*20000", &length);
    int fd = open_websocket();
    long before = 0;

    have_talk_once(&(struct talk){"a large message, and one after it", "82*20000 82*20000",
                                  "binary*20000 binary*20000"});
    needs_proc();
    for (int i = 0; i < 420; i++) {
        if (i == 20)
            before = server_memory();
        send_bytes(fd, bytes, length);
        if (!EXPECT(receive_bytes(fd, got, sizeof got), "the echo of message %d", i))
            break;
    }
    EXPECT(sanitized || server_memory() - before < 4000,
           "400 messages of 20000 bytes, one after another, have cost %ld KiB that did not come back",
           server_memory() - before);
    free(bytes);
    close(fd);
}

/* Clients that leave while the server is held. It sends each of them two echoes: the reply to the first one is a
 * reset, so the second cannot be sent, and echo ends there. The sanitizers see what it has not given back. */
static void gone_before_the_echo(void)
{
    size_t length;
    unsigned char *messages = frames("82*20000 82*20000", &length);

    for (int i = 0; i < 5; i++) {
        int fd = open_websocket();
        server_hold();
        send_bytes(fd, messages, length);
        close(fd);
        server_signal(SIGCONT);
        have_talk_once(&(struct talk){"after a client that has gone", "81:61", "text:61"});
    }
    free(messages);
}

/* By call, because no server allows so long a message: a header that claims it, and then 20 bytes. */
static const char *claim; /* in_child's function takes no argument */

static int read_a_huge_claim(void)
{
    static const struct trace_source source = {.connection = 1};
    static struct stream s;
    size_t length;
    unsigned char *bytes = frames(claim, &length);
    struct websocket ws;
    struct feeding f;
    bool ended, right;

    feed_start(&f, bytes, length, FEED_WHOLE, true);
    stream_open(&s, f.fd);
    frame_begin(&ws, &s, &source, SIZE_MAX, SIZE_MAX / 2);
    ended = frame_read_message(&ws) == -1;
    right = ended && ws.close_code == 0 && ws.message.length == 20;
    if (ws.message.capacity > MESSAGE_LARGE_BYTES || ws.close_code == CLOSE_INTERNAL_ERROR)
        return 2; /* and this process ends: with it goes what was taken */
    frame_end(&ws);
    feed_finish(&f);
    stream_close(&s);
    free(bytes);
    return right ? 0 : 1;
}

static void huge_claim(void)
{
    static const struct {
        const char *claimed, *bytes;
    } claims[] = {
        {"4 GiB", "=82ff000000010000000001020304 =0000000000000000000000000000000000000000"},
        {"4 EiB", "=82ff400000000000000001020304 =0000000000000000000000000000000000000000"},
    };

    needs_own("functions");
    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        claim = claims[i].bytes;
        int status = in_child(read_a_huge_claim);
        EXPECT(status == 0,
               "a frame claims %s, brings 20 bytes, and ends: frame_read_message must read the 20, and "
               "return -1; %s",
               claims[i].claimed,
               status == -1  ? "it goes on and on"
               : status == 1 ? "it has done something else"
               : status == 2 ? "it has asked for memory for all that the header claims"
                             : "it has crashed");
    }
}

/* Main wakes the worker after each number of bytes of a payload, because the client is idle, say. */
static void woken(void)
{
    enum { HEADER = 6, PAYLOAD = 20 };
    static const struct trace_source source = {.connection = 1};
    static struct stream s;
    size_t length;
    unsigned char *bytes = frames("82*20", &length);

    needs_own("functions");
    for (size_t came = 0; came < PAYLOAD; came++) {
        struct websocket ws;
        struct feeding f;
        feed_start(&f, bytes, length, HEADER + came, true);
        stream_open(&s, f.fd);
        frame_begin(&ws, &s, &source, 1000, 1000);
        stream_need(&s, HEADER + came);
        atomic_store(&s.wake, STREAM_IDLE);
        EXPECT(frame_read_message(&ws) == 0 && ws.message.length == PAYLOAD,
               "a worker that was woken after %zu of a payload's %d bytes must read on: if "
               "stream_read_some fails, read_piece asks read_on, and calls it again if that returns 0",
               came, PAYLOAD);
        frame_end(&ws);
        feed_finish(&f);
        stream_close(&s);
    }
    free(bytes);
}

/* What they send has several lengths and keys. */
static void crowd(void)
{
    static const struct talk talks[] = {
        {"a text", "81:48656c6c6f", "text:48656c6c6f"},
        {"a binary message of 200 bytes", "82*200", "binary*200"},
        {"a text with another key", "=818301020304606060", "text:616263"},
    };

    have_talks_at_once(talks, 3);
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
    static unsigned char got[2000];
    unsigned char *end;
    int fd = dial_with_frames("81:48656c6c6f 88:03e8");

    receive_all(fd, got, sizeof got);
    end = memmem(got, received_so_far, "\r\n\r\n", 4);
    end = end != NULL ? end + 4 : got + received_so_far;
    EXPECT_BEGINNING(end, (size_t)(got + received_so_far - end), "\x81\x05Hello",
                     "after the 101, the frame that came with the request must be echoed");
    close(fd);
}

/* Messages that came whole before a bad frame are echoed first. */
static void good_before_bad(void)
{
    static const struct talk talk = {"two good frames and a bad one", "81:61 82:62 83:63 81:64",
                                     "text:61 binary:62 close:1002"};

    have_talk(&talk);
}

static void expect_unmasked(size_t start, size_t length, uint64_t offset)
{
    static const unsigned char key[4] = {0x37, 0xFA, 0x21, 0x3D};
    unsigned char bytes[100], wanted[100];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = wanted[i] = (unsigned char)(i * 7);
    for (size_t i = 0; i < length; i++)
        wanted[start + i] ^= key[(offset + i) % 4];
    frame_unmask(bytes + start, length, key, offset);
    EXPECT(memcmp(bytes, wanted, start) == 0 && memcmp(bytes + start + length, wanted + start + length,
                                                       sizeof bytes - start - length) == 0,
           "frame_unmask of %zu bytes has changed a byte before or after them", length);
    EXPECT(memcmp(bytes, wanted, sizeof bytes) == 0,
           "frame_unmask of %zu bytes at address %zu, from byte %llu of the payload on%s", length, start,
           (unsigned long long)offset,
           offset > INT32_MAX ? ": an int does not count so far, the offset is a uint64_t" : "");
}

static void unmask(void)
{
    static const uint64_t offsets[] = {
        0, 1, 2, 3, 4, 0x7FFFFFFE, 0x80000001, 0x100000003, UINT64_MAX / 2};

    needs_own("functions");
    for (size_t start = 0; start < 9; start++)
        for (size_t length = 0; length < 70; length++)
            for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++)
                expect_unmasked(start, length, offsets[i]);
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
        {"the mask is taken off at any address, length and offset", unmask, 10, "RFC 6455, section 5.3",
         "In frame_unmask, the offset says which byte of the payload bytes[0] is: its key byte is "
         "number offset mod 4. It changes `length` bytes, and no others."},
        {"a text comes back", one_text, 10, "RFC 6455, section 5.7",
         "echo writes back each message that frame_read_message has read, in a frame of its own: "
         "make_header."},
        {"a null byte ends nothing", null_bytes, 10, "RFC 6455, section 5.6",
         "A payload has a length and no end mark: strlen means nothing here."},
        {"a payload comes back whole, however many recvs it takes", a_long_payload, 10, "man 2 recv",
         "If the server crashes: echo gives frame_write m->bytes; an array of its own is too short for "
         "a long message. If it runs in circles: read_payload calls make_room before each read_piece, "
         "because it makes room for some bytes, not for all. It may move m->bytes, so take the address "
         "after it. read_piece takes nothing of the next frame, and its mask goes on where the last "
         "piece ended. If the echo has another length: make_header, or read_piece, which takes no more "
         "than what is left of the frame, its length minus its offset."},
        {"every message comes back, in whatever pieces it is sent", talks, 10, "RFC 6455, section 5.3",
         "echo sends the payload back with the same opcode, unmasked, also if it is empty. What "
         "follows a message in the buffer is the next frame: echo changes nothing there. Its flags are "
         "what stream_more returns: after STREAM_LAST, nothing is sent. If an older message comes "
         "before it: frame_read_message begins with a length of 0."},
        {"a message alone, at each limit of its length forms", alone, 10, "RFC 6455, section 5.2",
         "read_payload must not ask for a piece when there is nothing left to read, and make_header has "
         "three forms: up to 125, up to 65535, and more."},
        {"an echo is one send, and so are twenty at once", few_sends, 10, "man 7 tcp, TCP_NODELAY",
         "echo gives frame_write the flags that stream_more makes: STREAM_MORE as long as more has come "
         "to be read. write_locked (lesson 5) sends header and payload together."},
        {"a message that is cut off gets no echo", cut_off, 10, "RFC 6455, section 7.1.7",
         "If something returns -1, its caller ends at once: read_piece, read_payload, "
         "frame_read_message, echo. read_header (lesson 9) does, too."},
        {"clients that have gone before their echo", gone_before_the_echo, 10, "man 2 send",
         "If frame_write does not return 0, echo ends. What it has allocated itself, it frees on every "
         "way out."},
        {"memory is used again", memory_stays, 10, "man 3 realloc",
         "frame_read_message sets opcode and length to 0, and leaves memory and capacity as they are: "
         "make_room, provided, uses them again, and frame_end gives them back."},
        {"a worker that was woken inside a payload reads on", woken, 10,
         "lesson 14: when things go wrong",
         "read_piece calls stream_read_some until it returns 0; only if it fails, and read_on, "
         "provided, does not return 0, the connection is over: read_piece returns -1."},
        {"twenty clients at the same moment", crowd, 10, "lesson 2: a thread per client",
         "What echo, read_payload, read_piece, frame_unmask and make_header need is in their arguments "
         "and local variables: a static variable is shared by all clients."},
        {"a length of more than 32 bits, by call", huge_claim, 10, "RFC 6455, section 5.2",
         "In read_piece, frame->length - frame->offset is a uint64_t: compare it before you cast it to "
         "size_t, and to nothing smaller. In read_payload, only make_room takes memory, as the bytes "
         "come."},
        {"messages of every form of length", lengths, 10, "RFC 6455, section 5.2",
         "make_header writes up to 125 in 7 bits, up to 65535 in the 2 bytes after 126, more in the 8 "
         "bytes after 127."},
        {"large messages among small ones", large_among_small, 10, "RFC 6455, section 5.4",
         "frame_read_message sets the message's length to 0 each time. read_payload begins with "
         "m->memory in m->bytes, which may still point into the stream's buffer, and has make_room, "
         "provided, enlarge it."},
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
