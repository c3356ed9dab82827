/* The host's own handlers. */

static void exit_it(int signal)
{
    (void)signal;
    exit(41);
}
static void _exit_it(int signal)
{
    (void)signal;
    _exit(42);
}
static void reset_it(int signal_number)
{
    say("handler\n");
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}
static void reset_and_kill_it(int signal_number)
{
    say("handler\n");
    handle(signal_number, SIG_DFL, 0);
    kill(getpid(), signal_number);
    unblock(signal_number);
    wrong("still alive");
}
static void by_own_exit(void)
{
    handle(number, exit_it, 0);
    raise(number);
}
static void by_own__exit(void)
{
    handle(number, _exit_it, SA_ONSTACK);
    raise(number);
}
static void by_own_reset(void)
{
    handle(number, reset_it, 0);
    raise(number);
}
static void by_own_reset_and_kill(void)
{
    handle(number, reset_and_kill_it, SA_RESTART);
    raise(number);
}
/* What somebody who asks is told of the disposition. */
static void tell(int signal, void *handler)
{
    struct sigaction action;

    sigaction(signal, NULL, &action);
    printf("%s, flags %x\n", action.sa_handler == SIG_DFL ? "default" : (void *)action.sa_handler == handler ? "handler" : "other",
           (unsigned)action.sa_flags);
    fflush(stdout);
}
static void once(int signal)
{
    say("once\n");
    tell(signal, (void *)once);
    /* Where it does not block itself it is over here. */
    if (variant >= 4)
        raise(signal);
    say("served\n");
}
static void once_with_info(int signal, siginfo_t *info, void *context)
{
    if (info->si_signo != signal || info->si_pid != getpid() || context == NULL)
        wrong("siginfo");
    once(signal);
}
/* The kernel itself puts the default back. */
static void by_one_shot(void)
{
    static const int flags[] = { 0, SA_NODEFER, SA_ONSTACK | SA_RESTART, 0 };
    struct sigaction action = { .sa_handler = once, .sa_flags = SA_RESETHAND | flags[variant % 4] };

    if (variant % 4 == 3) {
        action.sa_sigaction = once_with_info;
        action.sa_flags |= SA_SIGINFO;
        sigaddset(&action.sa_mask, SIGWINCH);
    }
    sigaction(number, &action, NULL);
    tell(number, (void *)action.sa_handler);
    raise(number);
    tell(number, (void *)action.sa_handler);
    raise(number);
}
/* Crash loggers do this: the handler returns, and the fault happens again. */
static void by_one_shot_fault(void)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    size_t at;

    for (at = 0; at < 4; at++)
#ifdef __GLIBC__
        sysv_signal(faults[at], nothing);
#else /* There the handler would stay. */
        handle(faults[at], nothing, SA_RESETHAND);
#endif
    fault();
}
/* Leaves its handler by a jump, and sets it again; a child and what it starts by vfork have handlers of their own. */
static sigjmp_buf back;
static void jump_back(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}
static void by_one_shot_again(void)
{
    volatile int turn = 0;
    pid_t child;
    int status;

    for (turn = 0; turn < 3; turn++) {
        handle(number, jump_back, SA_RESETHAND);
        if (sigsetjmp(back, 1) == 0)
            raise(number);
        tell(number, (void *)jump_back);
    }
    handle(number, jump_back, SA_RESETHAND);
    child = vfork();
    if (child == 0) {
        handle(number, once, SA_RESETHAND);
        /* Not raise: in musl that would be for the parent's thread. */
        kill(getpid(), number);
        _exit(4);
    }
    if (waitpid(child, &status, 0) != child || status != 4 << 8)
        wrong("vfork");
    tell(number, (void *)jump_back);
    if (sigsetjmp(back, 1) == 0)
        raise(number);
    raise(number);
}
