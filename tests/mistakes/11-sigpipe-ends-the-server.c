/*
 * The mistake: nobody has thought of SIGPIPE, neither in main nor where send is called.
 * On the wire: a client leaves while its echo is being sent, and all the others lose their server.
 *
 * Caught by: tests/11_control.c
 * Says: The server has ended: killed by signal 13
 */
int main(int argc, char **argv)
{
    int result;

    take_standard_descriptors();
    parse_options(argc, argv);
    look_for_page();
    raise_descriptors();
    pthread_attr_init(&thread_attributes);
    pthread_attr_setstacksize(&thread_attributes, THREAD_STACK_BYTES);
    wire_begin(options.wire);
    if (open_listener() != 0 || stop_on_signals() != 0 || start_printing() != 0 || announce() != 0)
        return EXIT_FAILURE;
    result = accept_loop();
    say_goodbye();
    wait_for_workers();
    end_printing();
    free(options.origins);
    close(listener);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int send_all_locked(struct stream *s, const void *bytes, size_t length, int msg_more)
{
    const char *next = bytes;

    while (s->write_error == 0 && length > 0) {
        ssize_t n = send(s->fd, next, length, msg_more);
        if (n >= 0) {
            next += n;
            length -= (size_t)n;
        } else if (errno != EINTR) {
            s->write_error = STREAM_ERROR;
        }
    }
    return s->write_error;
}
