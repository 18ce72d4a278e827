/* 07_accept_key.c - the accept key that belongs to a key */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "harness.h"

/* Keys and accept keys, in which each of the 64 characters of Base64 appears, made with another program:
 * printf 'KEY258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | openssl sha1 -binary | base64 */
static const char *const pairs[][2] = {
    {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, /* RFC 6455 section 1.3 */
    {"x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
    {"AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="},
    {"/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="},
    {"zgYxRsrfIgHqMNcBA2HALw==", "dD+N9qdjVfkcI8AJtds5T0Vu/nk="},
    {"+c6tgQTWHkiksze2GPdnWg==", "lak9yeijE2l2z1v6I3YW3X/gs3Y="},
};

/* What comes out of the RFC's key when something is wrong, and what that is. */
static const char *const known_mistakes[][2] = {
    {"s3mCG3XUBfFRrUGpYOBQiHm5i8g=", "the space before the key was hashed with it"},
    {"0nPMTTX30oa/g/KwzuXRC2LWB6I=", "the header's name was hashed with the key"},
    {"zvnId+CMmoYWpbuFiCx6kU/bpAw=", "the CR after the key was hashed with it"},
    {"kex8Ji4w0ek1Mc3Dwcf4mOpf5b4=", "the line's end was hashed with the key"},
    {"hHLtf2V1k8aDQZfNjw3Ia1hCwt0=", "the GUID was forgotten"},
    {"2OZf2Seed9yzIpkj+zvC9KS9Mjw=", "the GUID must follow the key"},
    {"WJfwerbIozKsJXHxxI0JTO1SQgU=", "the GUID must be in capitals"},
    {"wRn3T1d05f86S/JjgrE2dZ0BqLI=", "the null terminator of the GUID was hashed"},
    {"ENhfyOH3bzAxCPh+tpSqexhz57w=", "the null terminator of the key was hashed"},
    {"ZrvYRJEcopqqEiEt7CTJiBneaEY=", "the null terminators of key and GUID were hashed"},
    {"BQgomKt49tqcGtJYe4ASzQz1IXI=", "a newline after the GUID was hashed"},
    {"RZWuh2JK/hL0RMgTNJFfZIAppXg=", "the == at the end of the key must be hashed too"},
    {"BXhwxM0SZasKmCD9S4BfpPmCnEw=", "the key's 16 bytes were hashed, not its Base64"},
    {"Dx4ErSuQ+KP5f10vekRefUvFozI=",
     "only 8 characters of the key were hashed: sizeof key is the size of a pointer"},
    {"VItzKoTOxM89ZkhtW9idPYR/BMs=",
     "the last character of the GUID was not hashed: does the null terminator need its room?"},
    {"/RT0V1zpbDH48QYiJP08HEjZeik=", "the braces around the GUID were hashed with it"},
    {"JE93uw0f/vKl8uDMK0C8ztc6gVM=", "the hyphens are a part of the GUID"},
    {"Kfh9QIsMVZcl6xEPYxPHzW8SZ8w=", "the GUID was hashed without the key before it"},
    {"YjM3YTRmMmNjMDYyNGYxNjkwZjY0NjA2Y2YzODU5NDViMmJlYzRlYQ==",
     "the digest was written in hex before Base64"},
};

/* Characters that base64_encode_block writes for a digest. */
#define FROM_BLOCK 26

/* What stands in accept before, and its room: more than it should need. */
#define UNTOUCHED '#'
#define ROOM 100

static size_t right_characters(const char *accept, const char *wanted)
{
    size_t right = 0;

    for (size_t i = 0; accept[i] != '\0' && wanted[i] != '\0'; i++)
        right += accept[i] == wanted[i] ? 1 : 0;
    return right;
}

static const char *known_mistake(const char *accept, const char *wanted)
{
    size_t same = 0;

    for (size_t i = 0; i < sizeof known_mistakes / sizeof known_mistakes[0]; i++)
        if (strncmp(accept, known_mistakes[i][0], ACCEPT_KEY_BYTES - 1) == 0)
            return known_mistakes[i][1];
    while (accept[same] != '\0' && accept[same] == wanted[same])
        same++;
    if (accept[0] == '\n')
        return "base64_init_encodestate must be called before base64_encode_block";
    if (same == ACCEPT_KEY_BYTES - 1 && accept[same] != '\n')
        return "the null terminator is missing after the 28 characters";
    if (accept[same] == '-' || accept[same] == '_')
        return "this Base64 has the characters + and /";
    if (accept[same] == '\0' && same == ACCEPT_KEY_BYTES - 2)
        return "the last character is missing: the =, which fills up the last four";
    if (accept[same] == '\0' && same >= FROM_BLOCK)
        return "base64_encode_blockend is missing: it writes the last characters, to accept + n";
    if (accept[same] == '\0')
        return "the null terminator comes too early: sizeof accept is the size of a pointer, and strlen "
               "stops at a zero byte of the digest";
    if (accept[same] == '\n' && same > 0 && same < ACCEPT_KEY_BYTES - 1)
        return "fewer than 20 bytes became Base64: strlen stops at a zero byte of the digest";
    if (same == 0 && accept[2] == '\n')
        return "base64_encode_blockend must write to accept + n, not to accept";
    if (strchr(accept, '\n') != NULL && strlen(accept) == ROOM - 2)
        return "strlen(accept) runs on beyond accept, because no null terminator has been written yet";
    if (strchr(accept, '\n') != NULL)
        return "the newline that the Base64 library appends is no part of it";
    if (same >= FROM_BLOCK && accept[same] != UNTOUCHED)
        return "more than the digest's 20 bytes became Base64: strlen does not know where a digest ends";
    if (same >= FROM_BLOCK)
        return "the last characters come from base64_encode_blockend, written to accept + n";
    if (right_characters(accept, wanted) > ACCEPT_KEY_BYTES / 2)
        return "most characters are right, so the digest is: look at how its bytes, which are unsigned, "
               "become characters";
    if (wanted != pairs[0][1])
        return "the first key gave the right accept key: what does that call leave behind for the next "
               "one? A static variable keeps what it holds";
    return "no known mistake: is all of the key hashed, as it is, and then all of the GUID, with no "
           "other character in it, between SHA1Init and SHA1Final? And does each call begin with "
           "base64_init_encodestate? Compare the GUID character by character: "
           "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
}

/* So that a variable of the next function's that is not set is not 0 by chance. */
static void fill_stack(void)
{
    volatile char bytes[4096];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = '#';
}

static void known_pairs(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char accept[ROOM];
        memset(accept, UNTOUCHED, sizeof accept);
        accept[sizeof accept - 1] = '\0';
        fill_stack();
        handshake_accept_key(pairs[i][0], accept);
        EXPECT_TEXT(accept, pairs[i][1], "for the key %s (%s)", pairs[i][0],
                    strcmp(accept, pairs[i][1]) == 0 ? "right" : known_mistake(accept, pairs[i][1]));
        EXPECT(accept[ACCEPT_KEY_BYTES] == UNTOUCHED, "not a byte more than ACCEPT_KEY_BYTES");
    }
}

static pthread_barrier_t both_are_there;

/* A client's thread: it makes the same accept key again and again. */
static void *make_many(void *pair)
{
    enum { TIMES = 200000 };
    const char *const *texts = (const char *const *)pair;
    char accept[100];

    pthread_barrier_wait(&both_are_there);
    for (int i = 0; i < TIMES; i++) {
        handshake_accept_key(texts[0], accept);
        if (strcmp(accept, texts[1]) != 0)
            return pair;
    }
    return NULL;
}

static void two_threads(void)
{
    void *wrong[2];
    pthread_t threads[2];

    pthread_barrier_init(&both_are_there, NULL, 2);
    for (int i = 0; i < 2; i++)
        EXPECT(pthread_create(&threads[i], NULL, make_many, (void *)pairs[i]) == 0, "a thread");
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], &wrong[i]);
    EXPECT(wrong[0] == NULL && wrong[1] == NULL, "two clients at once: handshake_accept_key gives one "
                                                 "of them the other's bytes, so they share memory");
}

int main(void)
{
    static const struct test tests[] = {
        {"accept keys are those that other programs make", known_pairs, 7, "RFC 6455, section 4.2.2",
         "handshake_accept_key: SHA-1 over the key as text, followed by the GUID, and the 20 bytes of "
         "that in Base64."},
        {"two clients at once get their own accept keys", two_threads, 7, "a thread per client",
         "Each client has a thread, so a static variable is shared by all: handshake_accept_key needs "
         "only local ones."},
        {0},
    };

    char accept[ACCEPT_KEY_BYTES] = "";
    int status = run_suite("07 the accept key", tests);

    if (status == 0) {
        handshake_accept_key(pairs[0][0], accept);
        printf("Your accept key for %s: %s\n", pairs[0][0], accept);
    }
    return status;
}
