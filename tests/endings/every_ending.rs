//! Every way to end × (inert, active, active without a thread) against plain: the same wait status bit for bit, core flag
//! included, the same output, and the file gone. The cases are generated; the host `ends_by` knows the ways.

use crate::SERVICE_ENDS;
use crate::common::{
    Ended, Mode, NOTHING, Process, TestDir, blocked_signals, context_switches, extra_tasks_of,
    wait_for,
};
use std::os::unix::process::ExitStatusExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What the library gets to do. The last one has no thread of ours: there the thread that ends removes the file itself.
const WAYS_TO_RUN: [(&str, Mode, &str); 4] = [
    ("plain", Mode::Plain, "auto"),
    ("inert", Mode::Inert, "auto"),
    ("active", Mode::Active, "auto"),
    ("active, PIDFILE_WATCH=off", Mode::Active, "off"),
];

/// The arguments of `ends_by`.
#[derive(Clone)]
struct Case(Vec<String>);

fn case(way: &str, numbers: &[i32]) -> Case {
    let numbers = numbers.iter().map(i32::to_string);
    Case(std::iter::once(way.to_owned()).chain(numbers).collect())
}

/// Every case of some ways with some numbers.
fn cases(ways: &[&str], numbers: &[&[i32]]) -> Vec<Case> {
    let with_each = |way: &&str| -> Vec<Case> { numbers.iter().map(|n| case(way, n)).collect() };
    ways.iter().flat_map(with_each).collect()
}

fn one_by_one(numbers: impl IntoIterator<Item = i32>) -> Vec<Vec<i32>> {
    numbers.into_iter().map(|number| vec![number]).collect()
}

fn slices(numbers: &[Vec<i32>]) -> Vec<&[i32]> {
    numbers.iter().map(Vec::as_slice).collect()
}

/// The signals that end a process by default and can be caught. glibc keeps 32 and 33 for itself.
fn catchable() -> Vec<Vec<i32>> {
    let others = [9, 17, 18, 19, 20, 21, 22, 23, 28, 32, 33];
    one_by_one((1..=64).filter(|signal| !others.contains(signal)))
}

/// Some of each kind: asked for politely, faults, with a core, real-time.
fn some() -> Vec<Vec<i32>> {
    one_by_one([
        libc::SIGHUP,
        libc::SIGINT,
        libc::SIGQUIT,
        libc::SIGABRT,
        libc::SIGUSR1,
        libc::SIGSEGV,
        libc::SIGALRM,
        libc::SIGTERM,
        libc::SIGTRAP,
        34,
        64,
    ])
}

/// Runs each case all four ways, and fails with a list of those that differ. `drive` does what the test has to do from
/// outside. The file has to be gone after an exit and after each of [`SERVICE_ENDS`]. After other signals it may stay,
/// but nobody can take it for that of a living process, since its lock is free.
#[track_caller]
fn all_alike(cases: &[Case], drive: impl Fn(&mut Process) + Sync) {
    all_compared(cases, drive, |dir, ended| {
        let signal = ended.status.signal();
        let may_stay = signal.is_some_and(|signal| !SERVICE_ENDS.contains(&signal));
        dir.leftovers() == NOTHING || may_stay && dir.an_outsider_can_lock()
    });
}

/// The same where nothing of ours is called at the end: the file may stay.
#[track_caller]
fn all_alike_but_for_the_file(cases: &[Case]) {
    all_compared(cases, nothing, |dir, _| {
        dir.leftovers() == NOTHING || dir.an_outsider_can_lock()
    });
}

#[track_caller]
fn all_compared(
    cases: &[Case],
    drive: impl Fn(&mut Process) + Sync,
    is_right: impl Fn(&TestDir, &Ended) -> bool + Sync,
) {
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            differences
                .lock()
                .unwrap()
                .extend(compare(case, &drive, &is_right));
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let differences = differences.into_inner().unwrap();
    println!("{} cases, {} differences", cases.len(), differences.len());
    assert!(
        differences.is_empty(),
        "{} of {} cases differ:\n{}",
        differences.len(),
        cases.len(),
        differences.join("\n")
    );
}

fn compare(
    case: &Case,
    drive: &impl Fn(&mut Process),
    is_right: &impl Fn(&TestDir, &Ended) -> bool,
) -> Vec<String> {
    let dir = TestDir::new();
    let mut plain: Option<Ended> = None;
    let mut differences = Vec::new();
    for (name, mode, watch) in WAYS_TO_RUN {
        let host = dir.host("ends_by").env("PIDFILE_WATCH", watch);
        let mut host = host.mode(mode).args(&case.0).dumps_core().spawn();
        drive(&mut host);
        let ended = host.wait();
        // The host's own complaint: the case does not happen as it should.
        assert_ne!(
            (plain.is_none(), ended.status.code()),
            (true, Some(99)),
            "{:?}: {}",
            case.0,
            ended.stderr
        );
        // No waiting: who has seen the end does not see the file.
        if !is_right(&dir, &ended) {
            differences.push(format!("{:?}, {name}: the file is still there", case.0));
        }
        if dir.leftovers() != NOTHING {
            dir.remove_pidfile();
        }
        let plain = plain.get_or_insert_with(|| ended.clone());
        if ended != *plain {
            differences.push(format!(
                "{:?}, {name}: {ended:?}, but plain {plain:?}",
                case.0
            ));
        }
    }
    differences
}

fn nothing(_: &mut Process) {}

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
fn blocked_signal_ends_alike_once_unblocked() {
    for signal in some() {
        all_alike(&[case("outside_while_blocked", &signal)], |host| {
            host.wait_until_ready();
            host.signal(signal[0]);
        });
    }
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
