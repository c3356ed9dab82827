/* CFLAGS: -D_GNU_SOURCE -Wno-deprecated-declarations */
/* Forks 2,000 children (or as many as its argument says) from the main thread. Meanwhile other threads allocate, set
 * dispositions and start threads of their own, and signals arrive whose handler forks, too. Each child ends in another way;
 * what its parent learns of that is compared. Prints how many were as they should be. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIGRTMAX_NUMBER 64

/* Whether the main thread is inside fork or exit, where only _Fork may interrupt it (signal-safety(7)). */
static volatile sig_atomic_t inside;

static atomic_int done, forked_in_handler, wrong;

static pid_t wait_for_child(pid_t child, int *status)
{
    pid_t pid;

    while ((pid = waitpid(child, status, 0)) < 0 && errno == EINTR)
        continue;
    return pid;
}

static void on_alarm(int number)
{
    int kept = errno, status;
    pid_t child;

    (void)number;
    child = inside ? _Fork() : fork();
    if (child == 0)
        _exit(9);
    if (child < 0 || wait_for_child(child, &status) != child || status != 9 << 8)
        wrong++;
    forked_in_handler++;
    errno = kept;
}

static void *allocate(void *unused)
{
    while (!done) {
        void *volatile block = malloc(100 + (size_t)(rand() % 100000));

        free(block);
    }
    return unused;
}

static void *set_dispositions(void *unused)
{
    while (!done) {
        signal(SIGUSR2, SIG_IGN);
        signal(SIGUSR2, SIG_DFL);
        siginterrupt(SIGUSR2, 1);
    }
    return unused;
}

static void *nothing(void *unused)
{
    return unused;
}

static void *start_threads(void *unused)
{
    pthread_t thread;

    while (!done)
        if (pthread_create(&thread, NULL, nothing, NULL) == 0)
            pthread_join(thread, NULL);
    return unused;
}

/* The wait status with which child number `turn` shall end. */
static int expected(int turn)
{
    static const int statuses[] = { 3 << 8, 4 << 8, SIGTERM, SIGUSR1, SIGABRT, SIGSEGV, 5 << 8, SIGHUP, SIGRTMAX_NUMBER, 0 };

    return statuses[turn % 10];
}

static void end(int turn)
{
    void *volatile block;

    switch (turn % 10) {
    case 0: _exit(3);
    case 1: exit(4);
    case 2: raise(SIGTERM); break;
    case 3:
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR1, SIG_DFL);
        kill(getpid(), SIGUSR1);
        break;
    case 4: abort();
    case 5: *(volatile int *)16 = 1; break;
    case 6: quick_exit(5);
    case 7:
        block = malloc(10000);
        free(block);
        pthread_kill(pthread_self(), SIGHUP);
        break;
    case 8: sigqueue(getpid(), SIGRTMAX_NUMBER, (union sigval){ 0 }); break;
    case 9: execl("/bin/true", "true", (char *)NULL);
    }
    _exit(99);
}

int main(int argc, char **argv)
{
    int turns = argc > 1 ? atoi(argv[1]) : 2000, turn, status, right = 0, at;
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
    struct itimerval once = { { 0, 0 }, { 0, 0 } };
    void *(*const work[])(void *) = { allocate, set_dispositions, start_threads };
    pthread_t threads[3];
    sigset_t alarm;
    pid_t child;

    /* The threads leave the signal to the main thread. */
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarm, NULL);
    for (at = 0; at < 3; at++)
        if (pthread_create(&threads[at], NULL, work[at], NULL) != 0)
            return 98;
    pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    sigaction(SIGALRM, &action, NULL);
    for (turn = 0; turn < turns; turn++) {
        /* One signal a turn, so that the main thread goes on however slow the handler is. */
        once.it_value.tv_usec = 1 + turn * 37 % 3000;
        setitimer(ITIMER_REAL, &once, NULL);
        inside = 1;
        child = fork();
        inside = child == 0;
        if (child == 0) {
            struct itimerval never = { { 0, 0 }, { 0, 0 } };

            setitimer(ITIMER_REAL, &never, NULL);
            end(turn);
        }
        if (child > 0 && wait_for_child(child, &status) == child && (status & ~0x80) == expected(turn))
            right++;
        else
            fprintf(stderr, "turn %d: %x\n", turn, status);
    }
    once.it_value.tv_usec = 0;
    setitimer(ITIMER_REAL, &once, NULL);
    done = 1;
    for (at = 0; at < 3; at++)
        pthread_join(threads[at], NULL);
    printf("%d of %d right, %d wrong in the handler, which %s\n", right, turns, wrong, forked_in_handler ? "ran" : "never ran");
    return wait(NULL) == -1 && errno == ECHILD ? 0 : 1;
}
