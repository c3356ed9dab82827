/* Calls each function that the library interposes in the directory that is the argument: with arguments that are valid, that
 * are not, and where something is exhausted. Prints what each call returns, and its errno. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef void (*handler_t)(int);
extern handler_t bsd_signal(int, handler_t);
extern handler_t __sysv_signal(int, handler_t);
extern int capset(void *, const void *);

#define UNTOUCHED 77

/* The compiler knows that these are no paths. */
static char *volatile null = NULL, *volatile bad = (char *)1;
static char too_long[5000];

#define SAY(call)                                                                                                              \
    do {                                                                                                                       \
        errno = UNTOUCHED;                                                                                                     \
        long result = (long)(call);                                                                                            \
        int why = errno;                                                                                                       \
        printf("%s = %s, errno %d\n", #call, show(result), why);                                                               \
        fflush(stdout);                                                                                                        \
    } while (0)

static void handle(int signal)
{
    (void)signal;
}

/* A handler by name: addresses are not the same twice. */
static const char *show(long result)
{
    static char text[32];

    if (result == (long)handle)
        return "the handler";
    snprintf(text, sizeof text, "%ld", result);
    return text;
}

static void make(const char *name)
{
    close(open(name, O_WRONLY | O_CREAT, 0600));
}

static void files(void)
{
    const char *const paths[] = {null, bad, "", "missing", "missing/file", "file/below", "directory", "full", too_long};
    unsigned i;
    int fd;

    mkdir("full", 0700);
    make("full/file");
    for (i = 0; i < sizeof paths / sizeof *paths; i++) {
        const char *path = paths[i];

        make("file");
        mkdir("directory", 0700);
        printf("-- path %u\n", i);
        SAY(unlink(path));
        SAY(unlinkat(AT_FDCWD, path, 0));
        SAY(unlinkat(AT_FDCWD, path, AT_REMOVEDIR));
        SAY(unlinkat(AT_FDCWD, path, 1 << 30));
        SAY(unlinkat(-1, path, 0));
        SAY(remove(path));
        SAY(rename(path, "other"));
        SAY(rename("file", path));
        SAY(renameat(AT_FDCWD, path, AT_FDCWD, "other"));
        SAY(renameat(-1, path, AT_FDCWD, "other"));
        SAY(renameat(AT_FDCWD, "other", AT_FDCWD, path));
    }
    make("file");
    SAY(rename("file", "file"));
    SAY(rename("file", "moved"));
    SAY(unlink("moved"));
    make("file");
    SAY(remove("file"));
    mkdir("directory", 0700);
    SAY(remove("directory"));

    make("file");
    fd = open("file", O_RDWR);
    SAY(flock(-1, LOCK_EX));
    SAY(flock(999, LOCK_EX | LOCK_NB));
    SAY(flock(fd, 0));
    SAY(flock(fd, 99));
    SAY(flock(fd, LOCK_NB));
    SAY(flock(fd, LOCK_SH));
    SAY(flock(fd, LOCK_EX | LOCK_NB));
    SAY(flock(open("file", O_RDWR), LOCK_EX | LOCK_NB));
    SAY(flock(open("file", O_RDWR), LOCK_SH | LOCK_NB));
    SAY(flock(fd, LOCK_UN));
    SAY(flock(open("file", O_RDWR), LOCK_EX));
    SAY(flock(open("/dev/null", O_RDONLY), LOCK_EX | LOCK_NB));
}

/* What else was set together with the default means nothing, and is not kept. */
static void show_disposition(int signal)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    if (sigaction(signal, NULL, &action) != 0 || action.sa_handler == SIG_DFL)
        return;
    printf("   %s, flags %x, mask %lx\n", show((long)action.sa_handler), (unsigned)action.sa_flags & ~0x04000000u,
           *(unsigned long *)&action.sa_mask);
}

