/* CFLAGS: -D_GNU_SOURCE -Wno-deprecated-declarations -Wno-infinite-recursion */
/* Ends in the way that its first argument names; a second argument is the status, the signal, or a number of a variant. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "until_eof.h"

static int number, variant;
static pthread_t main_thread;

/* The test did not get where it wanted to. */
static void wrong(const char *what)
{
    fprintf(stderr, "ends_by: %s: %s\n", what, strerror(errno));
    syscall(SYS_exit_group, 99);
}

static void at_exit(void)
{
    printf("atexit\n");
}

static void say(const char *what)
{
    if (write(STDOUT_FILENO, what, strlen(what)) < 0)
        wrong("write");
}

static sigset_t only(int signal)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

static void block(int signal)
{
    sigset_t set = only(signal);

    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void unblock(int signal)
{
    sigset_t set = only(signal);

    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void handle(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

    if (sigaction(signal, &action, NULL) != 0)
        wrong("sigaction");
}

static void in_thread(void *(*work)(void *))
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, work, NULL) != 0)
        wrong("pthread_create");
    pthread_join(thread, NULL);
}

/* ---- exits ---- */

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

/* ---- libc ends it ---- */

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

/* ---- faults ---- */

static volatile int zero;

static void fault(void)
{
    switch (variant) {
    case 0: /* nothing is there */
        *(volatile int *)16 = 1;
        break;
    case 1: /* no address at all */
        *(volatile int *)0x8000000000000000ul = 1;
        break;
    case 2: /* nothing to execute */
        ((void (*)(void))(uintptr_t)zero)();
        break;
    case 3: { /* read-only */
        char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        *(volatile char *)page = 1;
        break;
    }
    case 4: { /* behind the end of the file */
        int fd = memfd_create("file", 0);
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        *(volatile char *)page = 1;
        break;
    }
    case 5:
        __asm__ volatile("xorl %%edx, %%edx; divl %0" : : "m"(zero) : "eax", "edx", "cc");
        break;
    case 6:
        __asm__ volatile("ud2");
        break;
    case 7:
        __asm__ volatile("int3");
        break;
    case 8: /* an interrupt that is none of ours: a fault with SI_KERNEL */
        __asm__ volatile("int $0x33");
        break;
    case 9:
        __asm__ volatile("hlt");
        break;
    case 10: { /* floating point, by SSE */
        unsigned control = 0x1f80 & ~0x200u;
        double one = 1, nil = zero;

        __asm__ volatile("ldmxcsr %0; divsd %2, %1" : : "m"(control), "x"(one), "x"(nil));
        break;
    }
    case 11: { /* floating point, by the x87, which tells with its next instruction */
        unsigned short control = 0x37f & ~0x4;

        __asm__ volatile("fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(control));
        break;
    }
    case 12: /* single step: after each instruction */
        __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
        break;
    case 13: { /* alignment check */
        static char bytes[16];

        __asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl 1(%0), %%eax" : : "r"(bytes) : "memory", "cc", "eax");
        break;
    }
    }
    wrong("no fault");
}

static void *fault_in_thread(void *unused)
{
    (void)unused;
    fault();
    return NULL;
}
static void by_fault(void) { fault(); }
static void by_fault_in_thread(void) { in_thread(fault_in_thread); }
static void fault_in_handler(int signal)
{
    (void)signal;
    fault();
}
static void by_fault_in_handler(void)
{
    handle(SIGUSR1, fault_in_handler, 0);
    raise(SIGUSR1);
}
/* What it does once it has seen the fault: nothing but let it happen. */
static void let_it(int number)
{
    say("handler\n");
    signal(number, SIG_DFL);
}
static void by_handled_fault(void)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL };
    size_t at;

    for (at = 0; at < 4; at++)
        handle(faults[at], let_it, 0);
    fault();
}
/* As crash reporters do: the same signal again, with its siginfo. */
static void send_it_again(int number, siginfo_t *info, void *context)
{
    (void)context;
    say("handler\n");
    signal(number, SIG_DFL);
    syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), number, info);
}
static void by_reported_fault(void)
{
    struct sigaction action = { .sa_sigaction = send_it_again, .sa_flags = SA_SIGINFO };

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    fault();
}

