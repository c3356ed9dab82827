/* CFLAGS: -D_GNU_SOURCE */
/* Starts the first process of a PID namespace, waits for it, and tells how it ended. argv[1] and on is what that process
 * runs; "-": this program goes on in a forked child.
 *
 * Without further arguments it is that first process: it sends itself everything that the kernel ignores there, and says that
 * it is ready. Then it ends in the way that a letter of its input names. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int first_process(void);

static int start(char **program)
{
    int status;
    pid_t child;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return perror("unshare"), 99;
    child = fork();
    if (child == 0 && strcmp(program[0], "-") == 0)
        _exit(first_process());
    if (child == 0) {
        if (mount("proc", "/proc", "proc", 0, NULL) == 0)
            execv(program[0], program);
        perror(program[0]);
        _exit(99);
    }
    printf("first process %d\n", (int)child);
    fflush(stdout);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return perror("fork"), 99;
    printf("status %x\n", status);
    return 0;
}

/* What is ignored interrupts nothing. */
static void interrupted(void)
{
    if (errno != EINTR || write(STDOUT_FILENO, "interrupted\n", 12) != 12)
        _exit(96);
}

static void send_everything_harmless(void)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGIO, SIGSYS, SIGTRAP, 34, 64 };
    size_t at;

    for (at = 0; at < sizeof signals / sizeof signals[0]; at++) {
        raise(signals[at]);
        kill(getpid(), signals[at]);
        /* What was set explicitly is as harmless. */
        signal(signals[at], SIG_DFL);
        raise(signals[at]);
    }
    /* From a child, too: these are not meant to end the first process either. */
    if (fork() == 0) {
        static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

        /* Often enough to find it waiting. */
        for (at = 0; at < 200; at++)
            kill(1, faults[at % 5]);
        _exit(0);
    }
    while (wait(NULL) < 0)
        interrupted();
}

static int first_process(void)
{
    char letter;
    ssize_t length;

    if (getpid() != 1)
        return fprintf(stderr, "not the first process\n"), 98;
    send_everything_harmless();
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 97;
    while ((length = read(STDIN_FILENO, &letter, 1)) != 0)
        switch (length < 0 ? '!' : letter) {
        case '!': interrupted(); break;
        case 'a': abort();
        case 'f': *(volatile int *)16 = 1; break;
        case 'e': exit(7);
        case '_': _exit(8);
        case 'o': raise(SIGABRT); break;
        case 's': raise(SIGSEGV); break;
        case 't': raise(SIGTERM); break;
        }
    return 9;
}

int main(int argc, char **argv)
{
    return argc > 1 ? start(argv + 1) : first_process();
}