static void signals(void)
{
    static const int all[] = {-1, 0, SIGTERM, SIGUSR1, SIGSEGV, SIGCHLD, SIGKILL, SIGSTOP, 32, 33, 34, 64, 65, 1000};
    const handler_t handlers[] = {SIG_DFL, SIG_IGN, handle, SIG_ERR, SIG_DFL};
    unsigned i, j;

    for (i = 0; i < sizeof all / sizeof *all; i++)
        for (j = 0; j < sizeof handlers / sizeof *handlers; j++) {
            int signal_number = all[i];
            handler_t wanted = handlers[j];
            struct sigaction action;

            memset(&action, 0, sizeof action);
            action.sa_handler = wanted;
            action.sa_flags = SA_NODEFER | SA_RESETHAND;
            printf("-- signal %d, handler %u\n", signal_number, j);
            SAY(signal(signal_number, wanted));
            show_disposition(signal_number);
            SAY(siginterrupt(signal_number, 1));
            show_disposition(signal_number);
            SAY(bsd_signal(signal_number, wanted));
            show_disposition(signal_number);
            SAY(siginterrupt(signal_number, 0));
            SAY(ssignal(signal_number, wanted));
            SAY(sysv_signal(signal_number, wanted));
            show_disposition(signal_number);
            SAY(__sysv_signal(signal_number, wanted));
            SAY(sigset(signal_number, wanted));
            show_disposition(signal_number);
            if (wanted != SIG_ERR) {
                SAY(sigaction(signal_number, &action, NULL));
                show_disposition(signal_number);
            }
            SAY(sigaction(signal_number, NULL, NULL));
        }
    SAY(sigset(SIGUSR2, SIG_HOLD));
    SAY(sigset(SIGUSR2, SIG_HOLD));
    SAY(sigset(SIGUSR2, handle));
    SAY(sigset(SIGUSR2, SIG_DFL));
}

/* daemon(3) with no descriptor to be had. */
static void daemons(void)
{
    int tell[2], i;
    char byte;

    for (i = 0; i < 2; i++) {
        pid_t child;

        fflush(stdout);
        if (pipe(tell) != 0)
            return;
        child = fork();
        if (child == 0) {
            struct rlimit none = {0, 0};

            close(tell[0]);
            SAY(setsid() > 0);
            SAY(setsid() > 0);
            setrlimit(RLIMIT_NOFILE, &none);
            SAY(daemon(1, i));
            _exit(0);
        }
        close(tell[1]);
        waitpid(child, NULL, 0);
        while (read(tell[0], &byte, 1) > 0)
            continue;
        close(tell[0]);
    }
}

static void users(void)
{
    gid_t groups[1] = {65534};
    gid_t *volatile nowhere = (gid_t *)1;

    SAY(setuid((uid_t)-1));
    SAY(setgid((gid_t)-1));
    SAY(seteuid((uid_t)-1));
    SAY(setegid((gid_t)-1));
    SAY(setreuid((uid_t)-1, (uid_t)-1));
    SAY(setregid((gid_t)-1, (gid_t)-1));
    SAY(setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1));
    SAY(setresgid((gid_t)-1, (gid_t)-1, (gid_t)-1));
    SAY(setgroups(1 << 20, groups));
    SAY(setgroups(1, nowhere));
    SAY(initgroups("nobody", 65534));
    SAY(setgroups(1, groups));
    SAY(setegid(65534));
    SAY(setresgid(65534, 65534, 65534));
    SAY(seteuid(65534));
    SAY(seteuid(0));
    SAY(setresuid(65534, 65534, 65534));
    SAY(setuid(0));
    SAY(seteuid(0));
    SAY(setreuid(0, 0));
    SAY(setresuid(0, 0, 0));
    SAY(setgid(0));
    SAY(setegid(0));
    SAY(setregid(0, 0));
    SAY(setgroups(1, groups));
    SAY(initgroups("nobody", 65534));
}

static void others(void)
{
    SAY(prctl(-1));
    SAY(prctl(PR_SET_NAME, bad));
    SAY(prctl(PR_SET_NAME, "a name"));
    SAY(prctl(PR_GET_SECCOMP));
    SAY(prctl(PR_SET_SECCOMP, 2, bad));
    SAY(prctl(PR_SET_SECCOMP, 99, null));
    SAY(prctl(59, 99, 0, 0, 0));
    SAY(capset(null, null));
    SAY(capset(bad, bad));
    SAY(pthread_atfork(NULL, NULL, NULL));
}

int main(int argc, char **argv)
{
    if (argc != 2 || chdir(argv[1]) != 0)
        return 99;
    memset(too_long, 'x', sizeof too_long - 1);
    files();
    signals();
    daemons();
    others();
    users();
    return 0;
}
