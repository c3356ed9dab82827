//! A file system that does not answer. The library's own thread is held at the entry of each call that it makes on the
//! PID file, one after the other: at the start, at a deletion, at the end, and on both sides of a hand-over. Whoever is
//! to end then ends, while the call is still held, and what it leaves is nobody's.
//!
//! A debugger that holds the thread stands for the file system.

use crate::common::{
    Call, Descendant, Descendants, Ended, NOTHING, Process, Step, Stopped, TestDir, exited,
    extra_tasks_of, find_keeper, is_watching, keeper_of, killed_by, output_pids, status_line,
    wait_for, wait_until_idle,
};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Every which call is held in a sample.
const SAMPLE: usize = if cfg!(feature = "torture") { 1 } else { 8 };
/// More than any of the lives makes on the file.
const MOST: usize = 200;

/// Runs a life in which the call of that number is held; returns which call that was, or none if there are not as many.
type Life = fn(usize) -> Option<Call>;

/// Holds a thread at its `number`th call on the PID file. `meanwhile` is asked again and again, until it returns true: then
/// nothing more will happen.
fn hold(
    dir: &TestDir,
    thread: &Stopped,
    number: usize,
    mut meanwhile: impl FnMut() -> bool,
) -> Option<Call> {
    let mut calls = 0;
    let mut held = None;
    thread.go_on();
    wait_for(
        || match thread.look() {
            Step::Runs => meanwhile(),
            Step::Ended => true,
            Step::Call(call) => {
                if thread.is_about(&call, &dir.path("run")) {
                    held = (calls == number).then_some(call);
                    calls += 1;
                }
                if held.is_none() {
                    thread.go_on();
                }
                held.is_some()
            }
        },
        "the call is made, or all is over",
    );
    held
}

