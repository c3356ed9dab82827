/* A program that has a function of its own by each name in NAMES, a list of NAME(…). They are exported, as a program's
 * functions are when a shared library has the name too. Whoever calls one of them is told, and the program ends with status
 * 66.
 *
 * It uses no function of libc by itself. Says that it is ready, and returns 0 at the end of its input; with an argument it
 * becomes a daemon first, by daemon(3). */
#include <sys/syscall.h>

static long kernel(long number, long first, long second, long third)
{
#if defined __x86_64__
    long answer;

    __asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
    return answer;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = first, x1 __asm__("x1") = second, x2 __asm__("x2") = third;

    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

static void say(const char *text)
{
    long length = 0;

    while (text[length])
        length++;
    kernel(SYS_write, 1, (long)text, length);
}

static void is_called(const char *name)
{
    say("the program's own function was called: ");
    say(name);
    say("\n");
    kernel(SYS_exit_group, 66, 0, 0);
}

#define NAME(name) void name(void) { is_called(#name); }
NAMES
#undef NAME

#ifdef HAS_DAEMON
extern int daemon(int, int);
#endif

int main(int argc, char **argv)
{
    char byte;

    (void)argv;
#ifdef HAS_DAEMON
    if (argc > 1 && daemon(1, 1) != 0)
        return 1;
#endif
    say("ready\n");
    while (kernel(SYS_read, 0, (long)&byte, 1) > 0)
        continue;
    return 0;
}
