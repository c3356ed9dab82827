/* Forks again and again, beside a child that has become nobody and writes over all memory that the two share. Returns 0. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 20
#define FORKS 2000

/* As if it were full of mutexes that are free, and linked with whatever is at an address of the child's choice. */
static void write_over(char *start, char *end)
{
    char *at;

    for (at = start; at + 64 <= end; at += 64) {
        *(volatile uint32_t *)at = 0;
        *(volatile uintptr_t *)(at + 24) = *(volatile uintptr_t *)(at + 32) = 0x414141414140;
        *(volatile uint32_t *)(at + 16) = 0x80;
        *(volatile uint32_t *)(at + 16) = 0x90;
    }
}

static void be_hostile(int ready)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], access[8], *start[8], *end[8];
    int count = 0, at;

    while (maps && count < 8 && fgets(line, sizeof line, maps))
        if (sscanf(line, "%p-%p %7s", (void **)&start[count], (void **)&end[count], access) == 3 &&
            strcmp(access, "rw-s") == 0)
            count++;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(1);
    /* After that, which would undo it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(ready, "", 1) != 1)
        _exit(1);
    for (;;)
        for (at = 0; at < count; at++)
            write_over(start[at], end[at]);
}

int main(void)
{
    pid_t children[CHILDREN], child;
    int at, ready[2];
    char byte;

    if (pipe(ready) != 0)
        return 1;
    for (at = 0; at < CHILDREN; at++)
        if ((children[at] = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (at == 0)
                be_hostile(ready[1]);
            for (;;)
                pause();
        }
    if (read(ready[0], &byte, 1) != 1)
        return 2;
    for (at = 0; at < FORKS; at++) {
        if ((child = fork()) == 0)
            _exit(0);
        if (waitpid(child, NULL, 0) != child)
            return 3;
    }
    for (at = 0; at < CHILDREN; at++)
        if (kill(children[at], SIGKILL) != 0 || waitpid(children[at], NULL, 0) != children[at])
            return 4;
    return 0;
}
