/* CFLAGS: -fPIC */
/* LDFLAGS: -shared */
/* A preload that shows another time, as libfaketime does: CLOCK=frozen stands still, CLOCK=back goes back a second at each
 * call. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time)
{
    static struct timespec first;
    const char *how = getenv("CLOCK");
    long result = syscall(SYS_clock_gettime, clock, time);

    if (result != 0 || !how)
        return (int)result;
    if (first.tv_sec == 0)
        first = *time;
    if (strcmp(how, "back") == 0)
        first.tv_sec--;
    *time = first;
    return 0;
}

time_t time(time_t *to)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (to)
        *to = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone)
{
    (void)zone;
    to->tv_sec = time(NULL);
    to->tv_usec = 0;
    return 0;
}
