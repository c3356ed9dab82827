/* Calls exec on a program that is not there, says that it is ready, and returns 0 at the end of its input. */
#include <errno.h>
#include <unistd.h>

#include "until_eof.h"

int main(void)
{
    if (execl("/nonexistent", "nonexistent", (char *)NULL) != -1 || errno != ENOENT)
        return 2;
    return ready_until_eof();
}
