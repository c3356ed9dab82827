/* Forks again and again until SIGTERM ends it; with an argument a handler does that, by _exit. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int number)
{
    (void)number;
    _exit(3);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        signal(SIGTERM, leave);
    puts("ready");
    fflush(stdout);
    for (;;) {
        pid_t child = fork();

        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
}
