/* What the kernel sends. */

static void by_alarm(void)
{
    struct itimerval soon = { .it_value = { .tv_usec = 1000 } };

    setitimer(number, &soon, NULL);
    for (;;)
        continue;
}
static void by_timer(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = number, .sigev_value.sival_int = 3 };
    struct itimerspec soon = { .it_value = { .tv_nsec = 1000000 } };
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &soon, NULL) != 0)
        wrong("timer");
    for (;;)
        pause();
}
static void by_pipe(void)
{
    int ends[2];

    if (pipe(ends) != 0)
        wrong("pipe");
    close(ends[0]);
    if (write(ends[1], "x", 1) != 0)
        wrong("no signal");
}
static void by_file_limit(void)
{
    struct rlimit limit = { 0, 0 };
    int fd = memfd_create("file", 0);

    setrlimit(RLIMIT_FSIZE, &limit);
    if (write(fd, "x", 1) != 0)
        wrong("no signal");
}
static void by_time_limit(void)
{
    struct rlimit limit = { 1, 3 };

    setrlimit(RLIMIT_CPU, &limit);
    for (;;)
        continue;
}
static void by_owned_pipe(void)
{
    int ends[2];

    if (pipe(ends) != 0 || fcntl(ends[0], F_SETOWN, getpid()) != 0 || fcntl(ends[0], F_SETSIG, number) != 0
        || fcntl(ends[0], F_SETFL, O_ASYNC) != 0 || write(ends[1], "x", 1) != 1)
        wrong("pipe");
    for (;;)
        pause();
}
