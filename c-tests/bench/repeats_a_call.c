/* Makes one call again and again, and says how long the average one takes in each of some rounds: a line with nanoseconds.
 *
 * argv: "fork", "sigaction" or "signal"; how many calls in a round; rounds. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void on_signal(int signal)
{
    (void)signal;
}

static void fork_and_wait(void)
{
    pid_t child = fork();
    int status;

    if (child == 0)
        _exit(0);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        exit(99);
}

static void call(const char *what)
{
    struct sigaction action = { .sa_handler = on_signal };

    if (strcmp(what, "sigaction") == 0)
        sigaction(SIGUSR1, &action, NULL);
    else if (strcmp(what, "signal") == 0)
        signal(SIGUSR1, on_signal);
    else
        fork_and_wait();
}

int main(int argc, char **argv)
{
    struct timespec begin, end;
    int rounds, calls, round, i;

    if (argc != 4)
        return 99;
    calls = atoi(argv[2]);
    rounds = atoi(argv[3]);
    for (round = 0; round < rounds; round++) {
        clock_gettime(CLOCK_MONOTONIC, &begin);
        for (i = 0; i < calls; i++)
            call(argv[1]);
        clock_gettime(CLOCK_MONOTONIC, &end);
        printf("%lld\n", ((end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec) / calls);
    }
    return 0;
}
