/* options.c - see options.h for what the calls promise */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "2.0.0"

/* What an option is if it is not given; --help shows these. */
#define DEFAULT_ADDRESS "127.0.0.1"
#define DEFAULT_PORT "8080"
#define DEFAULT_TIMEOUT_S 30
#define DEFAULT_MAX_MESSAGE (1024 * 1024)
#define DEFAULT_MAX_MEMORY (256 * 1024 * 1024)
#define DEFAULT_MAX_CONNECTIONS 1024
#define DEFAULT_MAX_WATCHERS 64 /* a classroom's pages */

/* The largest values: a day, a GiB, and more memory and clients than a machine has. */
#define MOST_TIMEOUT_S 86400
#define MOST_MESSAGE (1 << 30)
#define MOST_MEMORY (SIZE_MAX / 2)
#define MOST_CONNECTIONS 1000000

struct options options = {
    .address = DEFAULT_ADDRESS,
    .port = DEFAULT_PORT,
    .timeout_s = DEFAULT_TIMEOUT_S,
    .max_message = DEFAULT_MAX_MESSAGE,
    .max_memory = DEFAULT_MAX_MEMORY,
    .max_connections = DEFAULT_MAX_CONNECTIONS,
    .max_watchers = DEFAULT_MAX_WATCHERS,
};

