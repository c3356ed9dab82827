/* Calls exec on a program that is not there, says that it is ready, and returns 0 at the end of its input. */
#include <errno.h>
#include <unistd.h>

int main(void)
{
    char byte;

    if (execl("/nonexistent", "nonexistent", (char *)NULL) != -1 || errno != ENOENT)
        return 2;
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 1;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
