/* Removes a PID file, the way its first argument says, once a line of input has come: its orderly end, which takes until
 * the end of its input. Then it returns 0. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "until_eof.h"

static int removed(const char *how, const char *path)
{
    return strcmp(how, "unlink") == 0 ? unlink(path)
        : strcmp(how, "unlinkat") == 0 ? unlinkat(AT_FDCWD, path, 0)
        : strcmp(how, "remove") == 0 ? remove(path)
                                     : -1;
}

int main(int argc, char **argv)
{
    char byte;

    if (argc != 3 || write(STDOUT_FILENO, "started\n", 8) != 8 || read(STDIN_FILENO, &byte, 1) != 1)
        return 1;
    if (removed(argv[1], argv[2]) != 0)
        return 2;
    return ready_until_eof();
}
