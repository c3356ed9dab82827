/* Ignores SIGTERM and counts SIGUSR1, SIGUSR2 and the real-time signals up to SIGRTMIN+3, a line each. Returns 0 at the end
 * of its input. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "until_eof.h"

static void tell(int number)
{
    char line[32];
    int length = snprintf(line, sizeof line, "signal %d\n", number);

    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(98);
}

int main(void)
{
    int number;

    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, tell);
    signal(SIGUSR2, tell);
    for (number = SIGRTMIN; number <= SIGRTMIN + 3; number++)
        signal(number, tell);
    return ready_until_eof();
}
