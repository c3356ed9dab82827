/* Prints how many bytes of arguments a program can be given beside an environment of two variables. What is more is E2BIG.
 *
 * argv: a static program; the two variables. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel refuses a longer one by itself. */
#define STRING 100000
#define STRINGS 100

static char *program, *variables[3], *arguments[STRINGS + 2];

/* Whether the program runs with that many bytes. */
static int runs(size_t bytes, int spawns)
{
    static char full[STRING + 1], rest[STRING + 1];
    size_t strings = bytes / STRING, at;
    volatile int error = 0;
    int status = 0;
    pid_t child;

    memset(full, 'x', STRING);
    memset(rest, 'x', STRING);
    rest[bytes % STRING] = 0;
    arguments[0] = program;
    for (at = 0; at < strings; at++)
        arguments[at + 1] = full;
    arguments[strings + 1] = rest;
    arguments[strings + 2] = NULL;
    if (spawns)
        error = posix_spawn(&child, program, NULL, NULL, arguments, variables);
    else if ((child = vfork()) == 0) {
        execve(program, arguments, variables);
        error = errno;
        _exit(0);
    }
    if (error != 0 && error != E2BIG)
        exit(90);
    if ((error == 0 || !spawns) && (waitpid(child, &status, 0) != child || status != 0))
        exit(91);
    return error == 0;
}

int main(int argc, char **argv)
{
    struct rlimit stack = { 8 << 20, 8 << 20 };
    int spawns;

    if (argc != 4 || setrlimit(RLIMIT_STACK, &stack) != 0 || dup2(open("/dev/null", O_RDWR), STDIN_FILENO) != 0)
        return 1;
    program = argv[1];
    variables[0] = argv[2];
    variables[1] = argv[3];
    for (spawns = 0; spawns < 2; spawns++) {
        size_t most = 0, too_many = (size_t)STRING * STRINGS - 1;

        while (too_many - most > 1) {
            size_t bytes = (most + too_many) / 2;

            if (runs(bytes, spawns))
                most = bytes;
            else
                too_many = bytes;
        }
        printf("%zu\n", most);
    }
    return 0;
}
