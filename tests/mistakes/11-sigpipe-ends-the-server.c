/*
 * The mistake: nobody has thought of SIGPIPE, neither in main nor where send is called.
 * On the wire: a client leaves while its echo is being sent, and all the others lose their server.
 *
 * Caught by: tests/suites/11_control.c
 * Says: The server has ended: killed by signal 13
 */
static void prepare(int argc, char **argv)
{
    take_standard_descriptors();
    options_parse(argc, argv);
    wire_begin();
    files_find();
    clients_raise_descriptors(options.max_connections);
    clients_begin((int)options.timeout_s);
}

static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    const char *next = bytes;

    while (s->write_cause == STREAM_OK && length > 0) {
        ssize_t n = send(s->fd, next, length, msg_more);
        if (n >= 0) {
            next += n;
            length -= (size_t)n;
        } else if (errno != EINTR) {
            s->write_cause = cause_of(errno);
        }
    }
    return s->write_cause == STREAM_OK ? 0 : -1;
}
