/*
 * raw.c - what an echo server with a thread for each client can be at best: bytes in, bytes out
 *
 *     raw BYTES       (of buffer for a recv)
 *
 * No frames, no masks, no limits, no memory of what a message is. How much this echoes in a second
 * is what the kernel, its sockets and its scheduler leave to a server of this shape; the benchmark
 * tells every other server's speed as a part of it.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes of stack for a thread, far more than it needs. */
#define STACK_BYTES (64 * 1024)

static size_t buffer_bytes;

static void *echo(void *argument)
{
    char *buffer = malloc(buffer_bytes);
    int fd = (int)(intptr_t)argument, on = 1;
    ssize_t n;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (buffer != NULL && (n = recv(fd, buffer, buffer_bytes, 0)) > 0)
        for (ssize_t sent = 0, m; sent < n; sent += m)
            if ((m = send(fd, buffer + sent, (size_t)(n - sent), MSG_NOSIGNAL)) < 0)
                break;
    free(buffer);
    close(fd);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t length = sizeof own;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
    pthread_attr_t attributes;
    pthread_t thread;

    buffer_bytes = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (buffer_bytes == 0 || listener < 0 || bind(listener, (struct sockaddr *)&own, sizeof own) != 0 ||
        listen(listener, SOMAXCONN) != 0 || getsockname(listener, (struct sockaddr *)&own, &length) != 0)
        return EXIT_FAILURE;
    printf("listening on http://127.0.0.1:%d/\n", ntohs(own.sin_port));
    fflush(stdout);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while ((fd = accept(listener, NULL, NULL)) >= 0)
        if (pthread_create(&thread, &attributes, echo, (void *)(intptr_t)fd) != 0)
            close(fd);
    return EXIT_FAILURE;
}