/// Sees that the next start finds no obstacle in what is left.
fn is_left_to_the_next(dir: &TestDir) {
    let names_a_draft = |name: &String| name.starts_with(".pidfile-");
    for draft in dir.leftovers().into_iter().filter(names_a_draft) {
        fs::remove_file(dir.path("run").join(draft)).unwrap();
    }
    assert!(dir.leftovers() == NOTHING || dir.an_outsider_can_lock());
    let mut next = dir.host("waits_for_eof").spawn_owner();
    next.close_stdin();
    let ended = next.wait();
    assert_eq!((ended.status, &*ended.stderr), (exited(0), ""));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// Waits until a host has ended whose thread is held.
fn ended(host: Process, held: Stopped, status: ExitStatus) -> Ended {
    held.reap();
    let ended = host.wait();
    assert_eq!(ended.status, status, "{ended:?}");
    ended
}

/// A host, from its start to its end. It is to end by SIGTERM if `by_signal`, else at the end of its input.
fn live(number: usize, by_signal: bool, is_deleted: bool, settings: &[&str]) -> Option<Call> {
    let dir = TestDir::new();
    if settings.contains(&"stale") {
        fs::write(dir.pidfile(), format!("{}\n", i32::MAX)).unwrap();
    }
    let mut host = dir.host("stops_before_constructors");
    if settings.contains(&"poll") {
        host = host.env("PIDFILE_WATCH", "poll");
    }
    let mut host = host.spawn();
    host.wait_until(
        |host| status_line(host.pid(), "State").starts_with('T'),
        "stopped",
    );
    let keeper = Stopped::first_thread_of(host.pid());
    let mut is_told = false;
    let held = hold(&dir, &keeper, number, || {
        if host.stdout().is_empty() {
            return false;
        }
        if !is_told {
            wait_until_idle(&host);
            match (is_deleted, by_signal) {
                (true, _) => dir.remove_pidfile(),
                (_, true) => host.signal(libc::SIGTERM),
                (_, false) => host.close_stdin(),
            }
        }
        is_told = true;
        false
    });
    if !is_told {
        if by_signal {
            host.signal(libc::SIGTERM);
        } else {
            host.close_stdin();
        }
    } else if is_deleted {
        host.signal(libc::SIGTERM);
    }
    let was_signal = by_signal || is_told && is_deleted;
    let status = if was_signal {
        killed_by(libc::SIGTERM)
    } else {
        exited(7)
    };
    ended(host, keeper, status);
    if held.is_some() {
        is_left_to_the_next(&dir);
    }
    held
}

/// A launcher whose daemon stands by.
fn launched(dir: &TestDir) -> (Process, i32) {
    let steps = ["wait for", "pipe", "fork", "setsid", "be told"];
    let launcher = dir.host("daemonizes").args(steps).spawn();
    let daemon = || output_pids(dir, "process").first().copied();
    launcher.wait_until(|_| daemon().is_some(), "the launcher of a daemon");
    let daemon = daemon().unwrap();
    wait_for(|| find_keeper(daemon).is_some(), "the daemon stands by");
    wait_until_idle(&launcher);
    (launcher, daemon)
}

/// The launcher's thread is held while it hands over.
fn launcher_leaves(number: usize) -> Option<Call> {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let (mut launcher, daemon) = launched(&dir);
    let keeper = Stopped::stop(keeper_of(launcher.pid()));
    let daemon = Descendant::new(daemon);
    launcher.close_stdin();
    let held = hold(&dir, &keeper, number, || false);
    ended(launcher, keeper, exited(0));
    // It has the file, or will never have it.
    daemon.signal(libc::SIGTERM);
    assert_eq!(daemon.wait(), killed_by(libc::SIGTERM));
    if held.is_some() {
        is_left_to_the_next(&dir);
    }
    held
}

/// The daemon's thread is held while it is given the file.
fn daemon_takes_over(number: usize) -> Option<Call> {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let (mut launcher, daemon) = launched(&dir);
    let keeper = Stopped::stop(keeper_of(daemon));
    let daemon = Descendant::new(daemon);
    launcher.close_stdin();
    let held = hold(&dir, &keeper, number, || !launcher.is_running());
    assert_eq!(launcher.wait().status, exited(0));
    daemon.signal(libc::SIGTERM);
    keeper.reap();
    assert_eq!(daemon.wait(), killed_by(libc::SIGTERM));
    if held.is_some() {
        is_left_to_the_next(&dir);
    }
    held
}

/// The thread that waits for events is held while it looks.
fn watcher_looks(number: usize) -> Option<Call> {
    let dir = TestDir::new();
    let host = dir.host("waits_for_eof").spawn_owner();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    wait_until_idle(&host);
    let keeper = keeper_of(host.pid());
    let mut others = extra_tasks_of(host.pid()).into_iter();
    let watcher = Stopped::stop(others.find(|task| *task != keeper).unwrap());
    dir.remove_pidfile();
    let held = hold(&dir, &watcher, number, || false);
    if held.is_some() {
        host.signal(libc::SIGTERM);
    }
    ended(host, watcher, killed_by(libc::SIGTERM));
    if held.is_some() {
        is_left_to_the_next(&dir);
    }
    held
}

/// Only the library's own threads make calls on the file while there are such: a host that ends cannot be stuck in one.
#[test]
fn ending_thread_makes_no_call_on_the_file() {
    for by_signal in [true, false] {
        let dir = TestDir::new();
        let mut host = dir.host("waits_for_eof").spawn_owner();
        wait_until_idle(&host);
        let main = Stopped::stop(host.pid());
        if by_signal {
            host.signal(libc::SIGTERM);
        } else {
            host.close_stdin();
        }
        let call = hold(&dir, &main, 0, || false);
        assert!(call.is_none(), "{by_signal}: {call:?}");
        // It was reaped as the thread that it was.
        std::mem::forget(host);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// A daemon that stands by, and ends before its launcher does.
#[test]
fn ending_candidate_makes_no_call_on_the_file() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let (launcher, daemon) = launched(&dir);
    let main = Stopped::stop(daemon);
    // SAFETY: plain call with numbers.
    assert_eq!(unsafe { libc::kill(daemon, libc::SIGTERM) }, 0);
    let call = hold(&dir, &main, 0, || false);
    assert!(call.is_none(), "{call:?}");
    // It has waited for the daemon alone.
    assert_eq!(launcher.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

const LIVES: &[(&str, Life)] = &[
    ("a life ended by a signal", |number| {
        live(number, true, false, &[])
    }),
    ("a life ended by itself, after a stale file", |number| {
        live(number, false, false, &["stale"])
    }),
    ("a life ended by a deletion", |number| {
        live(number, true, true, &[])
    }),
    ("a life of polling", |number| {
        live(number, true, true, &["poll"])
    }),
    ("the launcher at a hand-over", launcher_leaves),
    ("the daemon at a hand-over", daemon_takes_over),
    ("the watching thread at a deletion", watcher_looks),
];

#[test]
fn call_that_hangs_holds_up_no_end() {
    let cases: Vec<_> = (0..MOST)
        .step_by(SAMPLE)
        .flat_map(|number| LIVES.iter().map(move |life| (number, life)))
        .collect();
    let next = AtomicUsize::new(0);
    let (seen, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let work = || {
        while let Some((number, (name, life))) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let past_the_last = seen.lock().unwrap().contains(&(*name, None));
            if past_the_last {
                continue;
            }
            match catch_unwind(AssertUnwindSafe(|| life(*number))) {
                Ok(call) => seen
                    .lock()
                    .unwrap()
                    .push((*name, call.map(|call| call.number))),
                Err(_) => failed.lock().unwrap().push((*name, *number)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(work);
        }
    });
    let (seen, failed) = (seen.into_inner().unwrap(), failed.into_inner().unwrap());
    for (name, _) in LIVES {
        let calls = seen
            .iter()
            .filter_map(|(life, call)| call.filter(|_| life == name));
        let calls: Vec<_> = calls.collect();
        println!("{name}: {} calls held, {calls:?}", calls.len());
        assert!(!calls.is_empty(), "{name}");
    }
    assert!(failed.is_empty(), "{failed:?}");
}
