/*
 * The mistake: base64_encode_blockend ends its text with a newline, and the newline stays.
 * On the wire: "Sec-WebSocket-Accept: s3pP...=\n\r\n". Strict clients reject the field, or what they
 * take for the next one.
 *
 * Caught by: tests/suites/07_accept_key.c
 * Says: the newline that the Base64 library appends
 */
void handshake_accept_key(const char *key, char accept[ACCEPT_KEY_BYTES])
{
    static const char text[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[SHA1_DIGEST_LENGTH];
    base64_encodestate base64;
    SHA1_CTX sha1;
    int n;

    SHA1Init(&sha1);
    SHA1Update(&sha1, (const unsigned char *)key, strlen(key));
    SHA1Update(&sha1, (const unsigned char *)text, strlen(text));
    SHA1Final(digest, &sha1);
    base64_init_encodestate(&base64);
    n = base64_encode_block((const char *)digest, sizeof digest, accept, &base64);
    n += base64_encode_blockend(accept + n, &base64);
    accept[n] = '\0';
}
