/* Becomes a daemon, the way its argument says, and is a service then: says that it is ready, prints a line at SIGHUP, and
 * returns 0 at SIGTERM. Writes a PID file only if it gets a path as its second argument. The file is there then when the process
 * that was started ends: systemd that waits for it forgets to at a daemon-reload. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        abort();
}

/* Only the child returns. */
static void leave_the_parent(int wait_until_ready, int *ready)
{
    int ends[2];
    char byte;

    if (wait_until_ready && pipe(ends) != 0)
        abort();
    switch (fork()) {
    case -1:
        abort();
    case 0:
        if (wait_until_ready) {
            close(ends[0]);
            *ready = ends[1];
        }
        return;
    default:
        if (wait_until_ready && (close(ends[1]) != 0 || read(ends[0], &byte, 1) != 1))
            exit(1);
        exit(0);
    }
}

/* systemd reads the file as soon as it is there: it has to have its line then. */
static int write_pid_file(const char *path)
{
    char new[4096];
    FILE *file;

    snprintf(new, sizeof new, "%s.new", path);
    file = fopen(new, "w");
    if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file) != 0)
        return -1;
    return rename(new, path);
}

/* Only the child returns, which becomes the daemon. Its parent stays until the file is there. */
static void leave_behind_who_waits_for(const char *path)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        abort();
    if (child == 0)
        return;
    if (waitpid(child, &status, 0) != child || status != 0)
        exit(1);
    while (access(path, F_OK) != 0)
        usleep(1000);
    exit(0);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "fork";
    sigset_t signals;
    int signal, ready = -1;
    pid_t parent;

    if (argc > 2)
        leave_behind_who_waits_for(argv[2]);
    if (strcmp(how, "daemon") == 0) {
        if (daemon(0, 1) != 0)
            return 1;
    } else {
        leave_the_parent(strcmp(how, "ready") == 0, &ready);
        if (setsid() < 0 || chdir("/") != 0)
            return 1;
        if (strcmp(how, "double") == 0) {
            parent = getpid();
            leave_the_parent(0, NULL);
            /* systemd learns how a process ends only if that is its child. */
            while (argc > 2 && getppid() == parent)
                usleep(1000);
        }
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (argc > 2 && write_pid_file(argv[2]) != 0)
        return 1;
    say("ready\n");
    if (ready >= 0 && write(ready, "", 1) != 1)
        return 1;
    while (sigwait(&signals, &signal) == 0 && signal != SIGTERM)
        say("reloaded\n");
    return 0;
}
