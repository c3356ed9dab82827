/* What the ways of ending share. */
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
