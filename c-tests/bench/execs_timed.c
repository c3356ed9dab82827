/* Says the time and becomes another program: "exec NANOSECONDS" (CLOCK_MONOTONIC).
 *
 * argv: NAME=VALUE for each variable that the other program gets, then its path and arguments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;

    for (argv++; argc > 1 && strchr(*argv, '='); argv++, argc--)
        putenv(*argv);
    clock_gettime(CLOCK_MONOTONIC, &now);
    dprintf(STDOUT_FILENO, "exec %lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    execvp(*argv, argv);
    perror(*argv);
    return 99;
}
