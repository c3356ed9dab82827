/* A preload that stands before each function in NAMES, a list of NAME(…), and goes on to the next one of that name. It
 * writes NAME to stderr whenever the call comes from the object that RECORD names ("" is the program).
 *
 * Everything else is kept: registers, the stack, errno. x86-64. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>

extern char **__environ;
extern struct r_debug _r_debug;

enum {
#define NAME(name) NUMBER_##name,
    NAMES
#undef NAME
    COUNT
};

static const char *const names[] = {
#define NAME(name) #name,
    NAMES
#undef NAME
};
static void *next[COUNT];
static unsigned long start, end;

static void to_stderr(const char *text)
{
    long length = 0, answer;

    while (text[length])
        length++;
    __asm__ volatile("syscall" : "=a"(answer) : "a"(SYS_write), "D"(2L), "S"(text), "d"(length) : "rcx", "r11", "memory");
}

/* Neither of these may call what may be recorded. */
static int contains(const char *text, const char *part)
{
    for (; *text; text++) {
        long i = 0;

        while (part[i] && text[i] == part[i])
            i++;
        if (!part[i])
            return 1;
    }
    return 0;
}

static const char *setting(void)
{
    char **entry = __environ;

    for (; entry && *entry; entry++)
        if (contains(*entry, "RECORD=") && (*entry)[0] == 'R')
            return *entry + 7;
    return "none";
}

static void find(void)
{
    const char *wanted = setting();
    struct link_map *map = _r_debug.r_map;

    if (*wanted)
        while (map && !contains(map->l_name, wanted))
            map = map->l_next;
    if (map) {
        /* No object is larger; what lies behind is not called from. */
        start = map->l_addr;
        end = start + 0x100000;
    }
}

__attribute__((used, visibility("hidden"))) void *enter(long number, unsigned long caller)
{
    if (!end)
        find();
    if (caller >= start && caller < end) {
        to_stderr("called: ");
        to_stderr(names[number]);
        to_stderr("\n");
    }
    if (!next[number])
        next[number] = dlsym(RTLD_NEXT, names[number]);
    return next[number];
}

__asm__(".text\n"
        "record_and_go_on:\n"
        "push %rax; push %rdi; push %rsi; push %rdx; push %rcx; push %r8; push %r9; push %rbx\n"
        "mov %rsp, %rbx\n"
        "sub $512, %rsp\n"
        "and $-16, %rsp\n"
        "fxsave64 (%rsp)\n"
        "mov %r11, %rdi\n"
        "mov 64(%rbx), %rsi\n"
        "call enter\n"
        "mov %rax, %r11\n"
        "fxrstor64 (%rsp)\n"
        "mov %rbx, %rsp\n"
        "pop %rbx; pop %r9; pop %r8; pop %rcx; pop %rdx; pop %rsi; pop %rdi; pop %rax\n"
        "jmp *%r11\n");

#define TEXT(number) #number
#define STUB(name, number) \
    __asm__(".globl " #name "\n.type " #name ", @function\n" #name ": mov $" TEXT(number) ", %r11d\njmp record_and_go_on\n");
