/* Starts a helper with a session of its own, which ends when this program does; says that it is ready, and returns 0 at the
 * end of its input. */
#include <stdio.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    int ends[2];

    if (argc > 1) {
        printf("helper %d\n", (int)getpid());
        fflush(stdout);
        wait_for_eof();
        return 0;
    }
    if (pipe(ends) != 0)
        return 1;
    if (fork() == 0) {
        setsid();
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", argv[0], "helper", (char *)NULL);
        _exit(2);
    }
    close(ends[0]);
    puts("ready");
    fflush(stdout);
    wait_for_eof();
    return 0;
}
