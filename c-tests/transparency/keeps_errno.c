/* Says what is in errno and which signals are blocked after calls that succeed: keeps_errno PATH. The file there is of its
 * own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#define AFTER(call)                                                       \
    do {                                                                  \
        int result, after;                                                \
                                                                          \
        errno = 99;                                                       \
        result = (int)(call);                                             \
        after = errno;                                                    \
        printf("%s: %s, errno %d", #call, result < 0 ? "failed" : "done", after); \
        show_mask();                                                      \
    } while (0)

static void show_mask(void)
{
    sigset_t blocked;
    int number;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    printf(", blocked");
    for (number = 1; number <= 64; number++)
        if (sigismember(&blocked, number) == 1)
            printf(" %d", number);
    puts("");
}

int main(int argc, char **argv)
{
    sigset_t some;
    char other[4096];
    int fd, status;
    pid_t child;

    if (argc != 2)
        return 1;
    snprintf(other, sizeof other, "%s.old", argv[1]);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigprocmask(SIG_SETMASK, &some, NULL);
    AFTER(fd = open(argv[1], O_RDWR | O_CREAT, 0644));
    AFTER(flock(fd, LOCK_EX));
    AFTER(setgid(getgid()));
    AFTER(setuid(getuid()));
    AFTER(signal(SIGTERM, SIG_DFL) == SIG_ERR);
    fflush(stdout);
    AFTER(child = fork());
    if (child == 0) {
        AFTER(setsid());
        AFTER(unlink(argv[1]));
        fflush(stdout);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        return 2;
    AFTER(fd = open(argv[1], O_RDWR | O_CREAT, 0644));
    AFTER(rename(argv[1], other));
    AFTER(unlinkat(AT_FDCWD, other, 0));
    return 0;
}
