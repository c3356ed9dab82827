/* CFLAGS: -D_GNU_SOURCE */
/* Starts first processes of other PID namespaces that have its memory, and that end by _exit. Says after each whether its PID
 * file is still there. Returns 0. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char stack[1 << 16] __attribute__((aligned(16)));

static int leave(void *unused)
{
    (void)unused;
    _exit(0);
}

int main(void)
{
    static const int kinds[] = { CLONE_VM | CLONE_VFORK, CLONE_VM };
    unsigned at;
    pid_t child;

    for (at = 0; at < sizeof kinds / sizeof *kinds; at++) {
        child = clone(leave, stack + sizeof stack, kinds[at] | CLONE_NEWPID | SIGCHLD, NULL);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            return perror("clone"), 90;
        puts(access(getenv("PIDFILE"), F_OK) == 0 ? "there" : "gone");
    }
    return 0;
}
