/*
 * counted.c - counts calls of a server that is linked with it, and lets one fail; see counted.h
 *
 * The linker leads the calls through here (--wrap): the server's own source is as it is. It leads
 * only those that the server's own files make, not those inside the C library.
 */
#include "counted.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

/* Descriptors that short sends are kept apart by. A test has a dozen. */
#define DESCRIPTORS 256

#define NO_DESCRIPTOR (-1)

static struct counts *counts;

void *__real_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);

__attribute__((constructor)) static void map_counts(void)
{
    const char *name = getenv(COUNTS_VARIABLE);
    int file = name == NULL ? -1 : open(name, O_RDWR | O_CLOEXEC);
    void *mapped = __real_mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (file < 0 || mapped == MAP_FAILED) {
        fprintf(stderr, "counted server: %s must name a file for the counts\n", COUNTS_VARIABLE);
        exit(EXIT_FAILURE);
    }
    close(file);
    counts = mapped;
}

/* ---- the call that fails ---- */

/* A bystander's: its thread, and its socket. */
static _Thread_local bool spared_thread;
static atomic_int spared_descriptor = NO_DESCRIPTOR;

/* Spares the connection that a thread receives on, while nothing is armed. */
static void spare(int fd)
{
    if (atomic_load(&counts->fault.armed))
        return;
    spared_thread = true;
    atomic_store(&spared_descriptor, fd);
}

static bool is_spared(int fd)
{
    return spared_thread || (fd != NO_DESCRIPTOR && fd == atomic_load(&spared_descriptor));
}

/* Whether this call is the one that must fail. Then errno says why. */
static bool fails(enum call call, int fd)
{
    struct fault *fault = &counts->fault;
    long number;

    if (!atomic_load(&fault->armed) || is_spared(fd))
        return false;
    number = atomic_fetch_add(&fault->reached[call], 1) + 1;
    if (call != fault->call || number != fault->which)
        return false;
    atomic_fetch_add(&fault->failed, 1);
    errno = fault->error;
    return true;
}

/* ---- receiving, and waiting for it ---- */

ssize_t __real_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t room, int flags)
{
    ssize_t n;

    spare(fd);
    if (fails(CALL_RECV, fd))
        return -1;
    if (counts->receive_most > 0 && room > counts->receive_most)
        room = counts->receive_most;
    n = __real_recv(fd, to, room, flags);
    atomic_fetch_add(&counts->receives, 1);
    return n;
}

int __real_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *list, nfds_t count, int timeout)
{
    int n;

    if (fails(CALL_POLL, count > 0 ? list->fd : NO_DESCRIPTOR))
        return -1;
    n = __real_poll(list, count, timeout);
    atomic_fetch_add(&counts->polls, 1);
    return n;
}

/* ---- clocks, and questions to the kernel ---- */

/* Main's thread is the one whose number is the process's. */
static bool is_worker(void)
{
    return gettid() != getpid();
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    if (is_worker())
        atomic_fetch_add(&counts->clocks, 1);
    return __real_clock_gettime(clock, now);
}

time_t __real_time(time_t *now);
time_t __wrap_time(time_t *now);
time_t __wrap_time(time_t *now)
{
    return __real_time(now) + counts->ahead_s;
}

int __real_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument);
int __wrap_ioctl(int fd, unsigned long request, void *argument)
{
    if (is_worker())
        atomic_fetch_add(&counts->queries, 1);
    return __real_ioctl(fd, request, argument);
}

/* ---- sending ---- */

/* If sends are short, whether this one takes nothing: every other one on its socket. */
static bool takes_nothing(int fd)
{
    static atomic_uint took_some[DESCRIPTORS];

    if (counts->send_most == 0 || fd < 0 || fd >= DESCRIPTORS)
        return false;
    if (atomic_fetch_xor(&took_some[fd], 1) == 0)
        return false;
    errno = EINTR;
    return true;
}

ssize_t __real_send(int fd, const void *from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t length, int flags)
{
    atomic_fetch_add(&counts->sends, 1);
    if (fails(CALL_SEND, fd) || takes_nothing(fd))
        return -1;
    if (counts->send_most > 0 && length > counts->send_most)
        length = counts->send_most;
    return __real_send(fd, from, length, flags);
}

/* ---- memory ---- */

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    atomic_fetch_add(&counts->allocations, 1);
    return fails(CALL_MALLOC, NO_DESCRIPTOR) ? NULL : __real_malloc(size);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    atomic_fetch_add(&counts->allocations, 1);
    return fails(CALL_CALLOC, NO_DESCRIPTOR) ? NULL : __real_calloc(count, size);
}

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    atomic_fetch_add(&counts->allocations, 1);
    return fails(CALL_REALLOC, NO_DESCRIPTOR) ? NULL : __real_realloc(memory, size);
}

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    atomic_fetch_add(&counts->allocations, 1);
    if (fails(CALL_MMAP, NO_DESCRIPTOR))
        return MAP_FAILED;
    return __real_mmap(at, size, protection, flags, fd, offset);
}

/* ---- threads and sockets ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                          void *argument)
{
    if (fails(CALL_PTHREAD_CREATE, NO_DESCRIPTOR))
        return errno;
    return __real_pthread_create(thread, attributes, start, argument);
}

int __real_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *length, int flags)
{
    return fails(CALL_ACCEPT4, fd) ? -1 : __real_accept4(fd, from, length, flags);
}

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
    return fails(CALL_SETSOCKOPT, fd) ? -1 : __real_setsockopt(fd, level, name, value, size);
}

/* ---- zlib, which takes its memory by itself ---- */

int __real_deflateInit2_(z_streamp z, int level, int method, int window_bits, int memory_level,
                         int strategy, const char *version, int size);
int __wrap_deflateInit2_(z_streamp z, int level, int method, int window_bits, int memory_level,
                         int strategy, const char *version, int size);
int __wrap_deflateInit2_(z_streamp z, int level, int method, int window_bits, int memory_level,
                         int strategy, const char *version, int size)
{
    if (fails(CALL_DEFLATE_INIT, NO_DESCRIPTOR))
        return Z_MEM_ERROR;
    return __real_deflateInit2_(z, level, method, window_bits, memory_level, strategy, version, size);
}

int __real_inflateInit2_(z_streamp z, int window_bits, const char *version, int size);
int __wrap_inflateInit2_(z_streamp z, int window_bits, const char *version, int size);
int __wrap_inflateInit2_(z_streamp z, int window_bits, const char *version, int size)
{
    if (fails(CALL_INFLATE_INIT, NO_DESCRIPTOR))
        return Z_MEM_ERROR;
    return __real_inflateInit2_(z, window_bits, version, size);
}

int __real_inflate(z_streamp z, int flush);
int __wrap_inflate(z_streamp z, int flush);
int __wrap_inflate(z_streamp z, int flush)
{
    return fails(CALL_INFLATE, NO_DESCRIPTOR) ? Z_MEM_ERROR : __real_inflate(z, flush);
}
