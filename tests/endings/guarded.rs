//! Every way to end with `PIDFILE_GUARD=1`: the file goes after each of them, also where no handler sees the end, and nothing
//! else is different.

use crate::common::{
    Descendants, Ended, Mode, NOTHING, Process, Stopped, TestDir, exited, killed_by, library,
    wait_for,
};
use crate::first_process::sees_abort;
use crate::guard::{WITH_GUARD, guard_of, guards, guards_of, owner, wait_until_unguarded};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `ends_by` is told: a way; and its numbers, one case each. 15 has a handler of ours, 5 and 64 have none.
const ENDINGS: &[(&str, &[&str])] = &[
    ("return", &["3"]),
    ("exit", &["3"]),
    ("_exit", &["3"]),
    ("_Exit", &["3"]),
    ("quick_exit", &["3"]),
    ("raw_name", &["3"]),
    ("_exit_in_atexit", &["3"]),
    ("exit_in_thread", &["3"]),
    ("_exit_in_thread", &["3"]),
    ("raw_exit", &["5 0", "5 1", "5 2"]),
    ("abort", &["0"]),
    ("abort_in_thread", &["0"]),
    ("abort_blocked", &["0"]),
    ("abort_ignored", &["0"]),
    ("abort_handled", &["0"]),
    ("abort_jumped", &["0"]),
    ("abort_left", &["0"]),
    ("double_free", &["0"]),
    ("fault", &["0 0", "0 5", "0 12"]),
    ("fault_in_thread", &["0 0"]),
    ("fault_in_handler", &["0 0"]),
    ("handled_fault", &["0 0"]),
    ("reported_fault", &["0 0"]),
    ("fault_blocked", &["0"]),
    ("fault_ignored", &["0"]),
    ("overflow", &["0"]),
    ("overflow_with_stack", &["0"]),
    ("overflow_in_thread", &["0 0", "0 1"]),
    ("small_stack", &["15 2048", "15 8192"]),
    ("tiles_in_use", &["15", "64"]),
    ("stack_gone", &["15"]),
    ("thread_with_stack", &["15"]),
    ("raise_on_stack", &["15"]),
    ("thread_with_little_room", &["15"]),
    ("raise", &["15", "5", "64", "31"]),
    ("kill", &["15", "5", "64"]),
    ("kill_group", &["15", "64"]),
    ("pthread_kill", &["15", "64"]),
    ("pthread_kill_from_thread", &["15", "64"]),
    ("pthread_kill_of_thread", &["15", "64"]),
    ("kill_taken_by_thread", &["15", "64"]),
    ("sigqueue", &["15", "64"]),
    ("queue_with_code", &["15 1", "7 5"]),
    ("forged_fault", &["11 1"]),
    ("tkill", &["15", "64"]),
    ("child", &["15", "64"]),
    ("explicit_default", &["15 0", "15 7", "40 3"]),
    ("default_after_own", &["15 0", "40 1"]),
    ("saved_and_restored", &["15"]),
    ("ignored", &["15"]),
    ("after_system", &["15", "64"]),
    ("after_vfork", &["15", "64"]),
    ("after_siginterrupt", &["15 0", "15 1"]),
    ("own_exit", &["15", "64"]),
    ("own__exit", &["15", "64"]),
    ("own_reset", &["15", "64"]),
    ("own_reset_and_kill", &["15", "64"]),
    ("one_shot", &["15 0", "15 5", "64 2"]),
    ("one_shot_fault", &["0 0", "0 5"]),
    ("one_shot_again", &["15", "64"]),
    ("sigwait", &["15"]),
    ("sigwaitinfo", &["15"]),
    ("signalfd", &["15"]),
    ("mask_while_waiting", &["15 0", "64 3"]),
    ("unblocking", &["15 0", "64 0"]),
    ("outside_while_blocked", &["15", "64"]),
    ("two", &["15 2", "40 41"]),
    ("two_open", &["15 2", "40 41"]),
    ("all_threads", &["15", "64", "7 1"]),
    ("alarm", &["0", "1", "2"]),
    ("timer", &["14", "64"]),
    ("pipe", &["0"]),
    ("file_limit", &["0"]),
    ("time_limit", &["0"]),
    ("owned_pipe", &["14", "64"]),
    ("main_leaving", &["11 0", "11 3", "11 6", "0 10"]),
    ("main_cancelled", &["0"]),
    ("child_like", &["3 0 exit", "0 0 overflow"]),
];

/// The kernel of another architecture takes no alternate stack that is smaller than a frame of its own.
fn is_too_small(case: &[&str]) -> bool {
    matches!(case, ["small_stack", _, size] if size.parse::<usize>().unwrap() < libc::MINSIGSTKSZ)
}

/// Runs one case, and does from outside what it waits for.
fn end(dir: &TestDir, mode: Mode, case: &[&str]) -> Ended {
    let host = dir
        .host("ends_by")
        .mode(mode)
        .env(WITH_GUARD.0, WITH_GUARD.1);
    let mut host = host.args(case).dumps_core().spawn();
    let tell = |host: &mut Process| {
        host.wait_until_ready();
        host.close_stdin();
    };
    match case {
        ["raw_exit", ..] | ["main_leaving", "0", "10"] => tell(&mut host),
        ["outside_while_blocked", signal] => {
            host.wait_until_ready();
            host.signal(signal.parse().unwrap());
        }
        _ => {}
    }
    host.wait()
}

