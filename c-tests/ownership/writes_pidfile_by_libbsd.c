/* LDFLAGS: -lbsd */
/* Keeps a PID file with pidfile_open(3bsd), as daemons from the BSDs do. Refuses to run if another instance does. Says that
 * it is ready, and removes the file at the end of its input. */
#include <bsd/libutil.h>
#include <errno.h>
#include <stdio.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    pid_t other = -1;
    struct pidfh *file;

    if (argc != 2)
        return 1;
    file = pidfile_open(argv[1], 0600, &other);
    if (!file) {
        fprintf(stderr, "%s: PID %d\n", errno == EEXIST ? "runs already" : "error", (int)other);
        return 2;
    }
    if (pidfile_write(file) != 0 || ready_until_eof() != 0)
        return 3;
    return pidfile_remove(file) == 0 ? 0 : 4;
}
