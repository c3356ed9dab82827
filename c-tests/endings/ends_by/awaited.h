/* Signals that are waited for. */

static void by_sigwait(void)
{
    sigset_t set = only(number);
    int taken = 0;

    block(number);
    kill(getpid(), number);
    if (sigwait(&set, &taken) != 0 || taken != number)
        wrong("sigwait");
    exit(taken);
}
static void by_sigwaitinfo(void)
{
    sigset_t set = only(number);
    siginfo_t info;

    block(number);
    sigqueue(getpid(), number, (union sigval){ .sival_int = 17 });
    if (sigwaitinfo(&set, &info) != number || info.si_value.sival_int != 17 || info.si_pid != getpid())
        wrong("sigwaitinfo");
    _exit(number);
}
static void by_signalfd(void)
{
    sigset_t set = only(number);
    struct signalfd_siginfo info;
    int fd;

    block(number);
    kill(getpid(), number);
    fd = signalfd(-1, &set, 0);
    if (read(fd, &info, sizeof info) != sizeof info)
        wrong("signalfd");
    printf("descriptor %d, signal %d\n", fd, (int)info.ssi_signo);
    exit((int)info.ssi_signo);
}
static void by_mask_while_waiting(void)
{
    struct timespec hour = { .tv_sec = 3600 };
    sigset_t none;
    int epoll;

    sigemptyset(&none);
    block(number);
    kill(getpid(), number);
    switch (variant) {
    case 0: sigsuspend(&none); break;
    case 1: ppoll(NULL, 0, &hour, &none); break;
    case 2: pselect(0, NULL, NULL, NULL, &hour, &none); break;
    case 3:
        epoll = epoll_create1(0);
        epoll_pwait(epoll, &(struct epoll_event){ 0 }, 1, 3600000, &none);
        break;
    }
    wrong("still alive");
}
static void by_unblocking(void)
{
    sigset_t set = only(number);

    block(number);
    kill(getpid(), number);
    say("pending\n");
    switch (variant) {
    case 0: sigprocmask(SIG_UNBLOCK, &set, NULL); break;
    case 1: sigrelse(number); break;
    case 2: sigset(number, SIG_DFL); break;
    case 3: pthread_sigmask(SIG_UNBLOCK, &set, NULL); break;
    }
    wrong("still alive");
}
/* The test sends it. */
static void by_outside_while_blocked(void)
{
    sigset_t pending;

    block(number);
    say("ready\n");
    do {
        usleep(1000);
        sigpending(&pending);
    } while (!sigismember(&pending, number));
    unblock(number);
    wrong("still alive");
}
/* Two at once. */
static void by_two(void)
{
    int first = number, second = variant;
    sigset_t both = only(first), none;

    sigaddset(&both, second);
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &both, NULL);
    kill(getpid(), second);
    kill(getpid(), first);
    sigprocmask(SIG_SETMASK, &none, NULL);
    wrong("still alive");
}
/* Two at once, where the default of each was set with a mask that blocks neither. */
static void by_two_open(void)
{
    struct sigaction action = { .sa_handler = SIG_DFL };

    sigaddset(&action.sa_mask, SIGWINCH);
    sigaddset(&action.sa_mask, SIGCHLD);
    sigaction(number, &action, NULL);
    sigaction(variant, &action, NULL);
    by_two();
}
static void *raise_in_thread(void *barrier)
{
    pthread_barrier_wait(barrier);
    if (variant)
        _exit(number);
    raise(number);
    return NULL;
}
static void by_all_threads(void)
{
    static pthread_barrier_t barrier;
    pthread_t threads[4];
    int at;

    pthread_barrier_init(&barrier, NULL, 4);
    for (at = 0; at < 4; at++)
        pthread_create(&threads[at], NULL, raise_in_thread, &barrier);
    for (at = 0; at < 4; at++)
        pthread_join(threads[at], NULL);
}
