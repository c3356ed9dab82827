/* Says that it is ready and sleeps until a signal ends it. */
#include <unistd.h>

int main(void)
{
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 1;
    for (;;)
        pause();
}
