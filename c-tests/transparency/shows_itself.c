/* CFLAGS: -D_GNU_SOURCE -Wno-deprecated-declarations */
/* Prints everything it can learn about itself by asking libc and the kernel: dispositions through every function, masks,
 * descriptors, limits, threads, timers, the environment. Then has a child print the same. Addresses and PIDs are left out, as
 * are the variables with which a test preloads a library. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Not declared for every standard. */
extern sighandler_t bsd_signal(int, sighandler_t);
extern sighandler_t __sysv_signal(int, sighandler_t);

#include "shows_itself/signals.h"

static void show_descriptors(void)
{
    struct stat status;
    int fd, first;

    for (fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) != -1 && fstat(fd, &status) == 0)
            printf("descriptor %d: type %o, flags %x %x, at %ld\n", fd, status.st_mode & S_IFMT, fcntl(fd, F_GETFD),
                   fcntl(fd, F_GETFL), fd == 1 ? 0L : (long)lseek(fd, 0, SEEK_CUR));
    first = open("/dev/null", O_RDONLY);
    printf("first open: %d\n", first);
    close(first);
}

static void show_process(void)
{
    static const unsigned long auxiliary[] = { AT_HWCAP, AT_PAGESZ, AT_CLKTCK, AT_PHENT, AT_PHNUM, AT_FLAGS, AT_UID, AT_EUID,
                                               AT_GID, AT_EGID, AT_SECURE, AT_HWCAP2, AT_MINSIGSTKSZ };
    static const int options[] = { PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_TIMERSLACK, PR_GET_SECCOMP, PR_GET_SECUREBITS,
                                   PR_GET_NO_NEW_PRIVS, PR_GET_THP_DISABLE, PR_GET_TIMING };
    char directory[4096];
    mode_t mask = umask(0);
    struct rlimit limit;
    struct rusage usage;
    struct itimerval timer;
    struct itimerspec spec;
    struct sigevent event = { .sigev_notify = SIGEV_NONE };
    timer_t id;
    int resource, which, value, status;
    size_t at;
    char **variable;

    umask(mask);
    printf("umask %o, directory %s\n", mask, getcwd(directory, sizeof directory));
    for (resource = 0; resource < RLIM_NLIMITS; resource++)
        if (getrlimit(resource, &limit) == 0)
            printf("limit %d: %ld %ld\n", resource, (long)limit.rlim_cur, (long)limit.rlim_max);
    value = waitpid(-1, &status, WNOHANG | __WALL);
    printf("children: %d errno %d\n", value, errno);
    getrusage(RUSAGE_CHILDREN, &usage);
    printf("children used %ld %ld\n", usage.ru_maxrss, usage.ru_nvcsw);
    for (at = 0; at < sizeof auxiliary / sizeof auxiliary[0]; at++)
        printf("auxv %lu: %lx\n", auxiliary[at], getauxval(auxiliary[at]));
    for (at = 0; at < sizeof options / sizeof options[0]; at++)
        printf("prctl %d: %d\n", options[at], prctl(options[at], 0, 0, 0, 0));
    prctl(PR_GET_PDEATHSIG, &value);
    printf("death signal %d\n", value);
    prctl(PR_GET_CHILD_SUBREAPER, &value);
    printf("subreaper %d\n", value);
    for (which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
        getitimer(which, &timer);
        printf("timer %d: %ld.%06ld\n", which, (long)timer.it_value.tv_sec, (long)timer.it_value.tv_usec);
    }
    if (timer_create(CLOCK_MONOTONIC, &event, &id) == 0) {
        /* An older libc makes it an address. */
        long number = __GLIBC_PREREQ(2, 34) ? (long)(intptr_t)id : 0;
        printf("first timer: %ld, %d\n", number, timer_gettime(id, &spec));
        timer_delete(id);
    }
    printf("session %d, group %d, terminal %d, users %d %d %d %d, nice %d\n", getsid(0) == getpid(), getpgrp() == getpgid(getppid()),
           (int)tcgetpgrp(0), (int)getuid(), (int)geteuid(), (int)getgid(), (int)getegid(), getpriority(PRIO_PROCESS, 0));
    for (variable = environ; *variable; variable++)
        if (strncmp(*variable, "LD_PRELOAD=", 11) != 0 && strncmp(*variable, "PIDFILE", 7) != 0 && strncmp(*variable, "LIBPIDFILE", 10) != 0)
            printf("environment: %s\n", *variable);
}

static void show_thread(void)
{
    pthread_attr_t attributes;
    struct sched_param parameter;
    cpu_set_t set;
    size_t size = 0, guard = 0;
    int policy, detached, scope, inherits, state;
    char name[32];

    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_getschedparam(pthread_self(), &policy, &parameter);
    pthread_getaffinity_np(pthread_self(), sizeof set, &set);
    printf("thread %s, policy %d %d, processors %d, first %d\n", name, policy, parameter.sched_priority, CPU_COUNT(&set),
           gettid() == getpid());
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getguardsize(&attributes, &guard);
    pthread_attr_getdetachstate(&attributes, &detached);
    pthread_attr_getscope(&attributes, &scope);
    pthread_attr_getinheritsched(&attributes, &inherits);
    printf("guard %zu, detached %d, scope %d, inherits %d\n", guard, detached, scope, inherits);
    pthread_attr_destroy(&attributes);
    pthread_getattr_default_np(&attributes);
    pthread_attr_getstacksize(&attributes, &size);
    printf("stacks of %zu\n", size);
    pthread_attr_destroy(&attributes);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    printf("cancel state %d, processors %ld, smallest stack %ld\n", state, sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_THREAD_STACK_MIN));
}

static void show_all(const char *who)
{
    printf("---- %s\n", who);
    show_signals();
    show_descriptors();
    show_process();
    show_thread();
}

int main(int argc, char **argv)
{
    int number, argument, status = -1;
    pid_t child;

    /* The first thing of all: what libc and the kernel have left behind. */
    printf("errno %d\n", errno);
    for (argument = 1; argument < argc; argument++)
        printf("argument %s\n", argv[argument]);
    show_all("at first");
    for (number = -1; number <= 66; number++) {
        try_sigaction(number);
        try_functions(number);
    }
    show_all("at last");
    fflush(stdout);
    child = fork();
    if (child == 0) {
        show_all("child");
        for (number = 1; number <= 66; number += 5)
            try_functions(number);
        fflush(stdout);
        _exit(3);
    }
    waitpid(child, &status, 0);
    printf("child ended with %x\n", status);
    return 0;
}
