/* Locks a file once it is told to: locks_another_file FILE. Says "ready"; after a byte of its input "locked", or "refused";
 * and returns 0 at the end of its input. With "unlink" as the second argument it removes its PID file before. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    char byte;
    int fd;

    if (argc < 2)
        return 90;
    puts("ready");
    fflush(stdout);
    if (read(STDIN_FILENO, &byte, 1) != 1 || (argc > 2 && unlink(getenv("PIDFILE")) != 0))
        return 91;
    if (argc > 2 && read(STDIN_FILENO, &byte, 1) != 1)
        return 92;
    fd = open(argv[1], O_RDWR | O_CLOEXEC);
    puts(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? "locked" : "refused");
    fflush(stdout);
    wait_for_eof();
    return 0;
}
