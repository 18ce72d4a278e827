/* share_counts.c - a test's side of counted.h: makes the file in which a counted server counts */
#include "counted.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char file_name[] = "/tmp/server-counts-XXXXXX";

struct counts *share_counts(void)
{
    void *mapped;
    int file;

    /* a process that was forked has another's name there */
    memcpy(strrchr(file_name, '-'), "-XXXXXX", 7);
    file = mkostemp(file_name, O_CLOEXEC);
    if (file < 0 || ftruncate(file, sizeof(struct counts)) != 0)
        abort();
    mapped = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED || setenv(COUNTS_VARIABLE, file_name, 1) != 0)
        abort();
    close(file);
    return mapped;
}

void remove_counts(void)
{
    unlink(file_name);
}
