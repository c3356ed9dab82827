/* CFLAGS: -D_GNU_SOURCE */
/* Runs a program in a sandbox that refuses system calls: under_seccomp NAME=ANSWER... -- PROGRAM ARGUMENT...
 * An answer is ENOSYS, EPERM, or kill. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    { "clone3=", SYS_clone3 },
    { "close_range=", SYS_close_range },
    { "inotify_init1=", SYS_inotify_init1 },
    { "pidfd_getfd=", SYS_pidfd_getfd },
    { "pidfd_open=", SYS_pidfd_open },
    { "rt_tgsigqueueinfo=", SYS_rt_tgsigqueueinfo },
    { "socket=", SYS_socket },
    { "tgkill=", SYS_tgkill },
    { "unshare=", SYS_unshare },
};

static unsigned answer(const char *word)
{
    if (strcmp(word, "ENOSYS") == 0)
        return SECCOMP_RET_ERRNO | ENOSYS;
    if (strcmp(word, "EPERM") == 0)
        return SECCOMP_RET_ERRNO | EPERM;
    return SECCOMP_RET_KILL_PROCESS;
}

int main(int argc, char **argv)
{
    struct sock_filter filter[64] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    struct sock_fprog program = { .len = 1, .filter = filter };
    int argument;
    size_t at;

    for (argument = 1; argument < argc && strcmp(argv[argument], "--") != 0 && program.len < 60; argument++)
        for (at = 0; at < sizeof calls / sizeof calls[0]; at++)
            if (strncmp(argv[argument], calls[at].name, strlen(calls[at].name)) == 0) {
                filter[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[at].number, 0, 1);
                filter[program.len++] =
                    (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer(argv[argument] + strlen(calls[at].name)));
            }
    filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    if (program.len != 2 * argument || argument + 1 >= argc)
        return fprintf(stderr, "under_seccomp: what is that?\n"), 99;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return perror("seccomp"), 99;
    execv(argv[argument + 1], argv + argument + 1);
    perror(argv[argument + 1]);
    return 99;
}
