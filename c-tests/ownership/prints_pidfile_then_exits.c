/* Copies a file to stdout as the first thing it does. */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char content[64];
    ssize_t length;
    int fd;

    if (argc < 2 || (fd = open(argv[1], O_RDONLY)) < 0)
        return 1;
    while ((length = read(fd, content, sizeof content)) > 0)
        if (write(STDOUT_FILENO, content, (size_t)length) != length)
            return 2;
    return length == 0 ? 0 : 3;
}
