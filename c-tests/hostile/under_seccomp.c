/* CFLAGS: -D_GNU_SOURCE */
/* Runs a program in a sandbox that refuses system calls: under_seccomp NAME=ANSWER... -- PROGRAM ARGUMENT...
 * An answer is the name of an error, or kill. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where `bits` are given, only calls are refused that have all of them in that argument. */
static const struct {
    const char *name;
    unsigned number, argument, bits;
} calls[] = {
    { "clone3=", SYS_clone3, 0, 0 },
    { "close_range=", SYS_close_range, 0, 0 },
    { "execveat=", SYS_execveat, 0, 0 },
    { "faccessat2=", SYS_faccessat2, 0, 0 },
    { "fchmod=", SYS_fchmod, 0, 0 },
    { "flock=", SYS_flock, 0, 0 },
    { "futex_waitv=", 449, 0, 0 },
    { "getrandom=", SYS_getrandom, 0, 0 },
    { "inotify_init1=", SYS_inotify_init1, 0, 0 },
#ifdef SYS_link
    { "link=", SYS_link, 0, 0 },
#else
    { "link=", SYS_linkat, 0, 0 },
#endif
    { "linkat=", SYS_linkat, 0, 0 },
    { "memfd_create=", SYS_memfd_create, 0, 0 },
    { "openat2=", SYS_openat2, 0, 0 },
    { "pidfd_getfd=", SYS_pidfd_getfd, 0, 0 },
    { "pidfd_open=", SYS_pidfd_open, 0, 0 },
    { "pidfd_send_signal=", SYS_pidfd_send_signal, 0, 0 },
    { "renameat2=", SYS_renameat2, 0, 0 },
    { "rseq=", SYS_rseq, 0, 0 },
    { "rt_tgsigqueueinfo=", SYS_rt_tgsigqueueinfo, 0, 0 },
    { "socket=", SYS_socket, 0, 0 },
    { "statx=", SYS_statx, 0, 0 },
    { "tgkill=", SYS_tgkill, 0, 0 },
    { "tmpfile=", SYS_openat, 2, O_TMPFILE },
#ifdef SYS_unlink
    { "unlink=", SYS_unlink, 0, 0 },
#endif
    { "unlinkat=", SYS_unlinkat, 0, 0 },
    { "unshare=", SYS_unshare, 0, 0 },
    { "wipeonfork=", SYS_madvise, 2, MADV_WIPEONFORK },
};

static unsigned answer(const char *word)
{
    static const struct {
        const char *name;
        unsigned number;
    } errors[] = {
        { "EBUSY", EBUSY }, { "EINVAL", EINVAL }, { "ENOSYS", ENOSYS }, { "EOPNOTSUPP", EOPNOTSUPP }, { "EPERM", EPERM },
    };
    size_t at;

    for (at = 0; at < sizeof errors / sizeof errors[0]; at++)
        if (strcmp(word, errors[at].name) == 0)
            return SECCOMP_RET_ERRNO | errors[at].number;
    return SECCOMP_RET_KILL_PROCESS;
}

/* Adds what refuses a call, and returns where the program goes on. */
static struct sock_filter *refuse(struct sock_filter *at, size_t call, unsigned with)
{
    const unsigned number = calls[call].number, bits = calls[call].bits;
    const unsigned argument = offsetof(struct seccomp_data, args) + 8 * calls[call].argument;

    *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, bits == 0 ? 1 : 4);
    if (bits != 0) {
        *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument);
        *at++ = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, bits);
        *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1);
    }
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, with);
    return at;
}

int main(int argc, char **argv)
{
    enum { MOST = 40 };
    struct sock_filter filter[6 * MOST + 1], *at = filter;
    struct sock_fprog program = { .filter = filter };
    int argument;
    size_t call;

    for (argument = 1; argument < argc && strcmp(argv[argument], "--") != 0; argument++) {
        for (call = 0; call < sizeof calls / sizeof calls[0]; call++)
            if (strncmp(argv[argument], calls[call].name, strlen(calls[call].name)) == 0)
                break;
        if (call == sizeof calls / sizeof calls[0] || argument > MOST)
            return fprintf(stderr, "under_seccomp: what is %s?\n", argv[argument]), 99;
        at = refuse(at, call, answer(argv[argument] + strlen(calls[call].name)));
    }
    if (argument + 1 >= argc)
        return fprintf(stderr, "under_seccomp: which program?\n"), 99;
    *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = at - filter;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return perror("seccomp"), 99;
    execv(argv[argument + 1], argv + argument + 1);
    perror(argv[argument + 1]);
    return 99;
}
