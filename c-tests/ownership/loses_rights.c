/* CFLAGS: -D_GNU_SOURCE */
/* Gives up rights in this order: loses_rights WHAT... [-- PROGRAM ARGUMENT...]; then becomes that program, or says that it
 * is ready and returns 0 at the end of its input.
 *
 * told                waits for a byte of its input first
 * group=N user=N      root's rights
 * capabilities        all, in this thread, by the system call
 * chroot=DIR          the root directory
 * pivot=DIR           the same with all mounts; takes a mount namespace that it may change
 * mounts=DIR          sees a mount namespace of its own from now on, in which DIR is empty
 * no-removal          by a seccomp filter of this thread: no file can be removed
 * no-removal-by-all   by one for all threads
 * strict              seccomp's strict mode, in this thread: read, write, and end this thread
 * landlock            no file can be changed, made or removed; on a kernel without Landlock nothing happens
 * landlock-removal    no file can be removed */
#include <errno.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "until_eof.h"

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

    return (int)syscall(SYS_capset, &header, none);
}

static int pivot(const char *directory)
{
    return mount(directory, directory, NULL, MS_BIND, NULL) || chdir(directory) || syscall(SYS_pivot_root, ".", ".")
        || umount2(".", MNT_DETACH) || chdir("/");
}

static int hide(const char *directory)
{
    return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)
        || mount("tmpfs", directory, "tmpfs", 0, NULL);
}

static int refuse_removal(unsigned flags)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_unlink
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unlink, 1, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unlinkat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof filter / sizeof filter[0], .filter = filter };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static int restrict_files(__u64 refused)
{
    struct landlock_ruleset_attr rules = { .handled_access_fs = refused };
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules.handled_access_fs, 0);

    if (ruleset < 0)
        return errno != ENOSYS && errno != EOPNOTSUPP;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_landlock_restrict_self, ruleset, 0) || close(ruleset);
}

/* Whether it could not be done. */
static int lose(const char *what)
{
    const char *with = strchr(what, '=') ? strchr(what, '=') + 1 : "";
    char byte;

    if (strcmp(what, "told") == 0)
        return read(STDIN_FILENO, &byte, 1) != 1;
    if (strncmp(what, "group=", 6) == 0)
        return setgroups(0, NULL) || setgid((gid_t)atoi(with));
    if (strncmp(what, "user=", 5) == 0)
        return setuid((uid_t)atoi(with));
    if (strcmp(what, "capabilities") == 0)
        return drop_capabilities();
    if (strncmp(what, "chroot=", 7) == 0)
        return chroot(with) || chdir("/");
    if (strncmp(what, "pivot=", 6) == 0)
        return pivot(with);
    if (strncmp(what, "mounts=", 7) == 0)
        return hide(with);
    if (strcmp(what, "no-removal") == 0)
        return refuse_removal(0);
    if (strcmp(what, "no-removal-by-all") == 0)
        return refuse_removal(SECCOMP_FILTER_FLAG_TSYNC);
    if (strcmp(what, "strict") == 0)
        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    if (strcmp(what, "landlock") == 0)
        /* All that the first version knows but to execute and to read. */
        return restrict_files(0x1fff & ~(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE
                                         | LANDLOCK_ACCESS_FS_READ_DIR));
    return strcmp(what, "landlock-removal") != 0 || restrict_files(LANDLOCK_ACCESS_FS_REMOVE_FILE);
}

int main(int argc, char **argv)
{
    int at;

    for (at = 1; at < argc && strcmp(argv[at], "--") != 0; at++)
        if (lose(argv[at]) != 0)
            return perror(argv[at]), 99;
    if (at + 1 < argc)
        return execv(argv[at + 1], argv + at + 1), perror(argv[at + 1]), 99;
    return ready_until_eof();
}
