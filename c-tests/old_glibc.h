/* What these programs use and glibc has only since 2.34: scripts/test-old-glibc builds them on an older one. No header that a
   feature macro of theirs comes too late for. */
#include <asm/unistd.h>
#include <sys/syscall.h>

#define SYS_close_range __NR_close_range
#define SYS_pidfd_getfd __NR_pidfd_getfd
#define SYS_faccessat2 __NR_faccessat2
#define SYS_openat2 __NR_openat2
#define SYS_clone3 __NR_clone3
#define SYS_pidfd_open __NR_pidfd_open
#define SYS_pidfd_send_signal __NR_pidfd_send_signal
#define SYS_rseq __NR_rseq
#define SYS_statx __NR_statx
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif

/* Since 2.26 and later. */
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

extern long syscall(long, ...);

__attribute__((unused)) static int close_range(unsigned first, unsigned last, int flags)
{
    return syscall(SYS_close_range, first, last, flags);
}

__attribute__((unused)) static void closefrom(int lowest) { close_range(lowest, ~0U, 0); }

__attribute__((unused)) static int _Fork(void) { return syscall(SYS_clone, 17 /* SIGCHLD */, 0, 0, 0, 0); }

/* Of a path in the current directory, as it is called here. A library has one of its own. */
#if !defined __PIC__ || defined __PIE__
extern int execve(const char *, char *const *, char *const *);
__attribute__((unused)) static int execveat(int from, const char *path, char *const *argv, char *const *vector, int flags)
{
    (void)from, (void)flags;
    return execve(path, argv, vector);
}
#endif

__attribute__((unused)) static int old_gettid(void) { return syscall(SYS_gettid); }
#define gettid old_gettid

__attribute__((unused)) static int old_memfd_create(const char *name, unsigned flags) { return syscall(__NR_memfd_create, name, flags); }
#define memfd_create old_memfd_create
