/* CFLAGS: -D_GNU_SOURCE -Wl,-z,now */
/* Ends with a core dump, and with something known in every register. Its argument says how: fault, ud2, int3, divide,
 * spin or pause (both wait for a signal from outside), abort, raise. The loader has looked up all functions before: it leaves
 * other numbers in the registers where it looks into more libraries. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REGISTERS                                                                                                            \
    "movabs $0x1111111111111111, %%rbx; movabs $0x2222222222222222, %%rcx; movabs $0x3333333333333333, %%rsi;"               \
    "movabs $0x4444444444444444, %%rdi; movabs $0x5555555555555555, %%r8; movabs $0x6666666666666666, %%r9;"                 \
    "movabs $0x7777777777777777, %%r10; movabs $0x8888888888888888, %%r11; movabs $0x9999999999999999, %%r12;"               \
    "movabs $0xaaaaaaaaaaaaaaaa, %%r13; movabs $0xbbbbbbbbbbbbbbbb, %%r14; movabs $0xcccccccccccccccc, %%r15;"               \
    "movq %%rbx, %%xmm0; movq %%r15, %%xmm15; xorl %%edx, %%edx; movl $1, %%eax;"
#define CHANGED "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc"

static const unsigned nothing;

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";

    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 1;
    if (strcmp(how, "fault") == 0)
        __asm__ volatile(REGISTERS "movl %%eax, 16" : : : CHANGED);
    if (strcmp(how, "ud2") == 0)
        __asm__ volatile(REGISTERS "ud2" : : : CHANGED);
    if (strcmp(how, "int3") == 0)
        __asm__ volatile(REGISTERS "int3; nop" : : : CHANGED);
    if (strcmp(how, "divide") == 0)
        __asm__ volatile(REGISTERS "divl %0" : : "m"(nothing) : CHANGED);
    if (strcmp(how, "spin") == 0)
        __asm__ volatile(REGISTERS "0: jmp 0b" : : : CHANGED);
    if (strcmp(how, "pause") == 0) /* system call 34 */
        __asm__ volatile(REGISTERS "movl $34, %%eax; syscall" : : : CHANGED);
    if (strcmp(how, "abort") == 0) {
        __asm__ volatile(REGISTERS : : : CHANGED);
        abort();
    }
    if (strcmp(how, "raise") == 0) {
        __asm__ volatile(REGISTERS : : : CHANGED);
        raise(SIGQUIT);
    }
    return 2;
}
