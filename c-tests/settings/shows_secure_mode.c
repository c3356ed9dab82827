/* Shows what a setuid program knows: whether the kernel calls this a secure execution, and which user it acts for. Also shows
 * which of its libraries has the name in its argument, and how many threads it has. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    char line[4096];
    int loaded = 0, threads = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *task;

    if (argc != 2 || !maps || !tasks)
        return 1;
    while (fgets(line, sizeof line, maps))
        if (strstr(line, argv[1]))
            loaded = 1;
    while ((task = readdir(tasks)))
        if (task->d_name[0] != '.')
            threads++;
    printf("secure %lu, euid %d, loaded %d, threads %d\n", getauxval(AT_SECURE), (int)geteuid(), loaded, threads);
    return 0;
}