#[test]
fn every_ending_leaves_no_file() {
    let cases: Vec<Vec<&str>> = ENDINGS
        .iter()
        .flat_map(|(way, numbers)| numbers.iter().map(move |numbers| (way, numbers)))
        .map(|(way, numbers)| [*way].into_iter().chain(numbers.split(' ')).collect())
        .filter(|case: &Vec<&str>| !is_too_small(case))
        .collect();
    let next = AtomicUsize::new(0);
    let differences = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let dir = TestDir::new();
            let _descendants = Descendants::of(&dir);
            let plain = end(&dir, Mode::Plain, case);
            assert_ne!(plain.status, exited(99), "{case:?}: {}", plain.stderr);
            let guarded = end(&dir, Mode::Active, case);
            if guarded != plain {
                let difference = format!("{case:?}: {guarded:?}, but plain {plain:?}");
                differences.lock().unwrap().push(difference);
            }
            wait_for(
                || dir.leftovers() == NOTHING,
                &format!("the file is gone after {case:?}"),
            );
            wait_until_unguarded(&dir);
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let differences = differences.into_inner().unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// No way is forgotten.
#[test]
fn endings_are_all_those_of_the_host() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("c-tests/endings/ends_by.c");
    let source = fs::read_to_string(source).unwrap();
    let table = source.split_once("ways[] = {").unwrap().1;
    let table = table.split_once("};").unwrap().0;
    let named = table.split("WAY(").skip(1);
    let known: BTreeSet<&str> = named.map(|rest| rest.split_once(')').unwrap().0).collect();
    let here: BTreeSet<&str> = ENDINGS.iter().map(|(way, _)| *way).collect();
    assert_eq!(here, known);
}

/// Many at a time, which all die at once. The torture has a thousand.
#[test]
fn many_owners_and_guards_leave_no_file() {
    let owners = if cfg!(feature = "torture") { 1000 } else { 50 };
    let dirs: Vec<TestDir> = (0..owners).map(|_| TestDir::new()).collect();
    let _descendants: Vec<Descendants> = dirs.iter().map(Descendants::of).collect();
    let hosts: Vec<Process> = dirs.iter().map(|dir| owner(dir, "waits_for_eof")).collect();
    let files: BTreeSet<PathBuf> = dirs.iter().map(TestDir::pidfile).collect();
    let guarded = || -> BTreeSet<PathBuf> {
        let guards = guards().into_iter();
        let here = guards.filter(|(_, file)| files.contains(file));
        here.map(|(_, file)| file).collect()
    };
    wait_for(|| guarded() == files, "each has its guard");
    for host in &hosts {
        host.signal(libc::SIGKILL);
    }
    for host in hosts {
        assert_eq!(host.wait().status, killed_by(libc::SIGKILL));
    }
    for dir in &dirs {
        wait_for(|| dir.leftovers() == NOTHING, "the file is gone");
    }
    wait_for(|| guarded().is_empty(), "no guard is left");
}

/// A debugger that has stopped the guard keeps it from ending, and its parent from seeing the end.
#[test]
fn guard_that_cannot_end_does_not_hold_up_the_end() {
    for watch in ["auto", "off"] {
        let dir = TestDir::new();
        let _descendants = Descendants::of(&dir);
        let host = dir
            .host("waits_for_signal")
            .env(WITH_GUARD.0, WITH_GUARD.1)
            .env("PIDFILE_WATCH", watch)
            .spawn_owner();
        let stopped = Stopped::stop(guard_of(&dir).pid);
        host.signal(libc::SIGTERM);
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{watch}");
        assert_eq!(dir.leftovers(), NOTHING, "{watch}");
        stopped.reap();
        assert_eq!(guards_of(&dir.pidfile()), []);
    }
}

/// The first process of a PID namespace. When it has ended the kernel kills all others, and so the guard: what no handler has
/// removed stays, and is nobody's.
#[test]
#[ignore = "needs root"]
fn guard_of_a_first_process_is_not_noticed() {
    for letters in ["e", "_", "a", "k", ""] {
        let statuses = [false, true].map(|is_guarded| {
            let dir = TestDir::new();
            let mut host = dir.host("is_first_process").plain().arg("/usr/bin/env");
            if is_guarded {
                host = host.args([
                    format!("LD_PRELOAD={}", library().display()),
                    format!("PIDFILE={}", dir.pidfile().display()),
                    format!("{}={}", WITH_GUARD.0, WITH_GUARD.1),
                ]);
            }
            let host = host.arg(dir.host_path("is_first_process"));
            let mut host = host.spawn_ready();
            if is_guarded {
                assert_eq!(dir.content(), "1\n");
                guard_of(&dir);
            }
            if letters == "k" {
                let said = host.stdout();
                let pid = said
                    .lines()
                    .find_map(|line| line.strip_prefix("first process "));
                // SAFETY: plain call; the process is not reaped before its parent, the host, sees it end.
                unsafe { libc::kill(pid.unwrap().parse().unwrap(), libc::SIGKILL) };
            } else {
                host.write_stdin(letters.as_bytes());
                host.close_stdin();
            }
            let ended = host.wait();
            assert_eq!(ended.status, exited(0), "{letters}: {}", ended.stderr);
            assert!(!ended.stdout.contains("interrupted"), "{}", ended.stdout);
            wait_until_unguarded(&dir);
            if letters == "k" || letters == "a" && !sees_abort() {
                let left = dir.leftovers();
                assert!(left == NOTHING || dir.an_outsider_can_lock(), "{left:?}");
            } else {
                assert_eq!(dir.leftovers(), NOTHING, "{letters}");
            }
            let status = ended
                .stdout
                .lines()
                .find_map(|line| line.strip_prefix("status "));
            status.expect("it tells").to_owned()
        });
        assert_eq!(statuses[0], statuses[1], "{letters}");
    }
}
