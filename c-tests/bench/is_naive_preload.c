/* CFLAGS: -fPIC -D_GNU_SOURCE */
/* LDFLAGS: -shared */
/* A library that anybody would write in an afternoon, for the same promise. A constructor writes and locks the PID file. A
 * thread watches it by inotify and sends SIGTERM when it is deleted. atexit(3) and handlers for three signals remove it. It
 * is what ours is measured against; it keeps none of the promises that a program notices. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <unistd.h>

static const char *path;
static pid_t owner;
static int notifier;
static volatile sig_atomic_t ends;

static void remove_file(void)
{
    if (getpid() == owner) {
        ends = 1;
        unlink(path);
    }
}

static void on_signal(int number)
{
    remove_file();
    signal(number, SIG_DFL);
    raise(number);
}

static void *watch(void *nothing)
{
    char events[4096];
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (read(notifier, events, sizeof events) > 0)
        if (!ends && access(path, F_OK) != 0) {
            kill(owner, SIGTERM);
            break;
        }
    return nothing;
}

__attribute__((constructor)) static void start(void)
{
    static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned i;
    int file;

    path = getenv("PIDFILE");
    if (!path)
        return;
    owner = getpid();
    file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0 || ftruncate(file, 0) != 0)
        return;
    dprintf(file, "%d\n", (int)owner);
    notifier = inotify_init1(IN_CLOEXEC);
    inotify_add_watch(notifier, path, IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
    atexit(remove_file);
    for (i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], on_signal);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    pthread_create(&thread, &attributes, watch, NULL);
}
