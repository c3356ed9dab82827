/* Makes the same call again and again, in threads that may be cancelled at any time, and cancels one after the other:
 * is_cancelled_at_any_time CALL PATH. Returns 0 if all of them have ended so. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define ROUNDS 300

static const char *call;
static int fd;
static volatile int is_calling;

static void *calls(void *unused)
{
    int before;

    (void)unused;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
    for (;;) {
        is_calling = 1;
        if (strcmp(call, "unlink") == 0)
            unlink("/not/there");
        else if (strcmp(call, "rename") == 0)
            rename("/not/there", "/nor/there");
        else
            flock(fd, LOCK_EX);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int round;

    if (argc != 3 || (fd = open(argv[2], O_RDONLY | O_CREAT, 0644)) == -1)
        return 1;
    call = argv[1];
    for (round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        void *result;
        volatile int wait;

        is_calling = 0;
        if (pthread_create(&thread, NULL, calls, NULL) != 0)
            return 2;
        while (!is_calling)
            sched_yield();
        for (wait = 0; wait < round; wait++)
            continue;
        if (pthread_cancel(thread) != 0 || pthread_join(thread, &result) != 0 || result != PTHREAD_CANCELED)
            return 3;
    }
    return 0;
}
