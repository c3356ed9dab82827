/* Faults. */

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
#ifdef __aarch64__
    case 7:
        __asm__ volatile("brk #0");
        break;
    default:
        __asm__ volatile("udf #0");
        break;
#else
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
#endif
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
