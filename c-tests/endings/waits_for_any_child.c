/* Says that it is ready; at the end of its input it says what wait(2) tells of its children, how many it counts by SIGCHLD, and
   which signals came. Returns 0. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "until_eof.h"

static volatile sig_atomic_t children_ended;

static void count(int signal)
{
    (void)signal;
    children_ended++;
}

int main(void)
{
    struct sigaction action;
    siginfo_t info;
    int status;

    memset(&action, 0, sizeof action);
    action.sa_handler = count;
    action.sa_flags = SA_RESTART;
    sigaction(SIGCHLD, &action, NULL);
    ready_until_eof();

    errno = 0;
    printf("waitpid: %d", (int)waitpid(-1, &status, WNOHANG));
    printf(" (%s)\n", strerror(errno));
    errno = 0;
    printf("waitid: %d", waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG));
    printf(" (%s)\n", strerror(errno));
    printf("SIGCHLD: %d\n", (int)children_ended);
    return 0;
}
