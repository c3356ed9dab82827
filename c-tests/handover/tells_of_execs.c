/* CFLAGS: -fPIC */
/* LDFLAGS: -shared */
/* A library for LD_PRELOAD that logs commands: it says on stderr by which function a program becomes another or starts one.
 * Then it goes on to the next definition of that function. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))(long)dlsym(RTLD_NEXT, #name)

static void tell(const char *name)
{
    if (write(2, name, strlen(name)) < 0)
        _exit(98);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    NEXT(execve);
    tell("told execve\n");
    return next(path, argv, envp);
}

int execv(const char *path, char *const argv[])
{
    NEXT(execv);
    tell("told execv\n");
    return next(path, argv);
}

int execvp(const char *file, char *const argv[])
{
    NEXT(execvp);
    tell("told execvp\n");
    return next(file, argv);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    NEXT(execvpe);
    tell("told execvpe\n");
    return next(file, argv, envp);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    NEXT(fexecve);
    tell("told fexecve\n");
    return next(fd, argv, envp);
}

int execveat(int directory, const char *path, char *const argv[], char *const envp[], int flags)
{
    NEXT(execveat);
    tell("told execveat\n");
    return next(directory, path, argv, envp, flags);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                char *const argv[], char *const envp[])
{
    NEXT(posix_spawn);
    tell("told posix_spawn\n");
    return next(pid, path, actions, attributes, argv, envp);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
                 char *const argv[], char *const envp[])
{
    NEXT(posix_spawnp);
    tell("told posix_spawnp\n");
    return next(pid, file, actions, attributes, argv, envp);
}
