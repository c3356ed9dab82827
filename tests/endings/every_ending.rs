//! Exits, abort(3) and the last thread, each way alike with the library and without it.

use crate::alike::{
    Case, all_alike, all_alike_but_for_the_file, case, cases, nothing, one_by_one, slices, some,
};
use crate::common::{
    Mode, NOTHING, TestDir, blocked_signals, context_switches, extra_tasks_of, wait_for,
};

#[test]
fn exits_end_alike() {
    let ways = [
        "return",
        "exit",
        "_exit",
        "_Exit",
        "quick_exit",
        "raw_name",
        "_exit_in_atexit",
        "exit_in_thread",
        "_exit_in_thread",
    ];
    let statuses = one_by_one([0, 1, 3, 42, 128, 255, 263, -1]);
    all_alike(&cases(&ways, &slices(&statuses)), nothing);
}

/// A raw exit(2) of the main thread, after which another one goes on or none does; and a sandbox that kills that thread.
#[test]
fn raw_exit_of_main_thread_ends_alike() {
    for variant in 0..3 {
        let mut ends = Vec::new();
        for mode in [Mode::Plain, Mode::Inert, Mode::Active] {
            let dir = TestDir::new();
            let host = dir.host("ends_by").mode(mode);
            let mut host = host
                .args(["raw_exit", "5", &variant.to_string()])
                .spawn_ready();
            host.close_stdin();
            ends.push(host.wait());
            assert_eq!(dir.leftovers(), NOTHING, "{variant}, {mode:?}");
        }
        assert_eq!(ends, vec![ends[0].clone(); 3], "{variant}");
    }
}

#[test]
fn ends_caused_by_libc_are_alike() {
    let ways = ["abort", "abort_in_thread", "double_free"];
    all_alike(&cases(&ways, &[&[]]), nothing);
}

/// Where nobody lets it end the process, abort() restores the default inside libc and raises the signal once more.
#[test]
fn abort_that_insists_ends_alike() {
    all_alike_but_for_the_file(&cases(&["abort_ignored", "abort_handled"], &[&[]]));
}

#[test]
fn abort_left_by_its_handler_ends_alike() {
    all_alike(&cases(&["abort_jumped", "abort_left"], &[&[]]), nothing);
}

/// glibc 2.41 and musl raise the signal while it is blocked, and then restore the default.
#[test]
fn abort_with_blocked_sigabrt_ends_alike() {
    all_alike_but_for_the_file(&cases(&["abort_blocked"], &[&[]]));
}

/// Whoever of them is first: none ends the process before the file is gone. Often, since it is a race.
#[test]
fn concurrent_thread_exits_remove_the_file() {
    let mut all = cases(&["all_threads"], &slices(&some()));
    for status in 0..40 {
        all.push(case("all_threads", &[status, 1]));
    }
    all_alike(&all, nothing);
}

#[test]
fn pthread_exit_of_main_first_ends_alike() {
    let mut all: Vec<Case> = (0..=7).map(|v| case("main_leaving", &[11, v])).collect();
    all.push(case("main_leaving", &[0, 8]));
    all.push(case("main_cancelled", &[]));
    all_alike(&all, nothing);
}

/// Main itself works on until the end of the input, in a destructor of its own.
#[test]
fn slow_destructor_of_main_thread_ends_alike() {
    all_alike(&cases(&["main_leaving"], &[&[0, 10]]), |host| {
        host.wait_until_ready();
        host.close_stdin();
    });
}

/// Another thread works on until the end of the input.
#[test]
fn last_thread_long_after_main_ends_alike() {
    let all = cases(&["main_leaving"], &[&[0, 9]]);
    all_alike(&all, |host| {
        host.wait_until_ready();
        // Where we have threads, until they have had the chance to take it for the end several times.
        let of_ours = || -> Vec<i32> {
            let tasks = extra_tasks_of(host.pid()).into_iter();
            tasks.filter(|task| blocked_signals(*task) != 0).collect()
        };
        let before = context_switches(&of_ours());
        wait_for(
            || {
                let ours = of_ours();
                ours.is_empty() || context_switches(&ours) > before + 10
            },
            "our threads have woken up",
        );
        host.close_stdin();
    });
}

#[test]
fn child_ending_in_any_way_keeps_parents_file() {
    let mut all = Vec::new();
    for (number, variant, way) in [
        (3, 0, "return"),
        (3, 0, "exit"),
        (3, 0, "_exit"),
        (3, 0, "quick_exit"),
        (3, 0, "exit_in_thread"),
        (0, 0, "abort"),
        (0, 0, "fault"),
        (0, 5, "fault"),
        (0, 0, "fault_in_thread"),
        (0, 0, "fault_blocked"),
        (0, 0, "overflow"),
        (15, 0, "raise"),
        (1, 0, "kill"),
        (40, 0, "sigqueue"),
        (15, 0, "own_exit"),
        (15, 0, "own_reset"),
        (15, 0, "one_shot"),
        (15, 0, "sigwait"),
        (15, 0, "mask_while_waiting"),
        (3, 3, "explicit_default"),
        (15, 0, "default_after_own"),
        (15, 0, "after_vfork"),
        (0, 0, "pipe"),
        (0, 1, "main_leaving"),
    ] {
        let Case(mut arguments) = case("child_like", &[number, variant]);
        arguments.push(way.to_owned());
        all.push(Case(arguments));
    }
    all_alike(&all, nothing);
}
