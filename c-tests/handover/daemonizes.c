/* Becomes a daemon by the steps that its arguments name, one after the other, and is a service then.
 *
 * Whoever goes on after a fork says "process PID". Once it is a service, whose descriptors may all be closed by then, it
 * calls itself "at work" (/proc/PID/comm). A service returns 0 at SIGINT, leaves by _exit(3) at SIGQUIT, calls exec on itself
 * at SIGHUP, and begins anew in a child at SIGUSR2. SIGTERM has its default action. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "until_eof.h"

static char *program;
static const char *leaving = "exit", *waiting = "";
/* How the launcher is told that its daemon is ready: by a byte, or a signal. */
static int ready = -1;
static pid_t launcher;
static pid_t parent;
/* Where we speak; daemons redirect stdout. */
static int out;

static int is(const char *what, const char *name)
{
    return strcmp(what, name) == 0;
}

static void must(int succeed, const char *what)
{
    if (!succeed) {
        perror(what);
        _exit(99);
    }
}

static void say(const char *what, pid_t pid)
{
    dprintf(out, "%s %d\n", what, (int)pid);
}

/* Only comes back where main is to return. */
static int leave(void)
{
    if (is(leaving, "_exit"))
        _exit(0);
    if (is(leaving, "quick_exit"))
        quick_exit(0);
    if (is(leaving, "SIGTERM")) {
        kill(getpid(), SIGTERM);
        pause();
    }
    if (is(leaving, "exit"))
        exit(0);
    return 0;
}

#include "daemonizes/steps.h"

static void *be_told_in_a_thread(void *unused)
{
    wait_for_eof();
    return unused;
}

/* The first thread leaves, once another one is there for the rest. */
static void leave_it_to_a_thread(void)
{
    pthread_t thread;

    must(pthread_create(&thread, NULL, be_told_in_a_thread, NULL) == 0, "pthread_create");
    pthread_exit(NULL);
}

static void caught(int signal)
{
    (void)signal;
    say("caught by", getpid());
}

static void block_signals(int how)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    sigprocmask(how, &signals, NULL);
}

static int serve(void)
{
    char *again[] = { program, NULL };
    sigset_t signals;
    int signal;

    block_signals(SIG_BLOCK);
    prctl(PR_SET_NAME, "at work");
    be_ready();
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR2);
    for (;;) {
        sigwait(&signals, &signal);
        if (signal == SIGINT)
            return 0;
        if (signal == SIGQUIT)
            _exit(3);
        prctl(PR_SET_NAME, "not at work");
        if (signal == SIGHUP)
            run(again);
        if (signal == SIGUSR2) {
            waiting = "pipe";
            if (be_two())
                return 0;
            must(setsid() >= 0, "setsid");
            prctl(PR_SET_NAME, "at work");
            be_ready();
        }
    }
}

int main(int argc, char **argv)
{
    const char *state = getenv("DAEMONIZES");
    char **next;

    (void)argc;
    program = argv[0];
    /* So that all of them can be waited for. */
    block_signals(SIG_BLOCK);
    signal(SIGPIPE, SIG_IGN);
    if (!state || sscanf(state, "%d %d %d", &out, &ready, &launcher) != 3)
        out = fcntl(STDOUT_FILENO, F_DUPFD, 100);

    for (next = argv + 1; *next; next++) {
        const char *step = *next;

        if (is(step, "leave by"))
            leaving = *++next;
        else if (is(step, "wait for"))
            waiting = *++next;
        else if (is(step, "fork")) {
            if (be_two())
                return leave();
        } else if (is(step, "setsid"))
            must(setsid() >= 0, step);
        else if (is(step, "setsid, unseen"))
            must(syscall(SYS_setsid) >= 0, step);
        else if (is(step, "setsid, by a module"))
            must(begin_session_by(*++next) >= 0, step);
        else if (is(step, "daemon(0, 0)") || is(step, "daemon(1, 1)")) {
            parent = getpid();
            must(daemon(step[7] - '0', step[7] - '0') == 0, step);
            say("process", getpid());
        } else if (is(step, "worker"))
            start_worker(0, (char *[]) { NULL });
        else if (is(step, "helper"))
            start_worker(0, (char *[]) { "sleep", "1000", NULL });
        else if (is(step, "backend"))
            start_worker(1, (char *[]) { NULL });
        else if (is(step, "pane"))
            start_worker(1, (char *[]) { "sleep", "1000", NULL });
        else if (is(step, "be large"))
            be_large();
        else if (is(step, "be in many pieces"))
            be_in_many_pieces();
        else if (is(step, "system()"))
            must(system("exit 3") == 3 << 8, step);
        else if (is(step, "thread"))
            start_thread();
        else if (is(step, "drop root"))
            drop_root();
        else if (is(step, "lend root"))
            must(setegid(65534) == 0 && seteuid(65534) == 0, step);
        else if (is(step, "take root"))
            must(seteuid(0) == 0 && setegid(0) == 0, step);
        else if (is(step, "ask for filters"))
            must(prctl(PR_SET_SECCOMP, 2, NULL, 0, 0) == -1, step);
        else if (is(step, "be dumpable"))
            must(prctl(PR_SET_DUMPABLE, 1) == 0, step);
        else if (is(step, "chroot"))
            must(chroot(*++next) == 0 && chdir("/") == 0, step);
        else if (is(step, "close all"))
            must(close_range(0, ~0U, 0) == 0, step);
        else if (is(step, "write PID file")) {
            write_pidfile(next[1], next[2]);
            next += 2;
        } else if (is(step, "move environment"))
            move_environment();
        else if (is(step, "be told"))
            wait_for_eof();
        else if (is(step, "leave"))
            return leave();
        else if (is(step, "leave it to a thread"))
            leave_it_to_a_thread();
        else if (is(step, "catch SIGTERM"))
            signal(SIGTERM, caught);
        else if (is(step, "have no signals"))
            block_signals(SIG_UNBLOCK);
        else if (is(step, "forget children"))
            signal(SIGCHLD, SIG_IGN);
        else if (is(step, "no more processes"))
            must(setrlimit(RLIMIT_NPROC, &(struct rlimit) { 0, 0 }) == 0, step);
        else if (is(step, "no more memory"))
            must(setrlimit(RLIMIT_AS, &(struct rlimit) { 0, 0 }) == 0, step);
        else if (is(step, "no more descriptors"))
            must(setrlimit(RLIMIT_NOFILE, &(struct rlimit) { 0, 0 }) == 0, step);
        else if (is(step, "be orphaned"))
            while (getppid() == parent)
                usleep(500);
        else if (is(step, "exec itself"))
            run_itself(next + 1);
        else if (is(step, "exec")) {
            if (ready >= 0)
                fcntl(ready, F_SETFD, FD_CLOEXEC);
            run(next + 1);
        } else {
            fprintf(stderr, "what is \"%s\"?\n", step);
            return 99;
        }
    }
    return serve();
}
