/* Starts a child once a line of input has come. Says how it ended (or which one it has left behind) and that it is ready, and
 * returns 0 at the end of the input.
 *
 * argv: a way to start a child, a way in which the child ends. */
#define _GNU_SOURCE
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "until_eof.h"

static const char *how, *end;
/* Where the kernel has put it: what a program finds that does not ask libc. */
static char **environment_at_start;

static int is(const char *what, const char *name)
{
    return strcmp(what, name) == 0;
}

static void be_a_child(void)
{
    if (is(end, "exit"))
        exit(3);
    if (is(end, "_exit"))
        _exit(3);
    if (is(end, "quick_exit"))
        quick_exit(3);
    if (is(end, "abort"))
        abort();
    if (is(end, "crash"))
        *(volatile int *)NULL = 0;
    if (is(end, "SIGTERM"))
        kill(getpid(), SIGTERM);
    if (is(end, "SIGKILL"))
        kill(getpid(), SIGKILL);
    if (is(end, "exec"))
        execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
    if (is(end, "exec that fails"))
        execl("/nonexistent", "nonexistent", (char *)NULL);
    /* It shares the input: who leaves it open keeps both. */
    if (is(end, "outlives us"))
        wait_for_eof();
    _exit(99);
}

/* The same for a child that starts as a shell. */
static char *command(void)
{
    return is(end, "exit") ? "exit 3"
        : is(end, "crash") ? "kill -SEGV $$"
        : is(end, "SIGKILL") ? "kill -KILL $$"
        : is(end, "outlives us") ? "exec 3<&0; cat <&3 >/dev/null & echo left $!"
                                 : "exit 99";
}

static void start(void)
{
    char *shell[] = { "sh", "-c", command(), NULL };
    pid_t child = -1;
    int status = 0;

    if (is(how, "system")) {
        printf("system %#x\n", (unsigned)system(command()));
        return;
    }
    if (is(how, "popen")) {
        printf("popen %#x\n", (unsigned)pclose(popen(command(), "w")));
        return;
    }
    if (is(how, "posix_spawn")) {
        if (posix_spawn(&child, "/bin/sh", NULL, NULL, shell, environ) != 0)
            abort();
    } else if (is(how, "posix_spawn as started")) {
        if (posix_spawn(&child, "/bin/sh", NULL, NULL, shell, environment_at_start) != 0)
            abort();
    } else if (is(how, "vfork")) {
        if ((child = vfork()) == 0)
            be_a_child();
    } else {
        child = is(how, "fork") ? fork()
            : is(how, "_Fork") ? _Fork()
            : is(how, "clone") ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)
                               : -1;
        if (child == 0)
            be_a_child();
    }
    if (child < 0)
        abort();
    if (is(end, "outlives us") && strncmp(how, "posix_spawn", 11) != 0)
        printf("left %d\n", (int)child);
    else if (waitpid(child, &status, 0) == child)
        printf("child %#x\n", (unsigned)status);
}

int main(int argc, char **argv)
{
    char byte;

    if (argc != 3 || read(STDIN_FILENO, &byte, 1) != 1)
        return 1;
    environment_at_start = argv + argc + 1;
    how = argv[1];
    end = argv[2];
    start();
    puts("ready");
    fflush(stdout);
    wait_for_eof();
    return 0;
}
