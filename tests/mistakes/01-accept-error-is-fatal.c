/*
 * The mistake: when accept fails, the server ends, unless a signal came. Most failures are one client's, and the
 * others pass.
 * On the wire: the server runs out of descriptors once, and is gone.
 *
 * Caught by: tests/suites/01_listen.c
 * Says: accept_loop must ask accept_failed, which says so and waits a moment. But The server has ended
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
        } else if (stop_requested || errno != EINTR) {
            return stop_requested ? 0 : -1;
        }
    }
}
