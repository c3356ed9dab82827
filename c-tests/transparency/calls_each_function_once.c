/* Calls each function that the library interposes once, in a forked child. A tracer can tell the calls apart, since close(-7)
 * comes before each. The first argument is "all" or "all but setsid", the second a directory to work in. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef void (*handler_t)(int);
extern handler_t bsd_signal(int, handler_t);
extern handler_t __sysv_signal(int, handler_t);
extern int capset(void *, const void *);

#define CALL(call)                                                                                                             \
    do {                                                                                                                       \
        syscall(SYS_close, -7);                                                                                                \
        (void)!(call);                                                                                                         \
    } while (0)

int main(int argc, char **argv)
{
    int begins_session = argc == 3 && strcmp(argv[1], "all") == 0;
    char *nothing[] = {NULL}, *volatile block;
    pid_t started, child;
    int status;

    if (argc != 3 || chdir(argv[2]) != 0)
        return 99;
    /* There is a heap by now, for whoever needs one. */
    block = malloc(1000);
    free(block);
    close(open("file", O_WRONLY | O_CREAT, 0600));
    child = fork();
    if (child == 0) {
        struct sigaction action;
        int fd = open("file", O_RDWR);

        memset(&action, 0, sizeof action);
        CALL(unlink("missing"));
        CALL(unlinkat(AT_FDCWD, "missing", 0));
        CALL(remove("missing"));
        CALL(rename("missing", "other"));
        CALL(renameat(AT_FDCWD, "missing", AT_FDCWD, "other"));
        CALL(flock(fd, LOCK_EX));
        CALL(flock(fd, LOCK_EX | LOCK_NB));
        CALL(flock(fd, LOCK_UN));
        CALL(execve("missing", nothing, nothing));
        CALL(execv("missing", nothing));
        CALL(execvp("./missing", nothing));
        CALL(execvpe("./missing", nothing, nothing));
        CALL(execl("missing", "missing", (char *)NULL));
        CALL(execlp("./missing", "missing", (char *)NULL));
        CALL(execle("missing", "missing", (char *)NULL, nothing));
        CALL(fexecve(fd, nothing, nothing));
        CALL(execveat(AT_FDCWD, "missing", nothing, nothing, 0));
        CALL(posix_spawn(&started, "missing", NULL, NULL, nothing, nothing));
        CALL(posix_spawnp(&started, "./missing", NULL, NULL, nothing, nothing));
        CALL(prctl(PR_SET_NAME, "a child"));
        CALL(capset(NULL, NULL));
        CALL(pthread_atfork(NULL, NULL, NULL));
        CALL(signal(SIGTERM, SIG_DFL) == SIG_ERR);
        CALL(signal(SIGTERM, SIG_IGN) == SIG_ERR);
        CALL(bsd_signal(SIGINT, SIG_DFL) == SIG_ERR);
        CALL(ssignal(SIGUSR1, SIG_DFL) == SIG_ERR);
        CALL(sysv_signal(SIGUSR2, SIG_DFL) == SIG_ERR);
        CALL(__sysv_signal(SIGHUP, SIG_DFL) == SIG_ERR);
        CALL(sigset(SIGTERM, SIG_DFL) == SIG_ERR);
        CALL(siginterrupt(SIGTERM, 1));
        CALL(sigaction(SIGTERM, NULL, &action));
        CALL(sigaction(SIGTERM, &action, NULL));
        CALL(setgroups(0, NULL));
        CALL(setregid(0, 0));
        CALL(setresgid(0, 0, 0));
        CALL(setegid(0));
        CALL(setgid(0));
        CALL(setreuid(0, 0));
        CALL(setresuid(0, 0, 0));
        CALL(seteuid(0));
        CALL(setuid(0));
        CALL(initgroups("nobody", 65534));
        if (begins_session)
            CALL(setsid());
        CALL(write(-1, "", 0));
        syscall(SYS_close, -7);
        if (begins_session)
            _exit(7);
        _Exit(7);
    }
    return waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7;
}
