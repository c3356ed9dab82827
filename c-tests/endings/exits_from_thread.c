/* A second thread calls exit while main waits for it. */
#include <pthread.h>
#include <stdlib.h>

static void *leave(void *status)
{
    exit(atoi(status));
}

int main(int argc, char **argv)
{
    pthread_t thread;

    if (argc < 2 || pthread_create(&thread, NULL, leave, argv[1]) != 0)
        return 99;
    pthread_join(thread, NULL);
    return 98;
}