/* The kernel ends these at once, without a handler. */
static void by_fault_blocked(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    fault();
}
static void by_fault_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    signal(SIGBUS, SIG_IGN);
    signal(SIGFPE, SIG_IGN);
    signal(SIGILL, SIG_IGN);
    signal(SIGTRAP, SIG_IGN);
    fault();
}

/* ---- stacks ---- */

static int deeper(volatile char *from)
{
    volatile char room[4000];

    room[0] = *from;
    return deeper(room) + room[0];
}
static void overflow(void)
{
    volatile char start = 1;

    deeper(&start);
}
static void by_overflow(void) { overflow(); }

/* A stack that ends where nothing is mapped. */
static void alternate_stack(size_t size)
{
    size_t pages = (size + 4095) / 4096 * 4096;
    char *place = mmap(NULL, pages + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = { .ss_sp = place + 4096, .ss_size = size };

    if (place == MAP_FAILED || mprotect(place + 4096, pages, PROT_READ | PROT_WRITE) != 0 || sigaltstack(&stack, NULL) != 0)
        wrong("alternate stack");
}
static void by_overflow_with_stack(void)
{
    alternate_stack(65536);
    overflow();
}
static void *overflow_in_thread(void *unused)
{
    (void)unused;
    if (variant)
        alternate_stack(65536);
    overflow();
    return NULL;
}
static void by_overflow_in_thread(void) { in_thread(overflow_in_thread); }

static void by_small_stack(void)
{
    alternate_stack((size_t)variant);
    raise(number);
}
static void *raise_on_own_stack(void *unused)
{
    (void)unused;
    alternate_stack(65536);
    raise(number);
    return NULL;
}
static void by_thread_with_stack(void) { in_thread(raise_on_own_stack); }
static void raise_it(int signal)
{
    (void)signal;
    say("handler\n");
    raise(number);
}
static void by_raise_on_stack(void)
{
    alternate_stack(65536);
    handle(number == SIGUSR1 ? SIGUSR2 : SIGUSR1, raise_it, SA_ONSTACK);
    raise(number == SIGUSR1 ? SIGUSR2 : SIGUSR1);
}
static void *raise_on_smallest_stack(void *unused)
{
    (void)unused;
    raise(number);
    return NULL;
}
static void by_thread_with_little_room(void)
{
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, raise_on_smallest_stack, NULL) != 0)
        wrong("pthread_create");
    pthread_join(thread, NULL);
}

/* ---- signals whose action is the default ---- */

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

/* ---- the host's own handlers ---- */

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
        sysv_signal(faults[at], nothing);
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
        raise(number);
        _exit(4);
    }
    if (waitpid(child, &status, 0) != child || status != 4 << 8)
        wrong("vfork");
    tell(number, (void *)jump_back);
    if (sigsetjmp(back, 1) == 0)
        raise(number);
    raise(number);
}

/* ---- signals that are waited for ---- */

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

/* ---- what the kernel sends ---- */

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

/* ---- the main thread leaves, the process goes on ---- */

/* A chain of threads: each waits for the one before, and the first for main. */
static pthread_t chain[9];
static void *output_later(void *before)
{
    pthread_join(*(pthread_t *)before, NULL);
    printf("after %d\n", (int)((pthread_t *)before - chain));
    return NULL;
}
static void *end_later(void *unused)
{
    (void)unused;
    pthread_join(main_thread, NULL);
    switch (variant) {
    case 2: exit(number);
    case 3: _exit(number);
    case 4: abort();
    case 5: raise(number); break;
    case 6: kill(getpid(), number); break;
    case 7: quick_exit(number);
    case 8: fault(); break;
    }
    return NULL;
}
static void *wait_for_input(void *unused)
{
    (void)unused;
    wait_for_eof();
    say("input has ended\n");
    return NULL;
}
static void slow_destructor(void *unused)
{
    say("ready\n");
    wait_for_input(unused);
}
static void by_main_leaving(void)
{
    pthread_t thread;
    pthread_key_t key;
    int at;

    switch (variant) {
    case 0: /* nobody else */
        break;
    case 1:
        chain[0] = main_thread;
        for (at = 0; at < 8; at++)
            pthread_create(&chain[at + 1], NULL, output_later, &chain[at]);
        break;
    case 9: /* the test closes the input */
        pthread_create(&thread, NULL, wait_for_input, NULL);
        say("ready\n");
        break;
    case 10: /* its own destructor runs for a long time */
        pthread_key_create(&key, slow_destructor);
        pthread_setspecific(key, &key);
        break;
    default:
        pthread_create(&thread, NULL, end_later, NULL);
    }
    pthread_exit(NULL);
}
/* Cancelled, as a thread may be. */
static void *cancel_main(void *unused)
{
    (void)unused;
    pthread_cancel(main_thread);
    pthread_join(main_thread, NULL);
    printf("main was cancelled\n");
    return NULL;
}
static void by_main_cancelled(void)
{
    pthread_t thread;

    pthread_create(&thread, NULL, cancel_main, NULL);
    for (;;)
        pause();
}

