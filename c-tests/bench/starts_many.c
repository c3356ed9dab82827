/* Starts many programs at once, each with a PID file of its own, and waits for them all.
 *
 * argv: how many, the directory for the files, the library, the program. Each program says a line when it is ready. Says
 * "ready NANOSECONDS" when all are, from the first fork on, then "N ended by SIGTERM" when all have ended. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv)
{
    int count, i, status, output[2], ready = 0, by_sigterm = 0;
    long long begin = now();
    char file[4096], byte;

    if (argc != 5 || pipe(output) != 0)
        return 99;
    count = atoi(argv[1]);
    for (i = 0; i < count; i++) {
        pid_t child = fork();

        if (child < 0)
            return 99;
        if (child == 0) {
            dup2(output[1], STDOUT_FILENO);
            close(output[0]);
            close(output[1]);
            snprintf(file, sizeof file, "%s/%d.pid", argv[2], i);
            setenv("PIDFILE", file, 1);
            setenv("LD_PRELOAD", argv[3], 1);
            execl(argv[4], argv[4], (char *)NULL);
            _exit(99);
        }
    }
    while (ready < count && read(output[0], &byte, 1) == 1)
        ready += byte == '\n';
    dprintf(STDOUT_FILENO, "ready %lld\n", now() - begin);
    for (i = 0; i < count; i++)
        if (wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)
            by_sigterm++;
    dprintf(STDOUT_FILENO, "%d ended by SIGTERM\n", by_sigterm);
    return 0;
}
