/* Takes part in a race for one PID file.
 *
 * argv: the PID file, a log that all racers append to, the status to return.
 *
 * If the file names this process when main starts, the process is the owner until main returns, and it says so in the
 * log. Two owners at one time would show there as two lines "begin" in a row. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int names_me(const char *pidfile)
{
    char content[32] = "", me[32];
    int fd = open(pidfile, O_RDONLY);

    if (fd < 0)
        return 0;
    if (read(fd, content, sizeof content - 1) < 0)
        content[0] = '\0';
    close(fd);
    snprintf(me, sizeof me, "%d\n", (int)getpid());
    return strcmp(content, me) == 0;
}

static void say(int log, const char *what)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s %d\n", what, (int)getpid());

    if (write(log, line, (size_t)length) != length)
        abort();
}

int main(int argc, char **argv)
{
    int log, status, look;

    if (argc != 4 || (log = open(argv[2], O_WRONLY | O_APPEND)) < 0)
        return 99;
    status = atoi(argv[3]);
    if (!names_me(argv[1]))
        return status;
    say(log, "begin");
    for (look = 0; look < 50; look++)
        if (!names_me(argv[1]))
            status = 98;
    say(log, "end");
    return status;
}
