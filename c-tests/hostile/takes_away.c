/* takes_away HOW FILE: removes or renames FILE in the way that HOW names. Returns 0 if that has succeeded. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char other[4096];

    if (argc != 3)
        return 99;
    snprintf(other, sizeof other, "%s.renamed", argv[2]);
    return (strcmp(argv[1], "unlink") == 0 ? unlink(argv[2])
            : strcmp(argv[1], "unlinkat") == 0 ? unlinkat(AT_FDCWD, argv[2], 0)
            : strcmp(argv[1], "remove") == 0 ? remove(argv[2])
                                             : rename(argv[2], other)) != 0;
}
