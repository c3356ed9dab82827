/* Forks a child that confines itself by a filter (seccomp(2)), and says how the child has ended. argv: "prctl" or "seccomp",
 * by which the filter is set; then what the child does in it: "setsid", "exit", "crash", or "wait" for the parent's SIGTERM. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(name, rest) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, rest, 0)

static struct sock_filter only[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    ALLOW(write, 4),
    ALLOW(read, 3),
    ALLOW(exit_group, 2),
    ALLOW(setsid, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static int confine(const char *how)
{
    struct sock_fprog program = { sizeof only / sizeof *only, only };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    if (strcmp(how, "prctl") == 0)
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

int main(int argc, char **argv)
{
    int is_there[2], for_ever[2], status;
    pid_t child;
    char byte;

    if (argc < 3 || pipe(is_there) != 0 || pipe(for_ever) != 0)
        return 99;
    child = fork();
    if (child == 0) {
        if (confine(argv[1]) != 0 || write(is_there[1], "", 1) != 1)
            _exit(98);
        if (strcmp(argv[2], "setsid") == 0)
            setsid();
        if (strcmp(argv[2], "wait") == 0 && read(for_ever[0], &byte, 1) != 0)
            _exit(97);
        if (strcmp(argv[2], "crash") == 0)
            *(volatile int *)8 = 0;
        _exit(7);
    }
    if (read(is_there[0], &byte, 1) != 1)
        return 96;
    if (strcmp(argv[2], "wait") == 0)
        kill(child, SIGTERM);
    if (waitpid(child, &status, 0) != child)
        return 95;
    printf("%s %d\n", WIFSIGNALED(status) ? "signal" : "status",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 0;
}
