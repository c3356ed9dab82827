/* Closes its standard error, or makes it another file: changes_stderr [PATH]. Says that it is ready and returns 0 at the
 * end of its input. */
#include <fcntl.h>
#include <unistd.h>

#include "until_eof.h"

int main(int argc, char **argv)
{
    close(STDERR_FILENO);
    if (argc > 1 && open(argv[1], O_WRONLY | O_APPEND) != STDERR_FILENO)
        return 99;
    return ready_until_eof();
}
