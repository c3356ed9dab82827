/* A launcher: forks a daemon, which begins a session and then waits for the end of its input, and returns. Says when:
 * "end NANOSECONDS" (CLOCK_MONOTONIC).
 *
 * argv: "at once", or "when ready": when the daemon has said that it has its session. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    struct timespec now;
    int ready[2];
    char byte = 0;

    if (argc != 2 || pipe(ready) != 0)
        return 99;
    switch (fork()) {
    case -1:
        return 99;
    case 0:
        setsid();
        if (write(ready[1], &byte, 1) != 1)
            return 99;
        close(STDOUT_FILENO);
        wait_for_eof();
        return 0;
    }
    if (strcmp(argv[1], "when ready") == 0 && read(ready[0], &byte, 1) != 1)
        return 99;
    clock_gettime(CLOCK_MONOTONIC, &now);
    dprintf(STDOUT_FILENO, "end %lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    return 0;
}
