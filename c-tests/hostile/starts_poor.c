/* CFLAGS: -D_GNU_SOURCE */
/* Gives something up before any library has been initialised: starts_poor WHAT..., in this order. Is "at work" then by its
 * name, since it may have no stream to say so. Returns at the end of its input; without input a signal has to end it. Its
 * status is 10 plus the number of the next descriptor, 9 if it can have none.
 *
 * close=N          a descriptor
 * nofile=N fsize=N nproc=N
 *                  the limit of that name (setrlimit(2))
 * room=N           the address space may grow by N KiB
 * locked=N         all memory is locked, and N KiB more may be
 * user=N           root's rights: it becomes that user
 * groups=N         a short list of groups: it gets N (setgroups(2)) */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "until_eof.h"

static int limit(int resource, rlim_t value)
{
    struct rlimit limits = { value, value };

    return setrlimit(resource, &limits);
}

/* Of this process, in bytes. No allocation: malloc is not initialised yet. */
static rlim_t address_space(void)
{
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY);

    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
        _exit(98);
    close(fd);
    return strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int get_groups(rlim_t number)
{
    static gid_t groups[65536];
    rlim_t at;

    for (at = 0; at < number && at < 65536; at++)
        groups[at] = 1000000000 + at;
    return setgroups(at, groups);
}

static int give_up(const char *what, rlim_t number)
{
    if (strncmp(what, "close=", 6) == 0)
        return close((int)number);
    if (strncmp(what, "nofile=", 7) == 0)
        return limit(RLIMIT_NOFILE, number);
    if (strncmp(what, "fsize=", 6) == 0)
        return limit(RLIMIT_FSIZE, number);
    if (strncmp(what, "nproc=", 6) == 0)
        return limit(RLIMIT_NPROC, number);
    if (strncmp(what, "room=", 5) == 0)
        return limit(RLIMIT_AS, address_space() + number * 1024);
    if (strncmp(what, "locked=", 7) == 0)
        return mlockall(MCL_CURRENT | MCL_FUTURE) || limit(RLIMIT_MEMLOCK, address_space() + number * 1024);
    if (strncmp(what, "groups=", 7) == 0)
        return get_groups(number);
    return strncmp(what, "user=", 5) != 0 || setresgid(number, number, number) || setresuid(number, number, number);
}

static void become_poor(int argc, char **argv)
{
    int at;

    for (at = 1; at < argc; at++)
        if (strchr(argv[at], '=') == NULL || give_up(argv[at], strtoul(strchr(argv[at], '=') + 1, NULL, 10)) != 0)
            _exit(99);
}

/* The loader runs this before the constructors of all shared libraries, preloaded ones included. */
__attribute__((section(".preinit_array"), used)) static void (*const before_all)(int, char **) = become_poor;

int main(void)
{
    int has_input = fcntl(STDIN_FILENO, F_GETFD) == 0;
    int next = open("/dev/null", O_RDONLY);

    prctl(PR_SET_NAME, "at work");
    if (!has_input)
        pause();
    wait_for_eof();
    return 10 + next;
}
