//! Signals and faults, sent in every way and handled in every way, end the host alike with the library and without it.

use crate::alike::{
    all_alike, all_alike_but_for_the_file, case, cases, catchable, nothing, one_by_one, slices,
    some,
};

/// A signal that says of itself that the kernel sent it, but not that an instruction will cause it again: it comes only once.
#[test]
fn queued_signals_with_kernel_codes_end_alike() {
    const BUS_MCEERR_AO: i32 = 5;
    let mut all = vec![case("queue_with_code", &[libc::SIGBUS, BUS_MCEERR_AO])];
    for code in 1..=5 {
        all.push(case("queue_with_code", &[libc::SIGTRAP, code]));
        all.push(case("queue_with_code", &[libc::SIGTERM, code]));
    }
    all_alike(&all, nothing);
}

/// A signal that says of itself that an instruction has caused it, and will again. None has.
#[test]
fn queued_signals_with_fault_codes_end_alike() {
    let mut all = Vec::new();
    for signal in [libc::SIGILL, libc::SIGBUS, libc::SIGFPE, libc::SIGSEGV] {
        all.extend([1, 2, 3, 9, 10].map(|variant| case("forged_fault", &[signal, variant])));
    }
    all_alike(&all, nothing);
}

#[test]
fn faults_end_alike() {
    let ways = [
        "fault",
        "fault_in_thread",
        "fault_in_handler",
        "handled_fault",
        "reported_fault",
    ];
    let kinds: Vec<Vec<i32>> = (0..=12).map(|kind| vec![0, kind]).collect();
    let mut all = cases(&ways, &slices(&kinds));
    all.extend(cases(&["overflow_with_stack"], &[&[]]));
    all.extend(cases(&["overflow_in_thread"], &[&[0, 1]]));
    all_alike(&all, nothing);
}

/// Here the kernel ends the process at once, without a handler: it has no room for one, or must not call one.
#[test]
fn fault_without_room_for_handler_ends_alike() {
    let mut all = cases(&["overflow", "fault_blocked", "fault_ignored"], &[&[]]);
    all.extend(cases(&["overflow_in_thread"], &[&[0, 0]]));
    all_alike_but_for_the_file(&all);
}

#[test]
fn every_raised_signal_ends_alike() {
    let ways = ["raise", "kill", "pthread_kill", "sigqueue", "own_reset"];
    let mut all = cases(&ways, &slices(&catchable()));
    // The threads of the library keep SIGSYS open, for sandboxes whose broker answers trapped calls (docs/limits.md).
    let mut blockable = catchable();
    blockable.retain(|signal| *signal != [libc::SIGSYS]);
    all.extend(cases(&["unblocking"], &slices(&blockable)));
    // What ends nobody, and what no handler can be set for.
    let rest = one_by_one([
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGURG,
        libc::SIGWINCH,
        32,
    ]);
    all.extend(cases(&["raise", "kill", "tkill"], &slices(&rest)));
    all_alike(&all, nothing);
}

#[test]
fn signals_sent_by_any_call_end_alike() {
    let ways = [
        "kill_group",
        "pthread_kill_from_thread",
        "pthread_kill_of_thread",
        "kill_taken_by_thread",
        "tkill",
        "child",
        "thread_with_stack",
        "raise_on_stack",
        "thread_with_little_room",
        "saved_and_restored",
        "ignored",
        "after_vfork",
        "after_system",
    ];
    all_alike(&cases(&ways, &slices(&some())), nothing);
}

#[test]
fn host_signal_handlers_run_alike() {
    let ways = ["own_exit", "own__exit", "own_reset", "own_reset_and_kill"];
    all_alike(&cases(&ways, &slices(&some())), nothing);
}

/// After the first signal the kernel itself restores the default (SA_RESETHAND, and so sysv_signal).
#[test]
fn one_shot_handler_runs_once_then_ends_alike() {
    let mut all = Vec::new();
    for signal in some() {
        all.extend((0..8).map(|variant| case("one_shot", &[signal[0], variant])));
        all.push(case("one_shot_again", &signal));
    }
    all.extend((0..=11).map(|kind| case("one_shot_fault", &[0, kind])));
    all_alike_but_for_the_file(&all);
}

#[test]
fn signals_waited_for_arrive_alike() {
    let mut all = cases(&["sigwait", "sigwaitinfo", "signalfd"], &slices(&some()));
    for variant in 0..4 {
        for signal in some() {
            all.push(case("mask_while_waiting", &[signal[0], variant]));
            all.push(case("unblocking", &[signal[0], variant]));
        }
    }
    all_alike(&all, nothing);
}

#[test]
fn default_restored_by_host_ends_alike() {
    let mut all = Vec::new();
    for signal in [libc::SIGTERM, libc::SIGQUIT, libc::SIGSEGV, 40] {
        all.extend((0..24).map(|variant| case("explicit_default", &[signal, variant])));
        all.extend((0..5).map(|variant| case("default_after_own", &[signal, variant])));
        all.extend((0..2).map(|variant| case("after_siginterrupt", &[signal, variant])));
    }
    all_alike(&all, nothing);
}

#[test]
fn concurrent_signals_end_alike() {
    let pairs: [&[i32]; 8] = [
        &[15, 2],
        &[2, 15],
        &[15, 11],
        &[11, 15],
        &[10, 40],
        &[40, 41],
        &[15, 3],
        &[1, 64],
    ];
    all_alike(&cases(&["two", "two_open"], &pairs), nothing);
}

/// A stack with little more room than for the kernel's own frame.
#[test]
fn small_alternate_stack_ends_alike() {
    let sizes = [2048, 3072, 4096, 8192, 65536].into_iter();
    // The kernel of another architecture takes none that is smaller than a frame of its own.
    let sizes = sizes.filter(|size| *size >= libc::MINSIGSTKSZ as i32);
    let with_each: Vec<Vec<i32>> = sizes.map(|size| vec![libc::SIGTERM, size]).collect();
    all_alike(&cases(&["small_stack"], &slices(&with_each)), nothing);
}

/// What a signal saves is larger then than all that libc has room for by default.
#[test]
fn signal_while_tiles_are_in_use_ends_alike() {
    all_alike(&cases(&["tiles_in_use"], &slices(&some())), nothing);
}

/// One that was unmapped without a word to the kernel.
#[test]
fn alternate_stack_that_is_gone_ends_alike() {
    let signals = [libc::SIGTERM, libc::SIGABRT, libc::SIGBUS];
    let all = cases(&["stack_gone"], &slices(&one_by_one(signals)));
    all_alike(&all, nothing);
}

#[test]
fn signals_from_the_kernel_end_alike() {
    let mut all = cases(&["pipe", "file_limit", "time_limit"], &[&[]]);
    all.extend(cases(&["alarm"], &[&[0], &[1], &[2]]));
    all.extend(cases(
        &["timer", "owned_pipe"],
        &[&[14], &[29], &[10], &[40], &[64]],
    ));
    all_alike(&all, nothing);
}

#[test]
fn blocked_signal_ends_alike_once_unblocked() {
    for signal in some() {
        all_alike(&[case("outside_while_blocked", &signal)], |host| {
            host.wait_until_ready();
            host.signal(signal[0]);
        });
    }
}
