/* 07_accept_key.c - the accept key that belongs to a key */
#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "harness.h"

/* Keys and accept keys, made with another program:
 * printf 'KEY258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | openssl sha1 -binary | base64 */
static const char *const pairs[][2] = {
    {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, /* RFC 6455 section 1.3 */
    {"x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
    {"AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="},
    {"/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="},
};

/* What comes out of the RFC's key when something is wrong, and what that is. */
static const char *const known_mistakes[][2] = {
    {"s3mCG3XUBfFRrUGpYOBQiHm5i8g=", "the space before the key was hashed with it"},
    {"0nPMTTX30oa/g/KwzuXRC2LWB6I=", "the header's name was hashed with the key"},
    {"zvnId+CMmoYWpbuFiCx6kU/bpAw=", "the CR after the key was hashed with it"},
    {"kex8Ji4w0ek1Mc3Dwcf4mOpf5b4=", "the line's end was hashed with the key"},
    {"hHLtf2V1k8aDQZfNjw3Ia1hCwt0=", "the fixed text was forgotten"},
    {"2OZf2Seed9yzIpkj+zvC9KS9Mjw=", "the fixed text must follow the key"},
    {"WJfwerbIozKsJXHxxI0JTO1SQgU=", "the fixed text must be in capitals"},
    {"wRn3T1d05f86S/JjgrE2dZ0BqLI=", "the null terminator of the fixed text was hashed"},
    {"ENhfyOH3bzAxCPh+tpSqexhz57w=", "the null terminator of the key was hashed"},
    {"ZrvYRJEcopqqEiEt7CTJiBneaEY=", "the null terminators of key and fixed text were hashed"},
    {"BQgomKt49tqcGtJYe4ASzQz1IXI=", "a newline after the fixed text was hashed"},
    {"BXhwxM0SZasKmCD9S4BfpPmCnEw=", "the key's 16 bytes were hashed, not its Base64"},
    {"YjM3YTRmMmNjMDYyNGYxNjkwZjY0NjA2Y2YzODU5NDViMmJlYzRlYQ==",
     "the digest was written in hex before Base64"},
};

static const char *known_mistake(const char *accept)
{
    for (size_t i = 0; i < sizeof known_mistakes / sizeof known_mistakes[0]; i++)
        if (strncmp(accept, known_mistakes[i][0], ACCEPT_KEY_BYTES - 1) == 0)
            return known_mistakes[i][1];
    return strchr(accept, '\n') != NULL ? "the newline that the Base64 library appends is no part of it"
                                        : "no mistake that this test knows";
}

static void known_pairs(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char accept[100]; /* more than it should need */
        memset(accept, '#', sizeof accept);
        accept[sizeof accept - 1] = '\0';
        handshake_accept_key(pairs[i][0], accept);
        EXPECT_TEXT(accept, pairs[i][1], "for the key %s (%s)", pairs[i][0],
                    strcmp(accept, pairs[i][1]) == 0 ? "right" : known_mistake(accept));
        EXPECT(accept[ACCEPT_KEY_BYTES] == '#', "not a byte more than ACCEPT_KEY_BYTES");
    }
}

int main(void)
{
    static const struct test tests[] = {
        {"accept keys are those that other programs make", known_pairs, 7, "RFC 6455, section 4.2.2",
         "handshake_accept_key: SHA-1 over the key as text, followed by the fixed text, and the 20 "
         "bytes "
         "of that in Base64."},
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
