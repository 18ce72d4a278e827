/*
 * counted.c - counts calls of a server that is linked with it; see counted.h
 *
 * The linker leads the calls through here (--wrap): the server's own source is as it is.
 */
#include "counted.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct counts *counts;

__attribute__((constructor)) static void map_counts(void)
{
    const char *name = getenv(COUNTS_VARIABLE);
    int file = name == NULL ? -1 : open(name, O_RDWR | O_CLOEXEC);
    void *mapped = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (file < 0 || mapped == MAP_FAILED) {
        fprintf(stderr, "counted server: %s must name a file for the counts\n", COUNTS_VARIABLE);
        exit(EXIT_FAILURE);
    }
    close(file);
    counts = mapped;
}

ssize_t __real_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags)
{
    ssize_t n = __real_recv(fd, to, room, flags);

    atomic_fetch_add(&counts->receives, 1);
    return n;
}

int __real_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout)
{
    int n = __real_poll(list, count, timeout);

    atomic_fetch_add(&counts->polls, 1);
    return n;
}

ssize_t __real_send(int fd, const void *from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t length, int flags)
{
    atomic_fetch_add(&counts->sends, 1);
    return __real_send(fd, from, length, flags);
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    atomic_fetch_add(&counts->sends, 1);
    return __real_sendmsg(fd, message, flags);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    atomic_fetch_add(&counts->allocations, 1);
    return __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&counts->allocations, 1);
    return __real_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    atomic_fetch_add(&counts->allocations, 1);
    return __real_realloc(memory, size);
}
