/* Has had a thread, which allocates. Becomes a daemon if it has an argument. Says that it is ready, and returns 0 at the end of
 * its input. Built with the sanitizers, which watch over threads and allocations. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *work(void *nothing)
{
    free(malloc(100));
    return nothing;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    (void)argv;
    if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    if (argc > 1) {
        if (fork() != 0)
            return 0;
        setsid();
    }
    puts("ready");
    fflush(stdout);
    getchar();
    return 0;
}
