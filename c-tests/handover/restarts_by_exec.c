/* Becomes a new instance of itself by exec, when its PID file is gone. The new one says "restarted" and that it is ready, and
 * returns 0 at the end of its input.
 *
 * argv says when. "handler": at SIGTERM, in the handler. "loop": at SIGTERM, in main. After a line of input: "unlink" and
 * "rename", when it has done that to its file itself; "destructor", at its end, in a destructor. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "until_eof.h"

static int restarts_at_its_end;
static int asked[2];

static void restart(void)
{
    char *again[] = { (char *)"restarts_by_exec", (char *)"again", NULL };

    execv("/proc/self/exe", again);
    _exit(98);
}

static void in_handler(int number)
{
    sigset_t none;

    (void)number;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    restart();
}

static void note(int number)
{
    (void)number;
    if (write(asked[1], "", 1) != 1)
        _exit(97);
}

__attribute__((destructor)) static void at_its_end(void)
{
    if (restarts_at_its_end)
        restart();
}

int main(int argc, char **argv)
{
    const char *file = getenv("PIDFILE"), *how = argc > 1 ? argv[1] : "";
    struct pollfd inputs[2];
    char old[4096], byte;

    if (strcmp(how, "again") == 0) {
        puts("restarted");
        fflush(stdout);
        return ready_until_eof();
    }
    if (pipe(asked) != 0)
        return 1;
    inputs[0] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
    inputs[1] = (struct pollfd){ .fd = asked[0], .events = POLLIN };
    if (strcmp(how, "handler") == 0)
        signal(SIGTERM, in_handler);
    if (strcmp(how, "loop") == 0)
        signal(SIGTERM, note);
    puts("ready");
    fflush(stdout);
    while (poll(inputs, 2, -1) <= 0)
        continue;
    if (inputs[0].revents & POLLIN && read(STDIN_FILENO, &byte, 1) != 1)
        return 1;
    snprintf(old, sizeof old, "%s.old", file != NULL ? file : "");
    if (strcmp(how, "unlink") == 0 && unlink(file) != 0)
        return 1;
    if (strcmp(how, "rename") == 0 && rename(file, old) != 0)
        return 1;
    if (strcmp(how, "destructor") == 0) {
        restarts_at_its_end = 1;
        return 0;
    }
    restart();
}
