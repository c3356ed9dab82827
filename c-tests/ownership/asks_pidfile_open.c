/* LDFLAGS: -lbsd */
/* Says whether somebody is alive who keeps a PID file, as pidfile_open(3bsd) sees it. If nobody is, removes the file. */
#include <bsd/libutil.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct pidfh *file;

    if (argc != 2)
        return 1;
    /* It could be asked for the PID too, but it cannot read one that a newline follows, and without a newline others could
     * not (systemd). */
    file = pidfile_open(argv[1], 0644, NULL);
    if (file) {
        puts("nobody");
        return pidfile_remove(file) == 0 ? 0 : 2;
    }
    puts(errno == EEXIST ? "somebody" : strerror(errno));
    return 0;
}
