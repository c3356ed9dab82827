/* Signals whose action is the default. */

static void by_raise(void) { raise(number); }
static void by_kill(void) { kill(getpid(), number); }
static void by_kill_group(void)
{
    setpgid(0, 0);
    kill(0, number);
}
static void by_pthread_kill(void) { pthread_kill(pthread_self(), number); }
static void *kill_main(void *unused)
{
    (void)unused;
    pthread_kill(main_thread, number);
    return NULL;
}
static void by_pthread_kill_from_thread(void)
{
    in_thread(kill_main);
    pause();
}
static void *wait_for_it(void *unused)
{
    for (;;)
        pause();
    return unused;
}
static void by_pthread_kill_of_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_it, NULL) != 0)
        wrong("pthread_create");
    pthread_kill(thread, number);
    pthread_join(thread, NULL);
}
static void by_kill_taken_by_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_it, NULL) != 0)
        wrong("pthread_create");
    block(number);
    kill(getpid(), number);
    pthread_join(thread, NULL);
}
/* As if the kernel had sent it: a process may say so to itself. */
static void by_queue_with_code(void)
{
    siginfo_t info = { .si_signo = number, .si_code = variant };

    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, &info) != 0)
        wrong("rt_tgsigqueueinfo");
}
/* Pretends to be a fault, where there is none; in variants 8 and on after there has been one. */
static sigjmp_buf after_fault;
static void jump_out(int signal)
{
    (void)signal;
    siglongjmp(after_fault, 1);
}
static void by_forged_fault(void)
{
    siginfo_t info = { .si_signo = number, .si_code = variant % 8 };

    if (variant >= 8) {
        signal(SIGSEGV, jump_out);
        if (sigsetjmp(after_fault, 1) == 0)
            *(volatile int *)16 = 1;
        signal(SIGSEGV, SIG_DFL);
    }
    if (syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, &info) != 0)
        wrong("rt_tgsigqueueinfo");
}
static void by_sigqueue(void) { sigqueue(getpid(), number, (union sigval){ .sival_int = 5 }); }
static void by_tkill(void) { syscall(SYS_tkill, gettid(), number); }
static void by_child(void)
{
    if (fork() == 0) {
        kill(getppid(), number);
        _exit(0);
    }
    for (;;)
        pause();
}
static void by_explicit_default(void)
{
    static const int flags[] = { 0, SA_SIGINFO, SA_ONSTACK, SA_NODEFER, SA_RESETHAND, SA_NODEFER | SA_RESETHAND | SA_RESTART };
    struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = flags[variant / 4] };

    switch (variant % 4) {
    case 0: sigemptyset(&action.sa_mask); break;
    case 1: action.sa_mask = only(number); break;
    case 2: action.sa_mask = only(SIGWINCH); break;
    case 3: sigfillset(&action.sa_mask); break;
    }
    if (sigaction(number, &action, NULL) != 0)
        wrong("sigaction");
    raise(number);
}
static void by_default_after_own(void)
{
    static sighandler_t (*const set[])(int, sighandler_t) = { signal, ssignal, sysv_signal, __sysv_signal, sigset };

    set[variant](number, nothing);
    raise(number);
    set[variant](number, SIG_DFL);
    raise(number);
}
static void by_saved_and_restored(void)
{
    struct sigaction saved;

    sigaction(number, NULL, &saved);
    handle(number, nothing, SA_RESTART);
    raise(number);
    sigaction(number, &saved, NULL);
    raise(number);
}
static void by_ignored(void)
{
    signal(number, SIG_IGN);
    raise(number);
    printf("ignored\n");
    exit(7);
}
static void by_after_system(void)
{
    if (system("exit 3") != 3 << 8)
        wrong("system");
    raise(number);
}
static void by_after_vfork(void)
{
    pid_t child = vfork();
    int status;

    if (child == 0) {
        signal(number, SIG_IGN);
        signal(number, SIG_DFL);
        _exit(4);
    }
    if (waitpid(child, &status, 0) != child || status != 4 << 8)
        wrong("vfork");
    raise(number);
}
static void by_after_siginterrupt(void)
{
    siginterrupt(number, variant);
    raise(number);
}
