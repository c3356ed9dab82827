/* Shares memory with a child that writes random words all over it: has_a_fuzzer SEED RIGHTS LIFE [PID...].
 *
 * RIGHTS is "fewer" (the child drops root) or "equal". LIFE is what the owner does: "stay" until the end of its input, "fork"
 * children all the time until then, "daemon" (a child that serves, and perhaps calls "exec"), or "exec" itself first. The words
 * are such as mean something: PIDs, also the given ones, times, small numbers, addresses of sockets. With "point" nothing is
 * random: the child makes what its owner knows of a daemon mean the given process. Says "ready", and "daemon PID". */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "until_eof.h"

/* However the test ends, no fuzzer goes on for longer. */
#define LONGEST 300

#include "random_words.h"

/* The numbers at the end of the names of all abstract sockets, and the next ones. */
static void find_addresses(void)
{
    FILE *sockets = fopen("/proc/net/unix", "r");
    char line[512], *name, *digits;

    address_count = 0;
    while (sockets && address_count + 2 <= 64 && fgets(line, sizeof line, sockets)) {
        if (!(name = strrchr(line, '@')))
            continue;
        if (!(digits = strrchr(name, '-')))
            digits = name;
        addresses[address_count] = strtoul(digits + 1, NULL, 16);
        addresses[address_count + 1] = addresses[address_count] + 1;
        address_count += 2;
    }
    if (sockets)
        fclose(sockets);
}

/* As somebody who knows what goes together. */
static void write_a_record(volatile uint32_t *at)
{
    volatile uint64_t *wide = (volatile uint64_t *)at;

    at[1] = below(6);
    wide[1] = a_time();
    wide[2] = ~0ull;
    at[6] = an_address();
    at[0] = a_pid();
}

static void write_over(char *start, char *end)
{
    size_t size = end - start, from = below(size / 8) * 8, length = 8 + below(size - from);
    int of_records = below(3) == 0, at;

    if (below(2))
        memset(start, 0, size);
    for (at = 0; at < 500; at++) {
        char *place = start + from + below(length / 8 ? length / 8 : 1) * 8;

        if (of_records && place + 32 <= end)
            write_a_record((volatile uint32_t *)place);
        else if (below(2))
            *(volatile uint64_t *)place = word();
        else
            *(volatile uint32_t *)(place + 4 * below(2)) = word();
    }
}

/* Finds what is said of the daemon, by its PID and its address, and says the same of another process. */
static void point_elsewhere(volatile uint32_t *start, volatile uint32_t *end)
{
    static volatile uint32_t *pid, *address;
    volatile uint32_t *at, *near;

    for (at = start; at < end && !address; at++)
        for (near = at; *at == (uint32_t)daemon_pid && near < end && near < at + 16; near++)
            if (*near > 15 && is_address(*near))
                pid = at, address = near;
    if (address) {
        *pid = 0;
        *address = an_address();
        *pid = pids[1 + below(pid_count - 1)];
    }
}

static void fuzz(int drop_root, int ready)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], access[8], *start[8], *end[8];
    int count = 0, at;

    while (maps && count < 8 && fgets(line, sizeof line, maps))
        if (sscanf(line, "%p-%p %7s", (void **)&start[count], (void **)&end[count], access) == 3 &&
            strcmp(access, "rw-s") == 0)
            count++;
    if (!daemon_pid)
        pids[pid_count++] = getpid();
    if (drop_root && (setgid(65534) != 0 || setuid(65534) != 0))
        _exit(1);
    alarm(LONGEST);
    if (count == 0 || write(ready, "", 1) != 1)
        _exit(2);
    for (at = 0;; at++) {
        if (at % 64 == 0)
            find_addresses();
        if (daemon_pid) {
            point_elsewhere((void *)start[at % count], (void *)end[at % count]);
            usleep(1000);
        } else {
            write_over(start[at % count], end[at % count]);
            usleep(below(3) * 100);
        }
    }
}

static void start_fuzzer(int drop_root)
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0)
        exit(91);
    switch (fork()) {
    case -1:
        exit(92);
    case 0:
        close(STDIN_FILENO);
        fuzz(drop_root, ready[1]);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        exit(93);
    close(ready[0]);
}

/* With a child that begins a session, and perhaps calls exec. */
static void start_daemon(char *program, int calls_exec)
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0)
        exit(94);
    fcntl(ready[0], F_SETFD, FD_CLOEXEC);
    switch (fork()) {
    case -1:
        exit(95);
    case 0:
        if (setsid() < 0)
            _exit(1);
        printf("daemon %d\n", getpid());
        fflush(stdout);
        if (calls_exec) {
            char number[16];

            snprintf(number, sizeof number, "%d", ready[1]);
            execl(program, program, "serve", number, (char *)NULL);
            _exit(2);
        }
        if (write(ready[1], "", 1) != 1)
            _exit(3);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        exit(96);
}

/* Whose parent leaves at once. */
static void start_grandchild(void)
{
    int ready[2];

    if (pipe(ready) != 0)
        exit(94);
    switch (fork()) {
    case -1:
        exit(95);
    case 0:
        if (setsid() < 0 || (daemon_pid = fork()) < 0)
            _exit(1);
        if (daemon_pid)
            _exit(0);
        daemon_pid = getpid();
        if (write(ready[1], &daemon_pid, sizeof daemon_pid) != sizeof daemon_pid)
            _exit(3);
        for (;;)
            pause();
    }
    wait(NULL);
    if (read(ready[0], &daemon_pid, sizeof daemon_pid) != sizeof daemon_pid)
        exit(96);
    printf("daemon %d\n", daemon_pid);
    fflush(stdout);
}

static void fork_until_eof(void)
{
    struct pollfd input = { STDIN_FILENO, POLLIN, 0 };
    pid_t child;

    while (poll(&input, 1, 1) == 0) {
        if ((child = fork()) == 0)
            _exit(0);
        if (child < 0 || waitpid(child, NULL, 0) != child)
            exit(98);
    }
}

int main(int argc, char **argv)
{
    const char *life;
    int at;

    if (argc == 3 && strcmp(argv[1], "serve") == 0) {
        if (write(atoi(argv[2]), "", 1) != 1)
            return 1;
        for (;;)
            pause();
    }
    if (argc < 4)
        return 90;
    life = argv[3];
    state = strtoull(argv[1], NULL, 10) * 2654435761u + 1;
    pids[pid_count++] = getpid();
    for (at = 4; at < argc && pid_count < 14; at++)
        pids[pid_count++] = atoi(argv[at]);
    if (strcmp(life, "point") == 0)
        start_grandchild();
    start_fuzzer(strcmp(argv[2], "fewer") == 0);
    if (strcmp(life, "exec") == 0) {
        argv[3] = "stay";
        execv(argv[0], argv);
        return 97;
    }
    if (strncmp(life, "daemon", 6) == 0)
        start_daemon(argv[0], strcmp(life, "daemon exec") == 0);
    if (write(STDOUT_FILENO, "ready\n", 6) != 6)
        return 99;
    if (strcmp(life, "fork") == 0)
        fork_until_eof();
    wait_for_eof();
    return 0;
}
