/* CFLAGS: -D_GNU_SOURCE */
/* Gives up rights: gives_up_rights ROLE WAY [JAIL]. Says of each thread of the process that has more of them than the first
 * one; then waits for the end of its input. ROLE: owner; candidate: a child in a session of its own, while its parent waits;
 * successor: the same child, once its parent has ended. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 65534, OTHER = 65533 };

static int capabilities(unsigned kept)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2] = { { kept, kept, 0 }, { 0, 0, 0 } };
    int capset(struct __user_cap_header_struct *, const struct __user_cap_data_struct *);

    return capset(&header, data);
}

static int keep(void)
{
    return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
}

static const unsigned CHANGES = 1 << CAP_SETUID | 1 << CAP_SETGID;

/* Each is 0 where all of it has worked. */
static int give_up(const char *way, const char *jail)
{
    gid_t group = USER;

    if (strcmp(way, "setuid") == 0)
        return setuid(USER);
    if (strcmp(way, "seteuid") == 0)
        return seteuid(USER);
    if (strcmp(way, "seteuid to and fro") == 0)
        return seteuid(USER) || seteuid(0) || seteuid(OTHER) || seteuid(0) || seteuid(USER);
    if (strcmp(way, "seteuid and back, then setuid") == 0)
        return seteuid(USER) || seteuid(0) || setuid(OTHER);
    if (strcmp(way, "setreuid") == 0)
        return setreuid(USER, USER);
    if (strcmp(way, "setresuid") == 0)
        return setresuid(USER, USER, USER);
    if (strcmp(way, "setresuid, saved kept") == 0)
        return setresuid(USER, USER, 0);
    if (strcmp(way, "setgid, setuid") == 0)
        return setgid(USER) || setuid(USER);
    if (strcmp(way, "setegid, setuid") == 0)
        return setegid(USER) || setuid(USER);
    if (strcmp(way, "setregid, setreuid") == 0)
        return setregid(USER, USER) || setreuid(USER, USER);
    if (strcmp(way, "setresgid, setresuid") == 0)
        return setresgid(USER, USER, USER) || setresuid(USER, USER, USER);
    if (strcmp(way, "setgroups, setgid, setuid") == 0)
        return setgroups(1, &group) || setgid(USER) || setuid(USER);
    if (strcmp(way, "no groups, setgid, setuid") == 0)
        return setgroups(0, NULL) || setgid(USER) || setuid(USER);
    if (strcmp(way, "initgroups, setgid, setuid") == 0)
        return initgroups("daemon", USER) || setgid(USER) || setuid(USER);
    if (strcmp(way, "capset, none") == 0)
        return capabilities(0);
    if (strcmp(way, "capset, some") == 0)
        return capabilities(CHANGES) || capabilities(1 << CAP_SETUID);
    if (strcmp(way, "capset, setuid") == 0)
        return capabilities(CHANGES) || setuid(USER);
    if (strcmp(way, "keeping, setuid") == 0)
        return keep() || setuid(USER);
    if (strcmp(way, "keeping, setuid, capset") == 0)
        return keep() || setuid(USER) || capabilities(1 << CAP_NET_BIND_SERVICE);
    if (strcmp(way, "keeping, setuid, setuid") == 0)
        return keep() || setresuid(USER, USER, USER) || capabilities(CHANGES) || keep() ||
            setresuid(OTHER, OTHER, OTHER) || capabilities(0);
    if (strcmp(way, "chroot, setuid") == 0)
        return chroot(jail) || chdir("/") || setuid(USER);
    return errno = ENOSYS, -1;
}

struct rights {
    unsigned long id[8], capabilities[3];
};

static struct rights rights_of(int proc, const char *task)
{
    char path[300], text[8192] = "";
    struct rights found = { .id = { 99 } };
    const char *line;
    int fd;

    snprintf(path, sizeof path, "self/task/%s/status", task);
    fd = openat(proc, path, O_RDONLY);
    if (fd == -1 || read(fd, text, sizeof text - 1) <= 0)
        return found;
    close(fd);
    if ((line = strstr(text, "\nUid:")))
        sscanf(line, "\nUid: %lu %lu %lu %lu", &found.id[0], &found.id[1], &found.id[2], &found.id[3]);
    if ((line = strstr(text, "\nGid:")))
        sscanf(line, "\nGid: %lu %lu %lu %lu", &found.id[4], &found.id[5], &found.id[6], &found.id[7]);
    if ((line = strstr(text, "\nCapInh:")))
        sscanf(line, "\nCapInh: %lx CapPrm: %lx CapEff: %lx", &found.capabilities[0], &found.capabilities[1],
            &found.capabilities[2]);
    return found;
}

int main(int argc, char **argv)
{
    int proc = open("/proc", O_RDONLY | O_DIRECTORY), which, threads = 0;
    const char *role = argv[1], *file = getenv("PIDFILE");
    struct rights own, other;
    struct dirent *entry;
    char self[20];
    DIR *tasks;

    if (argc < 3)
        return 99;
    if (strcmp(role, "owner") != 0) {
        int to_child[2];
        pid_t child, parent = getpid();

        if (pipe(to_child) != 0)
            return 99;
        child = fork();
        if (child != 0) {
            int status = 0;
            char is_there;

            close(to_child[1]);
            if (read(to_child[0], &is_there, 1) != 1)
                return 98;
            if (strcmp(role, "successor") == 0)
                return 0;
            waitpid(child, &status, 0);
            return WEXITSTATUS(status);
        }
        setsid();
        if (write(to_child[1], "", 1) != 1)
            return 98;
        while (strcmp(role, "successor") == 0 && getppid() == parent)
            usleep(1000);
        while (strcmp(role, "successor") == 0) {
            FILE *stream = fopen(file, "r");
            int pid = 0;

            if (stream && fscanf(stream, "%d", &pid) == 1 && pid == getpid())
                break;
            if (stream)
                fclose(stream);
            usleep(1000);
        }
    }
    puts("ready");
    fflush(stdout);
    getchar();
    if (give_up(argv[2], argc > 3 ? argv[3] : "/") != 0)
        return perror(argv[2]), 97;
    snprintf(self, sizeof self, "%d", getpid());
    own = rights_of(proc, self);
    tasks = fdopendir(openat(proc, "self/task", O_RDONLY | O_DIRECTORY));
    while (tasks && (entry = readdir(tasks)))
        if (*entry->d_name != '.' && strcmp(entry->d_name, self) != 0) {
            threads++;
            other = rights_of(proc, entry->d_name);
            for (which = 0; which < 8; which++)
                if (other.id[which] != own.id[which])
                    printf("%s: id %d is %lu, not %lu\n", entry->d_name, which, other.id[which], own.id[which]);
            for (which = 0; which < 3; which++)
                if (other.capabilities[which] & ~own.capabilities[which])
                    printf("%s: capabilities %d are %lx, not %lx\n", entry->d_name, which, other.capabilities[which],
                        own.capabilities[which]);
        }
    printf("%d threads seen\n", threads);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 7;
}
