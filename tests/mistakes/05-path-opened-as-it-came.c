/*
 * The mistake: the path of a request is appended to the folder's name, and whatever that names is
 * opened.
 * On the wire: "GET /../server.c" gets a file that nobody meant to publish; with enough "../", any file
 * of the machine.
 *
 * Caught by: tests/suites/05_page.c
 * Says: expected 404 for: GET /../server.c
 */
const struct file *files_lookup(const char *path)
{
    static _Thread_local char name[4096];
    static _Thread_local struct file file;
    struct stat about;

    snprintf(name, sizeof name, "%s%s%s", CLIENT_DIRECTORY, path,
             path[strlen(path) - 1] == '/' ? "index.html" : "");
    file = (struct file){.path = name, .name = name, .type = type_of(name)};
    return stat(name, &about) == 0 && S_ISREG(about.st_mode) ? &file : NULL;
}