/* ---- a child that ends in the same way ---- */

static const struct way {
    const char *name;
    void (*go)(void);
} ways[];

static void by_child_like(void);

#define WAY(name) { #name, by_##name }
static const struct way ways[] = {
    WAY(return), WAY(exit), WAY(_exit), WAY(_Exit), WAY(quick_exit), WAY(raw_name), WAY(_exit_in_atexit), WAY(exit_in_thread),
    WAY(_exit_in_thread), WAY(raw_exit), WAY(abort), WAY(abort_in_thread), WAY(abort_blocked), WAY(abort_ignored), WAY(abort_handled), WAY(abort_jumped), WAY(abort_left),
    WAY(double_free), WAY(fault), WAY(fault_in_thread), WAY(fault_in_handler), WAY(handled_fault), WAY(reported_fault),
    WAY(fault_blocked), WAY(fault_ignored), WAY(overflow), WAY(overflow_with_stack), WAY(overflow_in_thread),
    WAY(small_stack), WAY(thread_with_stack), WAY(raise_on_stack), WAY(thread_with_little_room), WAY(raise), WAY(kill),
    WAY(kill_group), WAY(pthread_kill), WAY(pthread_kill_from_thread), WAY(pthread_kill_of_thread), WAY(kill_taken_by_thread),
    WAY(sigqueue), WAY(queue_with_code), WAY(forged_fault), WAY(tkill), WAY(child), WAY(explicit_default), WAY(default_after_own), WAY(saved_and_restored), WAY(ignored),
    WAY(after_system), WAY(after_vfork), WAY(after_siginterrupt), WAY(own_exit), WAY(own__exit), WAY(own_reset),
    WAY(own_reset_and_kill), WAY(one_shot), WAY(one_shot_fault), WAY(one_shot_again), WAY(sigwait), WAY(sigwaitinfo), WAY(signalfd), WAY(mask_while_waiting),
    WAY(unblocking), WAY(outside_while_blocked), WAY(two), WAY(two_open), WAY(all_threads), WAY(alarm), WAY(timer), WAY(pipe),
    WAY(file_limit), WAY(time_limit), WAY(owned_pipe), WAY(main_leaving), WAY(main_cancelled), WAY(child_like),
};

static char **arguments;

static void go(const char *name)
{
    size_t at;

    for (at = 0; at < sizeof ways / sizeof ways[0]; at++)
        if (strcmp(ways[at].name, name) == 0)
            return ways[at].go();
    wrong(name);
}

/* ends_by child_like NUMBER VARIANT WAY: a forked child ends so, and the parent tells how. */
static void by_child_like(void)
{
    pid_t child;
    int status;

    printf("before\n");
    fflush(stdout);
    child = fork();
    if (child == 0) {
        main_thread = pthread_self();
        go(arguments[4]);
        exit(number);
    }
    if (waitpid(child, &status, 0) != child)
        wrong("waitpid");
    printf("child: %x\n", status);
    exit(5);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        wrong("no way");
    arguments = argv;
    number = argc > 2 ? atoi(argv[2]) : 0;
    variant = argc > 3 ? atoi(argv[3]) : 0;
    main_thread = pthread_self();
    atexit(at_exit);
    go(argv[1]);
    return number;
}
