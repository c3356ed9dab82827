/* Calls execl, execlp and execle with 0 to 20 arguments behind the name, each in a child. The new image prints what it got.
 * Then does the same in vain, and prints the errors. Those of execv and its relatives too. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *own_vector[] = { (char *)"OWN=1", NULL };

#define TEN(x) x "1", x "2", x "3", x "4", x "5", x "6", x "7", x "8", x "9", x "10"
#define END (char *)NULL

/* A list cannot be made at run time, so each length is written down. */
#define CASES(call)                                                                                                          \
    switch (count) {                                                                                                         \
    case 0: call(END);                                                                                                       \
    case 1: call("1", END);                                                                                                  \
    case 2: call("1", "2", END);                                                                                             \
    case 3: call("1", "2", "3", END);                                                                                        \
    case 4: call("1", "2", "3", "4", END);                                                                                   \
    case 5: call("1", "2", "3", "4", "5", END);                                                                              \
    case 6: call("1", "2", "3", "4", "5", "6", END);                                                                         \
    case 7: call("1", "2", "3", "4", "5", "6", "7", END);                                                                    \
    case 8: call("1", "2", "3", "4", "5", "6", "7", "8", END);                                                               \
    case 9: call("1", "2", "3", "4", "5", "6", "7", "8", "9", END);                                                          \
    case 10: call(TEN("a"), END);                                                                                            \
    case 11: call(TEN("a"), "11", END);                                                                                      \
    case 12: call(TEN("a"), "11", "12", END);                                                                                \
    case 15: call(TEN("a"), "11", "12", "13", "14", "15", END);                                                              \
    case 20: call(TEN("a"), TEN("b"), END);                                                                                  \
    default: _exit(0);                                                                                                       \
    }

#define EXECL(...) return execl(path, "image", __VA_ARGS__)
#define EXECLP(...) return execlp(path, "image", __VA_ARGS__)
#define EXECLE(...) return execle(path, "image", __VA_ARGS__, own_vector)

static int by_execl(const char *path, int count) { CASES(EXECL) }
static int by_execlp(const char *path, int count) { CASES(EXECLP) }
static int by_execle(const char *path, int count) { CASES(EXECLE) }

static int show(int argc, char **argv)
{
    int at;

    printf("%d:", argc);
    for (at = 0; at < argc; at++)
        printf(" %s", argv[at]);
    printf(" OWN=%s\n", getenv("OWN") ? getenv("OWN") : "-");
    return 0;
}

static void fail(const char *what, const char *path)
{
    static char text[3 * 1024 * 1024];
    char *argv[] = { (char *)"image", NULL, NULL };
    struct stat stat;
    pid_t child = 0;
    int fd = open(path, O_RDONLY | O_NONBLOCK), result;
    int searches = strcmp(what, "no format") != 0 && strcmp(what, "bad address") != 0;

    memset(text, 'x', sizeof text - 1);
    if (strcmp(what, "too long") == 0)
        argv[1] = text;
#define TRY(call)                                                                                                            \
    do {                                                                                                                     \
        errno = 0;                                                                                                           \
        result = call;                                                                                                       \
        printf("%s: %s: %d, errno %d\n", what, #call, result, errno);                                                        \
    } while (0)
    TRY(execve(path, argv, environ));
    TRY(execv(path, argv));
    TRY(execl(path, "image", argv[1], END));
    TRY(execle(path, "image", argv[1], END, own_vector));
    /* These look into the path, and run a file without an interpreter's name by a shell. */
    if (searches) {
        TRY(execvp(path, argv));
        TRY(execvpe(path, argv, environ));
        TRY(execlp(path, "image", argv[1], END));
    }
    TRY(execveat(AT_FDCWD, path, argv, environ, 0));
    if (fstat(fd, &stat) == 0 && !S_ISDIR(stat.st_mode))
        TRY(fexecve(fd, argv, environ));
    TRY(posix_spawn(&child, path, NULL, NULL, argv, environ));
    if (searches)
        TRY(posix_spawnp(&child, path, NULL, NULL, argv, environ));
    close(fd);
}

/* With an environment that is none. */
static void fail_with(const char *what, char **vector)
{
    const char *path = "/bin/true";
    char *argv[] = { (char *)"image", NULL };
    pid_t child = 0;
    int fd = open(path, O_RDONLY), result;

    TRY(execve(path, argv, vector));
    TRY(execle(path, "image", END, vector));
    TRY(execvpe(path, argv, vector));
    TRY(execveat(AT_FDCWD, path, argv, vector, 0));
    TRY(fexecve(fd, argv, vector));
    TRY(posix_spawn(&child, path, NULL, NULL, argv, vector));
    TRY(posix_spawnp(&child, path, NULL, NULL, argv, vector));
    close(fd);
}

int main(int argc, char **argv)
{
    static char *low[] = { (char *)"A=b", (char *)1, NULL }, *high[] = { (char *)-1, NULL };
    static int (*const functions[])(const char *, int) = { by_execl, by_execlp, by_execle };
    static const int counts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20 };
    char *script[] = { (char *)"script", (char *)"argument", NULL };
    pid_t child;
    FILE *file;
    size_t function, at;

    if (strcmp(argv[0], "image") == 0)
        return show(argc, argv);
    for (function = 0; function < 3; function++)
        for (at = 0; at < sizeof counts / sizeof *counts; at++) {
            fflush(stdout);
            /* By vfork the list lies in memory that is the parent's. */
            child = at % 2 ? fork() : vfork();
            if (child == 0) {
                functions[function]("/proc/self/exe", counts[at]);
                _exit(99);
            }
            waitpid(child, NULL, 0);
        }
    fail("missing", "/nonexistent");
    fail("directory", "/");
    fail("not executable", "/etc/passwd");
    fail("too long", "/bin/true");
    if ((file = fopen("text", "w")) == NULL)
        return 1;
    fputs("echo \"script $*\"\n", file);
    fclose(file);
    chmod("text", 0755);
    fail("no format", "./text");
    for (at = 0; at < 3; at++) {
        fflush(stdout);
        if ((child = fork()) == 0) {
            if (at == 0)
                execvp("./text", script);
            if (at == 1)
                execlp("./text", "script", "argument", END);
            execvpe("./text", script, environ);
        }
        waitpid(child, NULL, 0);
    }
    /* As an address that is none. */
    fail("bad address", (const char *)1);
    fail_with("low", (char **)1);
    fail_with("high", (char **)-8);
    fail_with("low string", low);
    fail_with("high string", high);
    return 0;
}
