/* Becomes a daemon by a double fork, of which the second fork takes the number of milliseconds that the argument names: that
 * long a fork handler works. The launcher ends as soon as that has begun. The daemon says which PID it has. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long milliseconds;
static int begun[2];

static long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void work(void)
{
    long end = now() + milliseconds;

    if (milliseconds == 0)
        return;
    if (write(begun[1], "", 1) != 1)
        _exit(98);
    while (now() < end)
        continue;
}

static void have_a_handler(void)
{
    pthread_atfork(work, NULL, NULL);
}

/* The first handler that is registered is the last that runs before the fork. The loader runs this before the constructors
 * of all shared libraries, preloaded ones included. */
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = have_a_handler;

int main(int argc, char **argv)
{
    char byte;

    if (argc < 2 || pipe(begun) != 0)
        return 1;
    if (fork() != 0)
        return read(begun[0], &byte, 1) == 1 ? 0 : 97;
    setsid();
    milliseconds = atol(argv[1]);
    if (fork() != 0)
        _exit(0);
    printf("daemon %d\n", (int)getpid());
    fflush(stdout);
    for (;;)
        pause();
}