static _Noreturn void reject(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lesson 1, provided. Says what is wrong with the command line, and exits. */
static _Noreturn void reject(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fprintf(stderr, "server: ");
    vfprintf(stderr, format, arguments);
    fprintf(stderr, " (see server --help)\n");
    va_end(arguments);
    exit(2);
}

/* Lesson 1, provided. Prints what --help shows: it fits a screen of 24 lines. The man page is made
 * from it. */
static void print_help(void)
{
    printf("Usage: server [OPTION]...\n"
           "A WebSocket server: an echo, a chat at /chat, and a page to try both.\n"
           "Ctrl-C closes every connection, then the server ends; again: it ends at once.\n\n"
           "Options:\n"
           "  -a, --address A          address to listen on (" DEFAULT_ADDRESS ": this machine only)\n"
           "  -p, --port N             port to listen on (" DEFAULT_PORT "); 0 lets the system choose\n"
           "  -t, --timeout S          seconds to send a request, to read our bytes, or to\n"
           "                           be idle until a ping comes (%d); 0: for ever\n"
           "  -m, --max-message BYTES  the longest message (%d)\n"
           "  -M, --max-memory BYTES   memory for all messages over 64 KiB (%d)\n"
           "  -c, --max-connections N  clients at the same time (%d)\n"
           "  -W, --max-watchers N     pages that show all traffic at the same time (%d)\n"
           "  -o, --origin ORIGIN      let pages of ORIGIN connect (https://example.com)\n"
           "  -z, --compress           compress messages, if a client offers it (RFC 7692)\n"
           "  -w, --wire               let the page show all traffic, at /wire\n"
           "  -v, --verbose            print each line and frame that is sent or received\n"
           "  -h, --help               print this and exit\n"
           "  -V, --version            print the version and exit\n\n"
           "Examples:\n"
           "  server --wire            then open http://" DEFAULT_ADDRESS ":" DEFAULT_PORT "/\n"
           "  server -a 0.0.0.0        let the whole network in\n",
           DEFAULT_TIMEOUT_S, DEFAULT_MAX_MESSAGE, DEFAULT_MAX_MEMORY, DEFAULT_MAX_CONNECTIONS,
           DEFAULT_MAX_WATCHERS);
}

/* Lesson 1, provided. Writes out what has been printed. */
int options_flush_output(void)
{
    if (fflush(stdout) == 0 || errno == EINTR) /* interrupted: the server is to stop */
        return 0;
    fprintf(stderr, "server: cannot write to standard output: %s\n", strerror(errno));
    return -1;
}

/* Lesson 1, provided. Exits after --help or --version. */
static _Noreturn void exit_printed(void)
{
    exit(options_flush_output() == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Lesson 1, provided. Reads an option's number. */
static size_t number_option(const char *name, const char *text, size_t least, size_t most)
{
    char *end;

    errno = 0;
    uintmax_t value = strtoumax(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value < least || value > most)
        reject("--%s must be a number from %zu to %zu, not '%s'", name, least, most, text);
    return (size_t)value;
}

/* Lesson 1, provided. Adds an origin whose pages may connect. */
static void add_origin(const char *text)
{
    struct origin *more = realloc(options.origins, (options.origin_count + 1) * sizeof *options.origins);
    struct origin *added;

    if (more == NULL) {
        fprintf(stderr, "server: out of memory\n");
        exit(EXIT_FAILURE);
    }
    options.origins = more;
    added = &more[options.origin_count++];
    if (origin_parse(text, added) != 0 ||
        (strcmp(added->scheme, "http") != 0 && strcmp(added->scheme, "https") != 0))
        reject("--origin must be like https://example.com, not '%s'", text);
    if (strchr(added->host, '*') != NULL)
        reject("--origin must name one host, without '*', not '%s'", text);
}

/* The options. A colon after a letter says that a value follows; the one at the beginning, that errors
 * are left to us. */
static const char letters[] = ":a:p:t:m:M:c:W:o:zwvhV";
static const struct option known_options[] = {
    {"address", required_argument, NULL, 'a'},
    {"port", required_argument, NULL, 'p'},
    {"timeout", required_argument, NULL, 't'},
    {"max-message", required_argument, NULL, 'm'},
    {"max-memory", required_argument, NULL, 'M'},
    {"max-connections", required_argument, NULL, 'c'},
    {"max-watchers", required_argument, NULL, 'W'},
    {"origin", required_argument, NULL, 'o'},
    {"compress", no_argument, NULL, 'z'},
    {"wire", no_argument, NULL, 'w'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

/* Those whose value is a number. */
static const struct {
    int letter;
    const char *name;
    size_t *value, least, most;
} numbers[] = {
    {'t', "timeout", &options.timeout_s, 0, MOST_TIMEOUT_S},
    {'m', "max-message", &options.max_message, 1, MOST_MESSAGE},
    {'M', "max-memory", &options.max_memory, 0, MOST_MEMORY},
    {'c', "max-connections", &options.max_connections, 1, MOST_CONNECTIONS},
    {'W', "max-watchers", &options.max_watchers, 0, MOST_CONNECTIONS},
};

/* Lesson 1, provided. Says what is wrong with an option that getopt_long does not accept: optopt is its
 * letter, if it has one, and `word` is where it was given. */
static _Noreturn void reject_option(bool lacks_value, const char *word)
{
    bool is_word = optopt == 0 || strncmp(word, "--", 2) == 0;
    char letter[] = {'-', (char)optopt, '\0'};

    if (lacks_value)
        reject("option %s needs a value", is_word ? word : letter);
    if (optopt != 0 && optopt != ':' && strchr(letters, optopt) != NULL)
        reject("option %s takes no value", word);
    reject("unknown option %s", optopt == 0 ? word : letter); /* or an ambiguous one */
}

/* Lesson 1, provided. Takes one option; some of them end the program. */
static void take_option(int letter, const char *value, const char *word)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (numbers[i].letter == letter) {
            *numbers[i].value = number_option(numbers[i].name, value, numbers[i].least, numbers[i].most);
            return;
        }
    switch (letter) {
    case 'a':
        options.address = value;
        break;
    case 'p':
        number_option("port", value, 0, 65535);
        options.port = value;
        break;
    case 'o':
        add_origin(value);
        break;
    case 'z':
        options.compress = true;
        break;
    case 'w':
        options.wire = true;
        break;
    case 'v':
        options.verbose = true;
        break;
    case 'h':
        print_help();
        exit_printed();
    case 'V':
        printf("server %s\n", VERSION);
        exit_printed();
    default:
        reject_option(letter == ':', word);
    }
}

/* Lesson 1, provided. Reads the command line. */
void options_parse(int argc, char **argv)
{
    int letter;

    while ((letter = getopt_long(argc, argv, letters, known_options, NULL)) != -1)
        take_option(letter, optarg,
                    argv[(optind < argc ? optind : argc) - 1]); /* musl steps past argc */
    if (optind < argc)
        reject("unexpected argument '%s'", argv[optind]);
    if (options.max_memory < 2 * options.max_message) /* one message must fit, while its memory grows */
        options.max_memory = 2 * options.max_message;
}
