/* CFLAGS: -D_GNU_SOURCE */
/* Says that it is ready, reads a byte, closes all but the first three descriptors, and sleeps until a signal ends it. */
#include <unistd.h>

int main(void)
{
    char byte;

    if (write(STDOUT_FILENO, "ready\n", 6) != 6 || read(STDIN_FILENO, &byte, 1) != 1)
        return 1;
    closefrom(3);
    for (;;)
        pause();
}
