/* Calls exec on a program that is not there, says that it is ready, and returns 0 at the end of its input. With
 * arguments: which program, that cannot be run, and how many times. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    const char *program = argc > 1 ? argv[1] : "/nonexistent";
    int times = argc > 2 ? atoi(argv[2]) : 1;

    while (times-- > 0)
        if (execl(program, program, (char *)NULL) != -1 || errno != ENOENT)
            return 2;
    return ready_until_eof();
}
