/* Says that it is ready and computes for ever, without a system call in which a signal could find it. */
#include <unistd.h>

int main(void)
{
    volatile unsigned long turns = 0;

    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 1;
    for (;;)
        turns++;
}
