/* Prints what is in the PID file that the environment names, its own PID and its arguments, and ends with 7. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *path = getenv("PIDFILE_PATH");
    char line[64];
    FILE *file = path ? fopen(path, "r") : NULL;

    if (file && fgets(line, sizeof line, file))
        printf("file: %s", atoi(line) == getpid() ? "mine\n" : line);
    else
        printf("no file\n");
    for (int i = 1; i < argc; i++)
        printf("[%s]\n", argv[i]);
    return 7;
}
