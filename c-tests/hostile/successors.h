/* Finds where a process listens for the file that it may inherit: abstract sockets, whose names everybody sees. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The beginning of the name, up to the number at its end; and the whole name. */
static char beginning[100], name[120];

static int find_successor(const char *pid)
{
    FILE *sockets = fopen("/proc/net/unix", "r");
    char line[512], middle[32], *found;

    snprintf(middle, sizeof middle, "-%s-", pid);
    while (sockets && fgets(line, sizeof line, sockets)) {
        found = strstr(line, "@libpidfile-");
        if (!found || !strstr(found, middle))
            continue;
        found[strcspn(found, "\n")] = 0;
        snprintf(name, sizeof name, "%s", found + 1);
        snprintf(beginning, sizeof beginning, "%.*s", (int)(strrchr(found, '-') - found - 1), found + 1);
        fclose(sockets);
        return 1;
    }
    return 0;
}

static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path + 1, name, strlen(name));
    return offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name);
}
