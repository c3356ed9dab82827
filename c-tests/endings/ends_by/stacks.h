/* Stacks. */

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
/* With AMX in use, where there is such a thing, the kernel's frame has 11 KiB, and no smaller alternate stack is allowed. */
static void by_tiles_in_use(void)
{
#ifdef __x86_64__
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XTILEDATA = 18 };
    static unsigned char tile[1024], shape[64] = { [0] = 1, [16] = 64, [48] = 16 };

    if (syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) == 0) {
        memset(tile, 1, sizeof tile);
        /* ldtilecfg (%rax); tileloadd (%rbx,%rcx,1), %tmm0: not every assembler knows them. */
        __asm__ volatile(".byte 0xc4, 0xe2, 0x78, 0x49, 0x00" : : "a"(shape), "m"(shape));
        __asm__ volatile(".byte 0xc4, 0xe2, 0x7b, 0x4b, 0x04, 0x0b" : : "b"(tile), "c"(64L), "m"(tile));
        printf("tiles in use\n");
        fflush(stdout);
    }
#endif
    raise(number);
}
static void by_stack_gone(void)
{
    stack_t stack;

    alternate_stack(65536);
    sigaltstack(NULL, &stack);
    munmap(stack.ss_sp, stack.ss_size);
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
