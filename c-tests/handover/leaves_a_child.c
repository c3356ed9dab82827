/* CFLAGS: -D_GNU_SOURCE */
/* Forks a child that begins no session, and that comes to rest: "stopped", "traced", or in "vfork". Says which PID it has and
 * that it is ready, and returns 0 at the end of its input. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "until_eof.h"

static void rest(const char *how, int ready)
{
    if (strcmp(how, "vfork") == 0) {
        if (vfork() == 0) {
            if (write(ready, "", 1) == 1)
                pause();
            _exit(0);
        }
        _exit(0);
    }
    if (strcmp(how, "traced") == 0)
        ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    _exit(0);
}

int main(int argc, char **argv)
{
    int ends[2], status;
    char byte;
    pid_t child;

    if (argc < 2 || pipe2(ends, O_CLOEXEC) != 0)
        return 1;
    child = fork();
    if (child == 0)
        rest(argv[1], ends[1]);
    if (strcmp(argv[1], "vfork") == 0 ? read(ends[0], &byte, 1) != 1 : waitpid(child, &status, WUNTRACED) != child)
        return 1;
    printf("child %d\n", (int)child);
    fflush(stdout);
    return ready_until_eof();
}
