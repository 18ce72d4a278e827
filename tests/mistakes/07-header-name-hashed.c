/*
 * The mistake: the whole header field is hashed, including its name.
 * On the wire: an accept key that no client expects; browsers end the connection.
 *
 * Caught by: tests/suites/07_accept_key.c
 * Says: the header's name was hashed with the key
 */
void handshake_accept_key(const char *key, char accept[ACCEPT_KEY_BYTES])
{
    char text[200];
    unsigned char digest[SHA1_DIGEST_LENGTH];
    base64_encodestate base64;
    SHA1_CTX sha1;
    int n;

    snprintf(text, sizeof text, "Sec-WebSocket-Key: %s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1Init(&sha1);
    SHA1Update(&sha1, (const unsigned char *)text, strlen(text));
    SHA1Final(digest, &sha1);
    base64_init_encodestate(&base64);
    n = base64_encode_block((const char *)digest, sizeof digest, accept, &base64);
    base64_encode_blockend(accept + n, &base64);
    accept[ACCEPT_KEY_BYTES - 1] = '\0';
}
