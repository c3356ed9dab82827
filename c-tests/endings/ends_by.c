/* CFLAGS: -D_GNU_SOURCE -Wno-deprecated-declarations -Wno-infinite-recursion */
/* Ends in the way that its first argument names; a second argument is the status, the signal, or a number of a variant. */
#include "ends_by/common.h"
#include "ends_by/exits.h"
#include "ends_by/libc.h"
#include "ends_by/faults.h"
#include "ends_by/stacks.h"
#include "ends_by/default_action.h"
#include "ends_by/own_handlers.h"
#include "ends_by/awaited.h"
#include "ends_by/from_the_kernel.h"
#include "ends_by/main_thread.h"

/* ---- a child that ends in the same way ---- */

static const struct way {
    const char *name;
    void (*go)(void);
} ways[];

static void by_child_like(void);

#define WAY(name) { #name, by_##name }
static const struct way ways[] = {
    WAY(return), WAY(exit), WAY(_exit), WAY(_Exit), WAY(quick_exit), WAY(raw_name), WAY(_exit_in_atexit), WAY(exit_in_thread),
    WAY(_exit_in_thread), WAY(raw_exit), WAY(abort), WAY(abort_in_thread), WAY(abort_blocked), WAY(abort_ignored), WAY(abort_handled), WAY(abort_jumped), WAY(abort_left),
    WAY(double_free), WAY(fault), WAY(fault_in_thread), WAY(fault_in_handler), WAY(handled_fault), WAY(reported_fault),
    WAY(fault_blocked), WAY(fault_ignored), WAY(overflow), WAY(overflow_with_stack), WAY(overflow_in_thread),
    WAY(small_stack), WAY(tiles_in_use), WAY(stack_gone), WAY(thread_with_stack), WAY(raise_on_stack), WAY(thread_with_little_room), WAY(raise), WAY(kill),
    WAY(kill_group), WAY(pthread_kill), WAY(pthread_kill_from_thread), WAY(pthread_kill_of_thread), WAY(kill_taken_by_thread),
    WAY(sigqueue), WAY(queue_with_code), WAY(forged_fault), WAY(tkill), WAY(child), WAY(explicit_default), WAY(default_after_own), WAY(saved_and_restored), WAY(ignored),
    WAY(after_system), WAY(after_vfork), WAY(after_siginterrupt), WAY(own_exit), WAY(own__exit), WAY(own_reset),
    WAY(own_reset_and_kill), WAY(one_shot), WAY(one_shot_fault), WAY(one_shot_again), WAY(sigwait), WAY(sigwaitinfo), WAY(signalfd), WAY(mask_while_waiting),
    WAY(unblocking), WAY(outside_while_blocked), WAY(two), WAY(two_open), WAY(all_threads), WAY(alarm), WAY(timer), WAY(pipe),
    WAY(file_limit), WAY(time_limit), WAY(owned_pipe), WAY(main_leaving), WAY(main_cancelled), WAY(child_like),
};

static char **arguments;

static void go(const char *name)
{
    size_t at;

    for (at = 0; at < sizeof ways / sizeof ways[0]; at++)
        if (strcmp(ways[at].name, name) == 0)
            return ways[at].go();
    wrong(name);
}

/* ends_by child_like NUMBER VARIANT WAY: a forked child ends so, and the parent tells how. */
static void by_child_like(void)
{
    pid_t child;
    int status;

    printf("before\n");
    fflush(stdout);
    child = fork();
    if (child == 0) {
        main_thread = pthread_self();
        go(arguments[4]);
        exit(number);
    }
    if (waitpid(child, &status, 0) != child)
        wrong("waitpid");
    printf("child: %x\n", status);
    exit(5);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        wrong("no way");
    arguments = argv;
    number = argc > 2 ? atoi(argv[2]) : 0;
#ifndef __GLIBC__
    /* musl keeps it for itself: nothing to compare. */
    if (number == 34)
        return 0;
#endif
    variant = argc > 3 ? atoi(argv[3]) : 0;
    main_thread = pthread_self();
    atexit(at_exit);
    go(argv[1]);
    return number;
}
