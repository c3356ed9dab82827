/* Calls exec on the program in the arguments, with LD_PRELOAD and PIDFILE as the whole environment. So does a program that
 * lets only the variables through that it knows. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static char preload[4096], pidfile[4096];
    char *environment[] = { preload, pidfile, NULL };

    if (argc < 2 || !getenv("LD_PRELOAD") || !getenv("PIDFILE"))
        return 99;
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", getenv("LD_PRELOAD"));
    snprintf(pidfile, sizeof pidfile, "PIDFILE=%s", getenv("PIDFILE"));
    execve(argv[1], argv + 1, environment);
    return 98;
}
