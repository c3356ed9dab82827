/* What a deletion costs at the least: watches a file, and sends SIGTERM when it has gone.
 *
 * argv: the file, the PID. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char events[4096];
    struct stat status;
    int file, notifier;

    if (argc != 3 || (file = open(argv[1], O_RDONLY)) < 0)
        return 99;
    notifier = inotify_init1(IN_CLOEXEC);
    if (inotify_add_watch(notifier, argv[1], IN_ATTRIB) < 0)
        return 99;
    while (read(notifier, events, sizeof events) > 0)
        if (fstat(file, &status) == 0 && status.st_nlink == 0)
            return kill(atoi(argv[2]), SIGTERM);
    return 99;
}
