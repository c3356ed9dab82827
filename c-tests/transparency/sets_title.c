/* Computes the room for a process title from its environment, in one of the ways that daemons have copied from each other for
 * thirty years. Holds it against what the kernel says, moves the environment away and writes the title there.
 *
 * argv: the way; "fork" if a forked child with a session of its own does it. Prints the environment. Returns 0 if all is right. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Where the kernel has put arguments and environment, from proc(5). */
static char *arg_start, *env_start, *env_end;

static void ask_the_kernel(void)
{
    char line[4096], *field;
    unsigned long values[52] = { 0 };
    FILE *stat = fopen("/proc/self/stat", "r");
    int number = 3;

    if (stat == NULL || fgets(line, sizeof line, stat) == NULL)
        exit(90);
    fclose(stat);
    for (field = strtok(strrchr(line, ')') + 1, " "); field != NULL && number < 52; field = strtok(NULL, " "))
        values[number++] = strtoul(field, NULL, 10);
    arg_start = (char *)values[48];
    env_start = (char *)values[50];
    env_end = (char *)values[51];
}

static int is(const char *what, const char *name)
{
    return strcmp(what, name) == 0;
}

/* That the environment is where the kernel has put it, pointer by pointer and byte by byte. */
static int is_as_given(int argc, char **argv)
{
    char *next = env_start, **entry, *bytes;
    size_t size = (size_t)(env_end - env_start);
    FILE *file;

    if (environ != argv + argc + 1)
        return 0;
    for (entry = environ; *entry != NULL; entry++) {
        if (*entry != next)
            return 0;
        next += strlen(next) + 1;
    }
    if (next != env_end || (file = fopen("/proc/self/environ", "r")) == NULL || (bytes = malloc(size + 1)) == NULL)
        return 0;
    return fread(bytes, 1, size + 1, file) == size && memcmp(bytes, env_start, size) == 0;
}

static size_t room(const char *way, int argc, char **argv)
{
    char *end = argv[0], *lowest = argv[0];
    size_t sum = 0;
    char **entry;
    int at;

    if (is(way, "last")) {
        for (entry = environ; entry[1] != NULL; entry++)
            continue;
        return (size_t)(*entry + strlen(*entry) + 1 - argv[0]);
    }
    if (is(way, "sum")) {
        for (at = 0; at < argc; at++)
            sum += strlen(argv[at]) + 1;
        for (entry = environ; *entry != NULL; entry++)
            sum += strlen(*entry) + 1;
        return sum;
    }
    if (is(way, "first to last")) {
        for (entry = environ; *entry != NULL; entry++) {
            lowest = *entry < lowest ? *entry : lowest;
            end = *entry > end ? *entry : end;
        }
        return (size_t)(end + strlen(end) + 1 - lowest);
    }
    for (at = 0; at < argc && argv[at] == end; at++)
        end = argv[at] + strlen(argv[at]) + 1;
    for (entry = environ; *entry != NULL && *entry == end; entry++)
        end = *entry + strlen(*entry) + 1;
    return (size_t)(end - argv[0]);
}

/* Copies the strings that lie behind each other, and keeps the others. At its end it frees the copies and one entry more,
 * which is the null pointer that ends the vector. */
static void move_and_free(char **argv)
{
    char *next = env_start, **copy, **before = environ;
    int count = 0, all = 0, at;

    (void)argv;
    while (environ[all] != NULL)
        all++;
    while (environ[count] != NULL && environ[count] == next) {
        next = environ[count] + strlen(environ[count]) + 1;
        count++;
    }
    copy = malloc((size_t)(all + 1) * sizeof *copy);
    for (at = 0; at <= all; at++)
        copy[at] = at < count ? strdup(environ[at]) : environ[at];
    environ = copy;
    if (system("exit 0") != 0)
        exit(91);
    environ = before;
    for (at = 0; at <= count; at++)
        free(copy[at]);
    free(copy);
}

static int set_title(const char *way, int argc, char **argv)
{
    static const char title[] = "a title that is longer than the name of the program was, and than its arguments";
    char line[sizeof title] = "", **copy;
    size_t size, count = 0, at;
    FILE *file;

    ask_the_kernel();
    if (argv[0] != arg_start || !is_as_given(argc, argv))
        return 1;
    if (is(way, "as given"))
        return 0;
    if (is(way, "moved and freed"))
        return move_and_free(argv), 0;
    size = room(way, argc, argv);
    if (size != (size_t)(env_end - arg_start))
        return 2;
    while (environ[count] != NULL)
        count++;
    copy = calloc(count + 1, sizeof *copy);
    for (at = 0; at < count; at++)
        copy[at] = strdup(environ[at]);
    environ = copy;
    memset(argv[0], 0, size);
    strcpy(argv[0], title);
    file = fopen("/proc/self/cmdline", "r");
    if (file == NULL || fread(line, 1, sizeof title - 1, file) == 0 || fclose(file) != 0)
        return 3;
    /* What it starts now has the copy. */
    return strcmp(line, title) != 0 ? 4 : system("exit 0") != 0 ? 5 : 0;
}

int main(int argc, char **argv)
{
    char **entry, *way = strdup(argc > 1 ? argv[1] : "");
    int status = 0, forks = argc > 2;

    for (entry = environ; *entry != NULL; entry++)
        puts(*entry);
    fflush(stdout);
    if (!forks)
        return set_title(way, argc, argv);
    if (fork() == 0) {
        setsid();
        exit(set_title(way, argc, argv));
    }
    wait(&status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}
