/* Writes a PID file of its own, says that it is ready, and returns 0 at the end of its input. It never removes the file.
 *
 * argv: the way to write it, its path. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "until_eof.h"

static int is(const char *what, const char *name)
{
    return strcmp(what, name) == 0;
}

static void write_to(const char *path, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);

    if (fd < 0 || dprintf(fd, "%d\n", (int)getpid()) < 2 || close(fd) != 0)
        abort();
}

int main(int argc, char **argv)
{
    char other[4096];
    const char *path;

    if (argc != 3)
        return 1;
    path = argv[2];
    if (is(argv[1], "in place")) {
        write_to(path, O_TRUNC);
    } else if (is(argv[1], "without truncation")) {
        write_to(path, 0);
    } else if (is(argv[1], "unlink and create")) {
        unlink(path);
        write_to(path, O_EXCL);
    } else if (is(argv[1], "rename")) {
        snprintf(other, sizeof other, "%s.new", path);
        write_to(other, O_EXCL);
        if (rename(other, path) != 0)
            return 2;
    } else if (is(argv[1], "stdio")) {
        /* As many write it: without a newline. */
        FILE *file = fopen(path, "w");

        if (!file || fprintf(file, "%d", (int)getpid()) < 1 || fclose(file) != 0)
            return 2;
    } else {
        return 1;
    }
    return ready_until_eof();
}
