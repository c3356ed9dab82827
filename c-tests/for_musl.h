/* What the programs here call and musl does not have: included first, if they are built for musl. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static __attribute__((unused)) int close_range(unsigned first, unsigned last, int flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

static __attribute__((unused)) void closefrom(int first)
{
    close_range((unsigned)first, ~0U, 0);
}

/* A raw call, of which no library hears. */
static __attribute__((unused)) int execveat(int directory, const char *path, char *const *argv, char *const *envp, int flags)
{
    return (int)syscall(SYS_execveat, directory, path, argv, envp, flags);
}

void (*__sysv_signal(int, void (*)(int)))(int);
#define sysv_signal __sysv_signal
#define ssignal bsd_signal

#define __GLIBC_PREREQ(major, minor) 0
