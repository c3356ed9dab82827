/* Starts a child by system calls alone, with the environment that the kernel has given it, as the runtime of Go does. The new
 * image says whether it has a thread of ours, and what the file holds.
 *
 * argv: when the image begins: "after" the end of the owner, by SIGKILL; at its "end", when the file is gone already, before
 * the owner is. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **given;
static int at_end;

static int show(void)
{
    FILE *file = fopen(getenv("PIDFILE"), "r");
    DIR *tasks = opendir("/proc/self/task");
    char pid[32] = "none\n";
    int threads = -2;

    while (readdir(tasks) != NULL)
        threads++;
    if (file != NULL && fgets(pid, sizeof pid, file) == NULL)
        strcpy(pid, "empty\n");
    printf("threads %d, file %s", threads, atoi(pid) == getpid() ? "its own\n" : pid);
    return 0;
}

static pid_t start(int until)
{
    char *image[] = { (char *)"leaves_unmarked_child", (char *)"show", NULL }, byte;
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

    if (child == 0) {
        /* The other end goes with the owner. */
        while (until >= 0 && read(until, &byte, 1) > 0)
            continue;
        syscall(SYS_execve, "/proc/self/exe", image, given);
        syscall(SYS_exit_group, 99);
    }
    return child;
}

/* What atexit(3) calls, but with no object whose end would call the function earlier. */
int __cxa_atexit(void (*function)(void *), void *argument, void *object);

static void end(void *nothing)
{
    (void)nothing;
    if (at_end)
        waitpid(start(-1), NULL, 0);
}

/* Called before the constructors of all libraries, so that its function is the last one that exit calls. */
static void begin(void)
{
    __cxa_atexit(end, NULL, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*before_all)(void) = begin;

int main(int argc, char **argv)
{
    int ends[2];
    char byte;

    given = argv + argc + 1;
    if (argc > 1 && strcmp(argv[1], "show") == 0)
        return show();
    if (read(STDIN_FILENO, &byte, 1) != 1 || pipe2(ends, O_CLOEXEC) != 0)
        return 1;
    if (argc > 1 && strcmp(argv[1], "end") == 0) {
        at_end = 1;
        return 0;
    }
    /* The child's own end would keep it waiting. */
    if (fork() == 0) {
        close(ends[1]);
        start(ends[0]);
        _exit(0);
    }
    wait(NULL);
    kill(getpid(), SIGKILL);
    return 1;
}
