/* foreign.c - see foreign.h */
#include "foreign.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int given_port;

bool foreign(void)
{
    const char *command = getenv("FOREIGN");

    return command != NULL && *command != '\0';
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A port that the system has just chosen, and that is free again. */
static int free_port(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, length) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &length) == 0)
        port = ntohs(address.sin_port);
    if (fd >= 0)
        close(fd);
    return port;
}

static bool accepts(int port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return connected;
}

pid_t foreign_start(int out, int err)
{
    char port[12];
    pid_t parent = getpid(), pid;

    given_port = free_port();
    snprintf(port, sizeof port, "%d", given_port);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays behind when the suite dies */
        if (getppid() != parent)
            _exit(1);
        setpgid(0, 0);
        setenv("PORT", port, 1);
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO); /* the terminal is not its group's */
        dup2(out, STDOUT_FILENO);
        dup2(err, STDERR_FILENO);
        signal(SIGPIPE, SIG_DFL);
        execl("/bin/sh", "sh", "-c", getenv("FOREIGN"), (char *)NULL);
        _exit(127);
    }
    if (pid > 0)
        setpgid(pid, pid); /* whoever of the two is first */
    return pid;
}

/* The port of an address of this machine that was printed; 0: there is none. */
static int printed_port(int out)
{
    static const char *const hosts[] = {
        "://localhost:", "://127.0.0.1:", "://0.0.0.0:", "://[::1]:", "://[::]:"};
    char text[4000];
    ssize_t n = pread(out, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        const char *at = strstr(text, hosts[i]);
        if (at != NULL)
            return atoi(at + strlen(hosts[i]));
    }
    return 0;
}

int foreign_port(int out)
{
    int printed = printed_port(out);

    if (printed > 0 && printed < 65536 && accepts(printed))
        return printed;
    return accepts(given_port) ? given_port : 0;
}
