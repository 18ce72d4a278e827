/*
 * The mistake: when accept fails because descriptors have run out, it is called again at once. It fails
 * at once, until a client leaves.
 * On the wire: nothing; but the loop uses all of a core, which the clients could use.
 *
 * Caught by: tests/suites/01_listen.c
 * Says: accept_loop must ask accept_failed, which says so and waits a moment. But it did not
 */
static int accept_loop(void)
{
    for (;;) {
        struct sockaddr_storage from = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof from;
        char address[TRACE_ADDRESS_BYTES];
        int fd;

        clients_check_time();
        fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC);
        if (fd >= 0) {
            write_address((struct sockaddr *)&from, length, address);
            start_client(fd, address);
        } else if (stop_requested) {
            return 0;
        }
    }
}
