/*
 * The mistake: room for one more byte is counted in, for the zero byte behind a string, in 32 bits.
 * Of 4294967295 bytes and one more, that leaves 0, which passes every limit.
 * On the wire: the largest claim is taken for the smallest. Where malloc gets that 0, the payload
 * overwrites whatever lies behind it.
 *
 * Caught by: tests/12_messages.c
 * Says: a claim of 4294967295 bytes
 */
static int too_big(struct websocket *ws, const struct frame *frame)
{
    unsigned needed = (unsigned)frame->length + 1;

    if (needed <= ws->max_message - ws->message.length + 1)
        return 0;
    return wrong(ws, CLOSE_TOO_BIG, "message over the server's limit");
}
