/* Becomes itself again, or starts itself, by one of the functions that do so. The new image says what it was called with and
 * what LIBPIDFILE_MARK tells it.
 *
 * argv: function; who calls it: "itself", "thread" or "handler" on 16 KiB of stack, "fork", "vfork", "clone", "daemon"; how many
 * variables there are besides; how many bytes one of them has. Owners go on in the new image: it says that it is ready and
 * returns 0 at the end of its input. Children return 0 at once, and then the owner says that it is ready. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "until_eof.h"

static const char *function;
static char *self, *image[4], **vector;
static sigset_t none;

static int is(const char *what, const char *name)
{
    return strcmp(what, name) == 0;
}

static void run(void)
{
    char command[PATH_MAX + 32];
    pid_t child = -1;
    int status = 0;

    if (is(function, "execve"))
        execve(self, image, vector);
    if (is(function, "execv"))
        execv(self, image);
    if (is(function, "execvp"))
        execvp(self, image);
    if (is(function, "execvpe"))
        execvpe(self, image, vector);
    if (is(function, "execl"))
        execl(self, image[0], image[1], image[2], (char *)NULL);
    if (is(function, "execlp"))
        execlp(self, image[0], image[1], image[2], (char *)NULL);
    if (is(function, "execle"))
        execle(self, image[0], image[1], image[2], (char *)NULL, vector);
    if (is(function, "fexecve"))
        fexecve(open(self, O_RDONLY), image, vector);
    if (is(function, "execveat"))
        execveat(AT_FDCWD, self, image, vector, 0);
    if (is(function, "raw"))
        syscall(SYS_execve, self, image, vector);
    if (is(function, "posix_spawn"))
        errno = posix_spawn(&child, self, NULL, NULL, image, vector);
    else if (is(function, "posix_spawnp"))
        errno = posix_spawnp(&child, self, NULL, NULL, image, vector);
    else if (is(function, "system") || is(function, "popen")) {
        snprintf(command, sizeof command, "%s again %s", self, image[2]);
        fflush(stdout);
        status = is(function, "system") ? system(command) : pclose(popen(command, "w"));
        if (status != 0)
            printf("%s: %#x\n", function, (unsigned)status);
        return;
    } else
        printf("%s: %s\n", function, strerror(errno));
    if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
        printf("%s: %#x\n", function, (unsigned)status);
}

static void *in_thread(void *nothing)
{
    run();
    return nothing;
}

static void handler(int signal)
{
    (void)signal;
    sigprocmask(SIG_SETMASK, &none, NULL);
    run();
}

static void start(const char *who)
{
    static char stack[16 * 1024];
    pthread_attr_t attributes;
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    pthread_t thread;
    pid_t child = -1;
    int status, ends[2];
    char byte;

    if (is(who, "itself"))
        run();
    else if (is(who, "thread")) {
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 16 * 1024);
        if (pthread_create(&thread, &attributes, in_thread, NULL) != 0)
            abort();
        pthread_join(thread, NULL);
    } else if (is(who, "handler")) {
        sigaltstack(&alternate, NULL);
        sigaction(SIGUSR1, &action, NULL);
        raise(SIGUSR1);
    } else if (is(who, "daemon")) {
        if (pipe2(ends, O_CLOEXEC) != 0)
            abort();
        if (fork() == 0) {
            setsid();
            run();
            _exit(99);
        }
        /* The other end goes with the child's first image. */
        close(ends[1]);
        exit((int)read(ends[0], &byte, 1));
    } else {
        child = is(who, "vfork") ? vfork() : is(who, "fork") ? fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            run();
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child || status != 0)
            printf("child: %#x\n", (unsigned)status);
    }
}

static int again(const char *who)
{
    const char *variable = getenv("LIBPIDFILE_MARK");
    const char *pid = variable != NULL ? strchr(variable, ':') + 1 : NULL;
    int becomes = is(who, "itself") || is(who, "thread") || is(who, "handler") || is(who, "daemon");

    if (variable == NULL)
        puts("no variable");
    else
        printf("%.*s of %s\n", (int)(pid - 1 - variable), variable, atoi(pid) == getpid() ? "itself" : "another");
    fflush(stdout);
    return becomes ? ready_until_eof() : 0;
}

int main(int argc, char **argv)
{
    long more = argc > 3 ? atol(argv[3]) : 0, size = argc > 4 ? atol(argv[4]) : 0, at;
    char name[32], *large, byte;

    if (argc > 2 && is(argv[1], "again"))
        return again(argv[2]);
    if (argc < 3 || read(STDIN_FILENO, &byte, 1) != 1)
        return 1;
    function = argv[1];
    /* A new image by posix_spawn and the like is a child whoever asks for it. */
    image[0] = self = realpath("/proc/self/exe", NULL);
    image[1] = (char *)"again";
    image[2] = strncmp(function, "posix", 5) == 0 || is(function, "system") || is(function, "popen") ? (char *)"child" : argv[2];
    for (at = 0; at < more; at++) {
        snprintf(name, sizeof name, "MORE_%ld", at);
        setenv(name, "x", 1);
    }
    if (size > 0) {
        large = malloc((size_t)size + 1);
        memset(large, 'x', (size_t)size);
        large[size] = 0;
        setenv("LARGE", large, 1);
    }
    vector = environ;
    start(argv[2]);
    return ready_until_eof();
}
