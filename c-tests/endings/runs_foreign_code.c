/* CFLAGS: -D_GNU_SOURCE -fno-stack-protector */
/* Runs code that is not libc's, as Wine and emulators do. "nowhere" and "own": with a thread register that leads nowhere, or
 * to memory of its own. "dispatch": with system calls that it catches itself (prctl(2), PR_SET_SYSCALL_USER_DISPATCH);
 * "dispatch_thread": in a thread beside an idle main thread. */
#include <asm/prctl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SET_SYSCALL_USER_DISPATCH 59

static char area[65536];
static volatile char selector;

static long call(long number, long first, long second)
{
    long answer;

    __asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
    return answer;
}

static void *dispatch(void *unused)
{
    if (prctl(SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &selector) != 0)
        _exit(99);
    puts("ready");
    fflush(stdout);
    selector = 1;
    for (;;)
        continue;
    return unused;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    pthread_t thread;

    if (strcmp(how, "dispatch") == 0)
        dispatch(NULL);
    if (strcmp(how, "dispatch_thread") == 0) {
        sigset_t all;

        pthread_create(&thread, NULL, dispatch, NULL);
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        for (;;)
            pause();
    }
    puts("ready");
    fflush(stdout);
    call(SYS_arch_prctl, ARCH_SET_FS, strcmp(how, "own") == 0 ? (long)(area + 32768) : 0);
    for (;;)
        continue;
}
