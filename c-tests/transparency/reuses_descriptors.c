/* CFLAGS: -D_GNU_SOURCE */
/* Closes every descriptor in the way that its first argument names (or none). Then opens files of its own in the current
 * directory, which get the freed numbers, and writes into each what it is. Says that it is ready by a directory of that name,
 * and sleeps until a signal ends it. A second argument "append": the files are opened as logs are. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    int flags = O_RDWR | O_CREAT | (argc > 2 && strcmp(argv[2], "append") == 0 ? O_APPEND : 0);
    char name[32], content[64];
    struct rlimit limit;
    int fd, number;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (strcmp(how, "1024") == 0)
        for (fd = 3; fd < 1024; fd++)
            close(fd);
    else if (strcmp(how, "limit") == 0)
        for (fd = 0; fd < (int)limit.rlim_cur && fd < 1 << 20; fd++)
            close(fd);
    else if (strcmp(how, "closefrom") == 0)
        closefrom(3);
    else if (strcmp(how, "close_range") == 0)
        close_range(0, ~0u, 0);
    else if (strcmp(how, "unshare") == 0)
        close_range(0, ~0u, CLOSE_RANGE_UNSHARE);
    for (number = 0; number < 64; number++) {
        snprintf(name, sizeof name, "file%d", number);
        fd = open(name, flags, 0644);
        if (fd < 0)
            return 1;
        snprintf(content, sizeof content, "%s is descriptor %d\n", name, fd);
        if (write(fd, content, strlen(content)) != (ssize_t)strlen(content))
            return 2;
    }
    if (mkdir("ready", 0755) != 0)
        return 3;
    for (;;)
        pause();
}
