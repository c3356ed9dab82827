/* A second thread calls exec on the program in the arguments while main waits for it. */
#include <pthread.h>
#include <unistd.h>

static void *replace(void *argv)
{
    char **program = argv;

    execv(program[0], program);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc < 2 || pthread_create(&thread, NULL, replace, argv + 1) != 0)
        return 99;
    pthread_join(thread, NULL);
    return 98;
}
