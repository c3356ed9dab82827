/* CFLAGS: -D_GNU_SOURCE */
/* Becomes nobody while it has other threads, which libc makes follow, and shows what all of its threads are then. Says
 * that it is ready, and returns 0 at the end of its input. */
#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "until_eof.h"

/* musl leaves EAGAIN there, or not, in a call that succeeds while there are other threads. */
#ifdef __GLIBC__
#define LEFT_BY_SUCCESS(answer) 0
#else
#define LEFT_BY_SUCCESS(answer) ((answer) == 0)
#endif

static pthread_barrier_t changed;

static void *tell(void *number)
{
    pthread_barrier_wait(&changed);
    printf("thread: user %d %d, group %d %d\n", (int)getuid(), (int)geteuid(), (int)getgid(), (int)getegid());
    return number;
}

/* Calls that change nothing, and those that cannot be asked for that. */
static void change_nothing(void)
{
#define TRY(call) (errno = 0, answer = call, printf(#call ": %d, errno %d\n", answer, LEFT_BY_SUCCESS(answer) ? 0 : errno))
    int answer;

    TRY(seteuid(-1));
    TRY(setegid(-1));
    TRY(setuid(-1));
    TRY(setgid(-1));
    TRY(setreuid(-1, -1));
    TRY(setregid(-1, -1));
    TRY(setresuid(-1, -1, -1));
    TRY(setresgid(-1, -1, -1));
}

int main(void)
{
    pthread_t threads[4];
    int at;

    change_nothing();
    pthread_barrier_init(&changed, NULL, 5);
    for (at = 0; at < 4; at++)
        if (pthread_create(&threads[at], NULL, tell, NULL) != 0)
            return 99;
    printf("%d %d %d\n", setgroups(0, NULL), setgid(65534), setuid(65534));
    change_nothing();
    pthread_barrier_wait(&changed);
    for (at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
    change_nothing();
    printf("again %d, and back %d\n", seteuid(65534), setuid(0));
    fflush(stdout);
    return ready_until_eof();
}
