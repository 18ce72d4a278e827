/*
 * The mistake: "one client at a time is enough", so listen gets 1 as its second argument.
 * On the wire: while the server is busy, the third client that connects is not answered, and tries again a
 * second later.
 *
 * Caught by: tests/suites/01_listen.c
 * Says: the queue that listen has asked for must hold 30 clients
 */
static int open_socket(const struct addrinfo *at)
{
    int on = 1, fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, 1) == 0)
        return fd;
    close(fd);
    return -1;
}
