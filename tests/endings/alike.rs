//! Compares every way to end × (inert, active, active without a thread) with plain. The wait status is the same bit for
//! bit, core flag included, the output is the same, and the file is gone. The cases are generated; the host `ends_by`
//! knows the ways.

use crate::SERVICE_ENDS;
use crate::common::{Ended, Mode, NOTHING, Process, TestDir};
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
pub struct Case(pub Vec<String>);

pub fn case(way: &str, numbers: &[i32]) -> Case {
    let numbers = numbers.iter().map(i32::to_string);
    Case(std::iter::once(way.to_owned()).chain(numbers).collect())
}

/// Every case of some ways with some numbers.
pub fn cases(ways: &[&str], numbers: &[&[i32]]) -> Vec<Case> {
    let with_each = |way: &&str| -> Vec<Case> { numbers.iter().map(|n| case(way, n)).collect() };
    ways.iter().flat_map(with_each).collect()
}

pub fn one_by_one(numbers: impl IntoIterator<Item = i32>) -> Vec<Vec<i32>> {
    numbers.into_iter().map(|number| vec![number]).collect()
}

pub fn slices(numbers: &[Vec<i32>]) -> Vec<&[i32]> {
    numbers.iter().map(Vec::as_slice).collect()
}

/// The signals that end a process by default and can be caught. glibc keeps 32 and 33 for itself.
pub fn catchable() -> Vec<Vec<i32>> {
    let others = [9, 17, 18, 19, 20, 21, 22, 23, 28, 32, 33];
    one_by_one((1..=64).filter(|signal| !others.contains(signal)))
}

/// Some of each kind: asked for politely, faults, with a core, real-time.
pub fn some() -> Vec<Vec<i32>> {
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
pub fn all_alike(cases: &[Case], drive: impl Fn(&mut Process) + Sync) {
    all_compared(cases, drive, |dir, ended| {
        let signal = ended.status.signal();
        let may_stay = signal.is_some_and(|signal| !SERVICE_ENDS.contains(&signal));
        dir.leftovers() == NOTHING || may_stay && dir.an_outsider_can_lock()
    });
}

/// The same where nothing of ours is called at the end: the file may stay.
#[track_caller]
pub fn all_alike_but_for_the_file(cases: &[Case]) {
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

pub fn nothing(_: &mut Process) {}
