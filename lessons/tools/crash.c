/*
 * crash.c - says where a program has crashed, before it ends
 *
 * It is linked with the server, and with the suites, that lessons/tools/build.py makes. A signal
 * such as SIGSEGV comes to on_crash. That starts where.sh, which has gdb look at this very process,
 * and then lets the signal do what it does. The report goes to standard error, or to the file that
 * $CRASH_REPORT names: there it begins with "crashed PID SIGNAL".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "crash.h"
#include "todo.h"

#ifndef WHERE
#define WHERE "lessons/tools/where.sh"
#endif

/* Bytes of the stack that a handler runs on: the thread's own may be what is full. */
#define HANDLER_STACK_BYTES (64 * 1024)

/* How far from the stack's end an address may lie that is to be taken for a full stack. */
#define NEAR_STACK_BYTES (64 * 1024)

#ifdef PR_SET_PTRACER
#define MAY_TRACE() prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
#else
#define MAY_TRACE() ((void)0)
#endif

static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL};

/* Where the thread's stack ended when it crashed; 0: not known on this kind of processor. */
static uintptr_t stack_end(const ucontext_t *context)
{
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.sp;
#else
    (void)context;
    return 0;
#endif
}

/* Where the thread's stack begins: the memory above it is something else. 0: not known. */
static _Thread_local uintptr_t stack_begin;

/* Whether an address is near the end of the thread's stack, so that this is full. */
static bool is_near_end(uintptr_t address, uintptr_t end)
{
    if (end == 0 || (stack_begin != 0 && address >= stack_begin))
        return false;
    return address - end + NEAR_STACK_BYTES < 2 * NEAR_STACK_BYTES;
}

/* Why crash_now was called; "": it was not. */
static const char *noticed = "";

/* What the address says about the reason: an argument for where.sh. */
static const char *reason(const siginfo_t *info, const ucontext_t *context)
{
    uintptr_t address = (uintptr_t)info->si_addr, stack = stack_end(context);

    if (info->si_signo == SIGABRT)
        return noticed;
    if (info->si_signo != SIGSEGV || info->si_code <= 0)
        return "";
    if (address < 4096)
        return "null";
    if (is_near_end(address, stack))
        return "stack";
    return info->si_code == SEGV_MAPERR ? "gone" : "";
}

/* Opens what the report is written to, and begins it. */
static int open_report(int signal_number)
{
    const char *name = getenv("CRASH_REPORT");
    int fd = name == NULL ? -1 : open(name, O_WRONLY | O_APPEND | O_CLOEXEC);
    char line[60];
    int n = snprintf(line, sizeof line, fd < 0 ? "\nIt has crashed: " : "crashed %d %d\n", (int)getpid(),
                     signal_number);

    if (fd < 0)
        fd = STDERR_FILENO;
    (void)!write(fd, line, (size_t)n);
    return fd;
}

/* Runs where.sh in a process of its own. Not by fork, which would wait for locks that this very
 * thread may hold, in malloc say. */
static void tell_where(int fd, const char *signal_text, const char *why)
{
    char pid[12];
    long child;

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    MAY_TRACE();
    child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        setrlimit(RLIMIT_AS,
                  &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}); /* gdb needs more than we may have */
        dup2(fd, STDOUT_FILENO);
        execl("/bin/sh", "sh", WHERE, pid, "crash", signal_text, why, (char *)NULL);
        _exit(127);
    }
    /* The timer that has main look at its clients may interrupt this thread as well, after gdb held it. */
    while (child > 0 && waitpid((pid_t)child, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    static atomic_flag told = ATOMIC_FLAG_INIT;
    char text[12];

    if (atomic_flag_test_and_set(&told)) /* another thread has crashed, and is reporting */
        for (;;)
            pause();
    snprintf(text, sizeof text, "%d", number);
    tell_where(open_report(number), text, reason(info, context));
    signal(number, SIG_DFL);
    raise(number); /* it comes when this handler has returned */
}

void crash_now(const char *why)
{
    noticed = why;
    abort();
}

/* By mmap, so that the server's own memory lies as it does without this. */
void *crash_begin_thread(void)
{
    void *memory =
        mmap(NULL, HANDLER_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_size = HANDLER_STACK_BYTES, .ss_sp = memory};

    stack_begin = (uintptr_t)__builtin_frame_address(0);
    if (memory == MAP_FAILED)
        return NULL;
    sigaltstack(&stack, NULL);
    return memory;
}

void crash_end_thread(void *stack)
{
    stack_t none = {.ss_flags = SS_DISABLE};

    sigaltstack(&none, NULL);
    if (stack != NULL)
        munmap(stack, HANDLER_STACK_BYTES);
}

#ifdef __SANITIZE_ADDRESS__
void __lsan_do_leak_check(void);

/* Until lesson 14 is written, SIGTERM ends the server as it ends any program: what was never freed is
 * reported before. */
static void on_end(int number)
{
    __lsan_do_leak_check();
    _exit(128 + number);
}
#endif

/* Before main. */
__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static char stack[HANDLER_STACK_BYTES];
    stack_t alternate = {.ss_size = sizeof stack, .ss_sp = stack};

#ifdef __SANITIZE_ADDRESS__
    if (unwritten == NULL) /* it is a server, and no suite */
        signal(SIGTERM, on_end);
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return; /* they report a crash themselves */
#endif
    MAY_TRACE(); /* so that gdb may also be asked from outside why nothing happens */
    sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaction(signals[i], &action, NULL);
}
