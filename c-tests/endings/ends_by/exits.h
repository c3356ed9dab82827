/* Exits. */

static void by_return(void) { }
static void by_exit(void) { exit(number); }
static void by__exit(void) { _exit(number); }
static void by__Exit(void) { _Exit(number); }
static void by_quick_exit(void)
{
    at_quick_exit(at_exit);
    quick_exit(number);
}
static void by_raw_name(void)
{
    void (*leave)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "_exit");

    leave(number);
}
static void exits_inside(void) { _exit(number); }
static void by__exit_in_atexit(void)
{
    atexit(exits_inside);
    exit(77);
}
static void *exit_in_thread(void *unused)
{
    (void)unused;
    exit(number);
}
static void by_exit_in_thread(void) { in_thread(exit_in_thread); }
static void *_exit_in_thread(void *unused)
{
    (void)unused;
    _exit(number);
}
static void by__exit_in_thread(void) { in_thread(_exit_in_thread); }

/* The main thread ends, and nobody is told. */
static void *exit_later(void *unused)
{
    (void)unused;
    wait_for_eof();
    syscall(SYS_exit, number);
    return NULL;
}
static void by_raw_exit(void)
{
    pthread_t thread;

    if (variant == 1)
        pthread_create(&thread, NULL, exit_later, NULL);
    if (variant == 2)
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    say("ready\n");
    if (variant == 2)
        syscall(SYS_getpid);
    syscall(SYS_exit, number);
}
