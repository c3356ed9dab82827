/* Closes its standard error, or makes it another file: changes_stderr [PATH]. Says that it is ready and returns 0 at the
 * end of its input. */
#include <fcntl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char byte;

    close(STDERR_FILENO);
    if (argc > 1 && open(argv[1], O_WRONLY | O_APPEND) != STDERR_FILENO)
        return 99;
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 98;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    return 0;
}
