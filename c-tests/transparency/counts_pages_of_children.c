/* CFLAGS: -Wl,-z,now */
/* Forks a hundred children that end at once, and says for how many pages the kernel had to be asked in a child, on average.
 * What the library touches there costs every fork of every program. What it calls is bound at its start, as Ubuntu's gcc
 * has it: the loader would touch more pages in each child, and hide some of ours. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    struct rusage usage;
    int status, i;

    for (i = 0; i < 100; i++) {
        pid_t child = fork();

        if (child == 0)
            _exit(0);
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            return 99;
    }
    if (getrusage(RUSAGE_CHILDREN, &usage) != 0)
        return 99;
    printf("%ld\n", (usage.ru_minflt + 50) / 100);
    return 0;
}
