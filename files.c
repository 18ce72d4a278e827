/* files.c - see files.h for what is listed */
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where the files are. The Makefile gives an absolute name, so that the server finds them from whatever
 * folder it is started in. */
#ifndef CLIENT_DIRECTORY
#define CLIENT_DIRECTORY "client"
#endif

/* Descriptors that the search may use for folders at the same time; deeper ones take longer. */
#define SEARCH_DESCRIPTORS 8

/* Set before the first thread starts, and only read from then on. */
static struct file *files;
static size_t file_count;

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".pdf", "application/pdf"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {"", "application/octet-stream"}, /* the last one fits everything */
};

/* Lesson 5, provided. The media type of a file, by its ending. */
static const char *type_of(const char *name)
{
    size_t length = strlen(name), i = 0;

    while (strlen(types[i].ending) > length ||
           strcasecmp(name + length - strlen(types[i].ending), types[i].ending) != 0)
        i++;
    return types[i].type;
}

/* Lesson 5, provided. Writes the path by which a file is asked for. Bytes that may not stand in a path
 * are escaped (RFC 3986 section 3.3). "index.html" is its folder's page. */
static char *path_of(const char *name)
{
    size_t length = strlen(name), index = strlen("index.html");
    char *path = malloc(3 * length + 1), *p = path;

    if (path == NULL)
        return NULL;
    if (length > index && strcmp(name + length - index - 1, "/index.html") == 0)
        length -= index;
    for (size_t i = 0; i < length; i++) {
        if (isalnum((unsigned char)name[i]) || strchr("/-._~!$&'()*+,;=:@", name[i]) != NULL)
            *p++ = name[i];
        else
            p += sprintf(p, "%%%02X", (unsigned char)name[i]);
    }
    *p = '\0';
    return path;
}

/* Lesson 5, provided. Adds what the search has found to the list, if it is a file to be served. */
static int add_file(const char *name, const struct stat *about, int kind, struct FTW *place)
{
    struct file *more, *file;

    (void)place;
    if (kind != FTW_F || !S_ISREG(about->st_mode) ||
        strstr(name + strlen(CLIENT_DIRECTORY), "/.") != NULL)
        return 0;
    more = realloc(files, (file_count + 1) * sizeof *files);
    if (more == NULL)
        return -1;
    files = more;
    file = &files[file_count++];
    *file = (struct file){
        .path = path_of(name + strlen(CLIENT_DIRECTORY)), .name = strdup(name), .type = type_of(name)};
    return file->path != NULL && file->name != NULL ? 0 : -1;
}

/* Lesson 5, provided. Gives the list's memory back. */
void files_forget(void)
{
    for (size_t i = 0; i < file_count; i++) {
        free(files[i].path);
        free(files[i].name);
    }
    free(files);
    files = NULL;
    file_count = 0;
}

/* Lesson 5, provided. Lists the page's files. FTW_PHYS: links are not followed. */
void files_find(void)
{
    int result = nftw(CLIENT_DIRECTORY, add_file, SEARCH_DESCRIPTORS, FTW_PHYS);

    if (result != 0) {
        fprintf(stderr, "server: no page: %s: %s\n", CLIENT_DIRECTORY, strerror(errno));
        files_forget(); /* a page without some of its files helps nobody */
    } else if (files_lookup("/") == NULL) {
        fprintf(stderr, "server: no page: there is no index.html in %s\n", CLIENT_DIRECTORY);
    }
}

/* Lesson 5, provided. Finds the file for a path. */
const struct file *files_lookup(const char *path)
{
    for (size_t i = 0; i < file_count; i++)
        if (strcmp(files[i].path, path) == 0)
            return &files[i];
    return NULL;
}

/* Lesson 5, provided. Reads as many bytes of an open file as it has now, however many reads that takes. */
static char *read_whole(int fd, size_t *length)
{
    struct stat about;
    char *bytes;

    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        return NULL;
    *length = 0;
    bytes = malloc((size_t)about.st_size + 1); /* + 1: an empty file is no failure */
    while (bytes != NULL && *length < (size_t)about.st_size) {
        ssize_t n = read(fd, bytes + *length, (size_t)about.st_size - *length);
        if (n > 0) {
            *length += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            free(bytes);
            return NULL;
        }
    }
    return bytes;
}

/* Lesson 5, provided. Reads a file, into memory from malloc, because workers have a small stack.
 * O_NONBLOCK: a pipe must not keep a worker that waits for somebody to write to it. */
char *files_read(const struct file *file, size_t *length)
{
    int fd = open(file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *bytes;

    if (fd < 0)
        return NULL;
    bytes = read_whole(fd, length);
    close(fd);
    return bytes;
}
