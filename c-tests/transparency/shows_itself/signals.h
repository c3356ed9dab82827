/* What libc and the kernel say of signals. */

static void own(int signal)
{
    (void)signal;
}

static void other(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
}

static const char *name_of(sighandler_t handler)
{
    if (handler == SIG_DFL)
        return "SIG_DFL";
    if (handler == SIG_IGN)
        return "SIG_IGN";
    if (handler == SIG_ERR)
        return "SIG_ERR";
    if (handler == SIG_HOLD)
        return "SIG_HOLD";
    if (handler == own)
        return "own";
    if ((void *)handler == (void *)other)
        return "other";
    return "a stranger's";
}

/* What is set together with SIG_DFL means nothing, and is not promised to be told. */
static unsigned flags_of(const struct sigaction *action)
{
    return action->sa_handler == SIG_DFL ? 0 : (unsigned)action->sa_flags;
}

/* Whether there is one. Where libc uses none, as on arm64, it tells what lies on its stack. */
static int has_restorer(const struct sigaction *action)
{
#ifdef __x86_64__
    return action->sa_restorer != NULL;
#else
    (void)action;
    return 0;
#endif
}

/* Bit for bit, as far as the kernel fills it: glibc fills the rest of the mask with what lies on its stack (libc_sigaction.c). */
static void show_action(const char *what, int number)
{
    struct sigaction action;
    const unsigned char *mask = (void *)&action.sa_mask;
    size_t at;
    int result;

    memset(&action, 0xa5, sizeof action);
    errno = 99;
    result = sigaction(number, NULL, &action);
    printf("%s %d: %d errno %d", what, number, result, errno);
    if (result == 0 && action.sa_handler == SIG_DFL)
        printf(" SIG_DFL");
    else if (result == 0) {
        printf(" %s flags %x restorer %d mask ", name_of(action.sa_handler), (unsigned)action.sa_flags,
            has_restorer(&action));
        for (at = 0; at < 8; at++)
            printf("%02x", mask[at]);
    }
    putchar('\n');
}

static void show_mask(const char *what)
{
    sigset_t set, pending;
    int number;

    sigprocmask(SIG_SETMASK, NULL, &set);
    sigpending(&pending);
    printf("%s: blocked", what);
    for (number = 1; number <= 64; number++)
        if (sigismember(&set, number) == 1)
            printf(" %d", number);
    printf("; pending");
    for (number = 1; number <= 64; number++)
        if (sigismember(&pending, number) == 1)
            printf(" %d", number);
    putchar('\n');
}

/* Every way of setting a disposition by sigaction, and what is told of it: when it is asked for, and when it is replaced. */
static void try_sigaction(int number)
{
    static const int flags[] = { 0, SA_SIGINFO, SA_ONSTACK, SA_RESTART, SA_NODEFER, SA_RESETHAND, SA_NOCLDSTOP, SA_NOCLDWAIT,
        SA_SIGINFO | SA_ONSTACK, SA_ONSTACK | SA_RESTART, SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND,
        0x800, 0x400, 0x04000000, 0x20000000, 0x1000 };
    const sighandler_t handlers[] = { SIG_DFL, SIG_IGN, own, (sighandler_t)(void *)other };
    const struct sigaction *volatile same;
    size_t handler, flag;
    int mask;

    for (handler = 0; handler < sizeof handlers / sizeof handlers[0]; handler++)
        for (flag = 0; flag < sizeof flags / sizeof flags[0]; flag++)
            for (mask = 0; mask < 6; mask++) {
                struct sigaction new = { .sa_handler = handlers[handler], .sa_flags = flags[flag] }, old;
                int result;

                sigemptyset(&new.sa_mask);
                if (mask == 1 || mask == 3)
                    sigaddset(&new.sa_mask, number);
                if (mask == 2 || mask == 3)
                    sigaddset(&new.sa_mask, number == SIGUSR2 ? SIGUSR1 : SIGUSR2);
                if (mask == 4)
                    sigfillset(&new.sa_mask);
                if (mask == 5)
                    memset(&new.sa_mask, 0xff, sizeof new.sa_mask);
                memset(&old, 0xa5, sizeof old);
                errno = 98;
                result = sigaction(number, &new, &old);
                printf("set %s %x %d: %d errno %d was %s %x; ", name_of(handlers[handler]), (unsigned)flags[flag], mask, result,
                       errno, name_of(old.sa_handler), flags_of(&old));
                show_action("now", number);
                /* In place: the answer goes to where the question was. */
                same = &new;
                result = sigaction(number, same, (struct sigaction *)same);
                printf("in place: %d %s %x\n", result, name_of(new.sa_handler), flags_of(&new));
            }
}

static void try_functions(int number)
{
    static const struct {
        const char *name;
        sighandler_t (*set)(int, sighandler_t);
    } functions[] = { { "signal", signal },           { "bsd_signal", bsd_signal },       { "ssignal", ssignal },
                      { "sysv_signal", sysv_signal }, { "__sysv_signal", __sysv_signal }, { "sigset", sigset } };
    const sighandler_t handlers[] = { SIG_DFL, own, SIG_DFL, SIG_IGN, SIG_DFL, SIG_ERR, SIG_DFL, SIG_HOLD, SIG_DFL };
    size_t function, handler;
    int interrupts, result;

    for (function = 0; function < sizeof functions / sizeof functions[0]; function++)
        for (handler = 0; handler < sizeof handlers / sizeof handlers[0]; handler++) {
            sighandler_t old;

            /* The others would take it for an address. */
            if (handlers[handler] == SIG_HOLD && functions[function].set != sigset)
                continue;
            errno = 97;
            old = functions[function].set(number, handlers[handler]);
            printf("%s(%d, %s): %s errno %d\n", functions[function].name, number, name_of(handlers[handler]), name_of(old), errno);
            show_action("now", number);
        }
    show_mask("after sigset");
    for (interrupts = 1; interrupts >= 0; interrupts--) {
        errno = 96;
        result = siginterrupt(number, interrupts);
        printf("siginterrupt(%d, %d): %d errno %d\n", number, interrupts, result, errno);
        show_action("now", number);
        signal(number, own);
        show_action("then signal", number);
        signal(number, SIG_DFL);
        show_action("then signal", number);
    }
    errno = 95;
    result = sigignore(number);
    printf("sigignore(%d): %d errno %d\n", number, result, errno);
    show_action("now", number);
    result = sighold(number);
    printf("sighold(%d): %d errno %d\n", number, result, errno);
    show_mask("held");
    result = sigrelse(number);
    printf("sigrelse(%d): %d errno %d\n", number, result, errno);
    show_mask("released");
    sigset(number, SIG_DFL);
    show_action("at last", number);
}

static void show_signals(void)
{
    stack_t stack = { .ss_flags = 99 };
    int number;

    for (number = -1; number <= 66; number++)
        show_action("at first", number);
    show_mask("mask");
    printf("alternate stack: %d flags %d size %zu pointer %p\n", sigaltstack(NULL, &stack), stack.ss_flags, stack.ss_size, stack.ss_sp);
}
