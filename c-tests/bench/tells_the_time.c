/* Says when main begins ("main NANOSECONDS", CLOCK_MONOTONIC), and when it returns ("end NANOSECONDS").
 *
 * argv: how long it lives in between: microseconds, "eof" (of its input), or "SIGTERM", which it survives; then "taken" is
 * when its handler ran. After that: a file to hold an inotify watch on meanwhile. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "until_eof.h"

static volatile long long taken;

static long long now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void on_sigterm(int signal)
{
    (void)signal;
    taken = now();
}

static void live(const char *how)
{
    struct sigaction action = { .sa_handler = on_sigterm };
    sigset_t blocked, before;

    if (strcmp(how, "eof") == 0) {
        wait_for_eof();
    } else if (strcmp(how, "SIGTERM") == 0) {
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGTERM);
        sigprocmask(SIG_BLOCK, &blocked, &before);
        sigaction(SIGTERM, &action, NULL);
        while (!taken)
            sigsuspend(&before);
        dprintf(STDOUT_FILENO, "taken %lld\n", taken);
    } else {
        usleep((useconds_t)atoi(how));
    }
}

int main(int argc, char **argv)
{
    long long begun = now();

    dprintf(STDOUT_FILENO, "main %lld\n", begun);
    if (argc < 2 || (argc > 2 && inotify_add_watch(inotify_init1(IN_CLOEXEC), argv[2], IN_ATTRIB) < 0))
        return 99;
    live(argv[1]);
    dprintf(STDOUT_FILENO, "end %lld\n", now());
    return 0;
}
