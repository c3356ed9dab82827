/* CFLAGS: -D_GNU_SOURCE */
/* Becomes nobody while it has other threads, which libc makes follow, and shows what all of its threads are then. Says
 * that it is ready, and returns 0 at the end of its input. */
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static pthread_barrier_t changed;

static void *tell(void *number)
{
    pthread_barrier_wait(&changed);
    printf("thread: user %d %d, group %d %d\n", (int)getuid(), (int)geteuid(), (int)getgid(), (int)getegid());
    return number;
}

int main(void)
{
    pthread_t threads[4];
    char byte;
    int at;

    pthread_barrier_init(&changed, NULL, 5);
    for (at = 0; at < 4; at++)
        if (pthread_create(&threads[at], NULL, tell, NULL) != 0)
            return 99;
    printf("%d %d %d\n", setgroups(0, NULL), setgid(65534), setuid(65534));
    pthread_barrier_wait(&changed);
    for (at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    printf("again %d, and back %d\n", seteuid(65534), setuid(0));
    fflush(stdout);
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 98;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
