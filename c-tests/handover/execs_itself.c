/* Calls exec on itself as often as its argument says, then says that it is ready and returns 0 at the end of its input. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 0;
    char rest[16];

    if (times > 0) {
        snprintf(rest, sizeof rest, "%d", times - 1);
        execl("/proc/self/exe", argv[0], rest, (char *)NULL);
        return 2;
    }
    return ready_until_eof();
}
