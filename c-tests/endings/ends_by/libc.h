/* Libc ends it. */

static void by_abort(void) { abort(); }
static void *abort_in_thread(void *unused)
{
    (void)unused;
    abort();
}
static void by_abort_in_thread(void) { in_thread(abort_in_thread); }
static void by_abort_blocked(void)
{
    block(SIGABRT);
    abort();
}
static void by_abort_ignored(void)
{
    signal(SIGABRT, SIG_IGN);
    abort();
}
static void nothing(int signal) { (void)signal; }
static void by_abort_handled(void)
{
    signal(SIGABRT, nothing);
    abort();
}
/* The handler does not return: it jumps out, or ends the thread. */
static sigjmp_buf out;
static void leave_by_jump(int signal)
{
    (void)signal;
    siglongjmp(out, 1);
}
static void by_abort_jumped(void)
{
    int state;

    signal(SIGABRT, leave_by_jump);
    if (sigsetjmp(out, 1) == 0)
        abort();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    printf("cancel state %d\n", state);
    exit(6);
}
static void leave_thread(int signal)
{
    (void)signal;
    pthread_exit(NULL);
}
static void *abort_and_leave(void *unused)
{
    (void)unused;
    signal(SIGABRT, leave_thread);
    abort();
}
static void by_abort_left(void)
{
    in_thread(abort_and_leave);
    exit(7);
}
static void by_double_free(void)
{
    void *volatile block = malloc(4000), *volatile wall = malloc(40);

    free(block);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuse-after-free"
    free(block);
#pragma GCC diagnostic pop
    free(wall);
}
