/*
 * files.h - the page's files, found once at the start
 *
 * Every file below client/ is listed with the path by which it can be asked for. A path from a request
 * is only ever compared with that list, so it never reaches the file system. Left out are files whose
 * name begins with a dot, links, and what is not a regular file.
 */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>

struct file {
    char *path;       /* "/page.js"; "/" and "/book/" for the index.html there */
    char *name;       /* where it is in the file system */
    const char *type; /* its media type, by its ending */
};

/* Lists the files. If there is no page, says so on stderr: an echo needs none. Blocks on the disk. */
void files_find(void);

/* Gives the list's memory back. */
void files_forget(void);

/* The file for a path, or NULL. Does not block. */
const struct file *files_lookup(const char *path);

/* Reads a file whole, into memory that the caller frees. NULL: it cannot be read. Blocks on the disk,
 * but not on a pipe that has taken the file's place. */
char *files_read(const struct file *file, size_t *length);

#endif
