/* A service: says that it is ready, to systemd too if that wants to know; prints a line at SIGHUP; returns 0 at SIGTERM. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *line)
{
    if (write(STDOUT_FILENO, line, strlen(line)) < 0)
        abort();
}

/* sd_notify(3) */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (!path)
        return;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), 0, (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    close(fd);
}

int main(void)
{
    sigset_t signals;
    int signal;

    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    say("ready\n");
    notify("READY=1");
    while (sigwait(&signals, &signal) == 0 && signal != SIGTERM)
        say("reloaded\n");
    notify("STOPPING=1");
    return 0;
}
