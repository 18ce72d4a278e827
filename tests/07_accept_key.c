/* 07_accept_key.c - the accept key that belongs to a key */
#include <string.h>

#include "../handshake.h"
#include "harness.h"

/* Keys and accept keys, made with another program:
 * printf 'KEY258EAFA5-E914-47DA-95CA-C5AB0DC85B11' | openssl sha1 -binary | base64 */
static const char *const pairs[][2] = {
    {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}, /* RFC 6455 section 1.3 */
    {"x3JJHMbDL1EzLkh9GBhXDw==", "HSmrc0sMlYUkAGmm5OPpG2HaGWk="},
    {"AAAAAAAAAAAAAAAAAAAAAA==", "ICX+Yqv66kxgM0FcWaLWlFLwTAI="},
    {"/////////////////////w==", "XXpj4jYzLM2yUE0C7TIgMwTQh2g="},
};

static void known_pairs(void)
{
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char accept[ACCEPT_KEY_BYTES + 1];
        memset(accept, '#', sizeof accept);
        handshake_accept_key(pairs[i][0], accept);
        EXPECT_TEXT(accept, pairs[i][1], "for the key %s", pairs[i][0]);
        EXPECT(accept[ACCEPT_KEY_BYTES] == '#', "not a byte more than ACCEPT_KEY_BYTES");
    }
}

int main(void)
{
    static const struct test tests[] = {
        {"accept keys are those that other programs make", known_pairs},
        {NULL, NULL},
    };

    return run_suite("07 the accept key", tests);
}
