/* Forks a child that works until there is the file that the argument names, and begins its session then. Says which PID it has
 * and that it is ready, and returns 0 at the end of its input. */
#include <stdio.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    pid_t child;

    if (argc < 2)
        return 1;
    child = fork();
    if (child == 0) {
        while (access(argv[1], F_OK) != 0)
            continue;
        setsid();
        for (;;)
            pause();
    }
    printf("child %d\n", (int)child);
    fflush(stdout);
    return ready_until_eof();
}
