/*
 * The mistake: room for one more byte is added, for the null terminator of a string, in 32 bits. For
 * 4294967295 bytes and one more, the result is 0, which passes every limit.
 * On the wire: the largest claim is taken for the smallest. If malloc gets that 0, the payload
 * overwrites whatever follows in memory.
 *
 * Caught by: tests/suites/12_messages.c
 * Says: a claim of 4294967295 bytes
 */
static int check_size(struct websocket *ws, const struct frame *frame)
{
    unsigned needed = (unsigned)frame->length + 1;

    if (needed <= ws->max_message - ws->message.length + 1)
        return 0;
    return fail(ws, CLOSE_MESSAGE_TOO_BIG, "message over the server's limit");
}
