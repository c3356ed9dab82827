/* CFLAGS: -fPIC */
/* LDFLAGS: -shared */
/* Preloaded into a program, gives it two threads that only sleep: what the kernel and libc ask for such, without us. */
#include <pthread.h>
#include <unistd.h>

static void *sleep_for_good(void *nothing)
{
    while (pause())
        continue;
    return nothing;
}

__attribute__((constructor)) static void start(void)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int i;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (i = 0; i < 2; i++)
        pthread_create(&thread, &attributes, sleep_for_good, NULL);
}
