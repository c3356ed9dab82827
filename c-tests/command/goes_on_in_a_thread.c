/* Ignores SIGTERM. Its main thread leaves; a second one says that it is ready, and exits at the end of its input. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "until_eof.h"

static void *go_on(void *main_thread)
{
    pthread_join(*(pthread_t *)main_thread, NULL);
    exit(ready_until_eof());
}

int main(void)
{
    static pthread_t main_thread;
    pthread_t thread;

    signal(SIGTERM, SIG_IGN);
    main_thread = pthread_self();
    if (pthread_create(&thread, NULL, go_on, &main_thread) != 0)
        return 98;
    pthread_exit(NULL);
}
