/*
 * The mistake: localtime instead of gmtime, and "GMT" behind it all the same.
 * On the wire: wherever the clocks do not show Greenwich's time, the Date is hours off.
 *
 * Caught by: tests/suites/05_page.c
 * Says: the Date must be now
 */
int handshake_respond(struct request *r, int status, const char *extra, const char *type, size_t length)
{
    char head[RESPONSE_HEAD_BYTES], date[sizeof "Sun, 06 Nov 1994 08:49:37 GMT"];
    time_t now = time(NULL);
    struct tm parts;

    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", localtime_r(&now, &parts));
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
             "Cache-Control: no-cache\r\nConnection: close\r\n" SAFETY_FIELDS "%s\r\n",
             status, find_status(status)->name, date, type, length, extra);
    return write_head(r, head, STREAM_MORE);
}
