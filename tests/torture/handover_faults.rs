//! A hand-over that goes wrong: somebody is killed in the middle of it, or the successor cannot take over. It ends in a bounded
//! time, and what it leaves behind misleads nobody.

use crate::aftermath::{IsDaemon, aftermath, held_by};
use crate::common::{
    Descendants, Process, TestDir, exited, is_at_work, is_watching, killed_by, status_line,
    tasks_of, wait_for,
};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const SHAPES: [&[&str]; 2] = [&["fork", "setsid"], &["fork", "setsid", "fork"]];

/// Has this happen to every process of the host, and what it forks, at the `when`th of these system calls of one of its
/// threads.
fn inject(host: &Process, call: &str, what: &str, when: impl Display) -> Child {
    let strace = Command::new("strace")
        .args(["--follow-forks", "--signal=none", "--quiet=all"])
        .arg(format!("--trace={call}"))
        .arg(format!("--inject={call}:{what}:when={when}"))
        .args(["--output", "/dev/null"])
        .arg(format!("--attach={}", host.pid()))
        .stderr(Stdio::null())
        .spawn()
        .expect("strace");
    let is_traced = |task: &i32| status_line(*task, "TracerPid") != "0";
    // It may be killed as soon as the first of its threads is traced.
    wait_for(
        || !host.is_running() || tasks_of(host.pid()).iter().all(is_traced),
        "it is traced by strace",
    );
    strace
}

const KILLED: &str = "signal=KILL";

/// Whether somebody was killed.
fn one_injection(call: &str, what: &str, when: usize, steps: &[&str]) -> bool {
    let dir = TestDir::new();
    let orphans = Descendants::of(&dir);
    let steps = [&["be told"], steps].concat();
    let mut host = dir.host("daemonizes").args(&steps).spawn();
    host.wait_until(|host| is_watching(host.pid()), "watching");
    let mut strace = inject(&host, call, what, when);
    host.close_stdin();
    let launcher = host.wait();
    let before = orphans.children().len();
    aftermath(&dir, &orphans, when.is_multiple_of(2), is_at_work);
    let hit = what == KILLED && (launcher.status == killed_by(libc::SIGKILL) || before == 0);
    assert!(hit || launcher.status == exited(0), "{launcher:?}");
    drop(orphans);
    wait_for(
        || strace.try_wait().unwrap().is_some(),
        "strace ends with what it traces",
    );
    hit
}

fn sweep(calls: &[&str], what: &str, last: usize) {
    let mut cases = Vec::new();
    for shape in SHAPES {
        for waiting in ["", "pipe"] {
            for call in calls {
                for when in 1..=last {
                    let steps = [&["wait for", waiting], shape].concat();
                    cases.push((*call, when, steps));
                }
            }
        }
    }
    let (next, hits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let failures = Mutex::new(Vec::new());
    let work = || {
        while let Some((call, when, steps)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            match catch_unwind(AssertUnwindSafe(|| one_injection(call, what, *when, steps))) {
                Ok(hit) => _ = hits.fetch_add(usize::from(hit), Ordering::Relaxed),
                Err(_) => failures
                    .lock()
                    .unwrap()
                    .push(format!("{call}, {what}, {when}, {steps:?}")),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    println!(
        "{calls:?}, {what}: {} injections, {} of them killed somebody early, {} harmed",
        cases.len(),
        hits.into_inner(),
        failures.len()
    );
    assert!(
        failures.is_empty(),
        "{} of {} failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn kill_at_hand_over_call_misleads_nobody() {
    let calls = ["pwrite64", "flock", "ftruncate", "futex"];
    sweep(&calls, KILLED, 6);
    sweep(&["exit_group", "clone3", "openat"], KILLED, 3);
}

/// Whatever call that is.
#[test]
fn kill_at_any_call_misleads_nobody() {
    sweep(&["all"], KILLED, 60);
}

/// Of the library's calls those that the successor does not need for its own end. (For that: `faults`.)
#[test]
fn failing_hand_over_call_misleads_nobody() {
    let last = if cfg!(feature = "torture") { 6 } else { 1 };
    for (call, errors) in [
        ("flock", &["ENOLCK", "EINTR"][..]),
        ("pwrite64", &["ENOSPC", "EIO"]),
        ("ftruncate", &["EIO"]),
        ("close_range", &["ENOSYS", "EPERM"]),
        ("madvise", &["EINVAL"]),
        ("mprotect", &["ENOMEM"]),
    ] {
        for error in errors {
            sweep(&[call], &format!("error={error}"), last);
        }
    }
}

/// Every look at another process takes long: what was seen of the leader and of its second is not of one moment.
#[test]
fn slow_looks_still_find_the_second() {
    let rounds = if cfg!(feature = "torture") { 200 } else { 12 };
    for delay in [300, 1000].repeat(rounds / 2) {
        let dir = TestDir::new();
        let orphans = Descendants::of(&dir);
        let mut host = dir.host("daemonizes");
        host = host.args(["be told", "fork", "setsid", "fork"]);
        let mut host = host.spawn();
        host.wait_until(|host| is_watching(host.pid()), "watching");
        let mut strace = inject(&host, "openat", &format!("delay_enter={delay}"), "1+");
        host.close_stdin();
        let launcher = host.wait();
        assert_eq!(launcher.status, exited(0), "{launcher:?}");
        wait_for(
            || held_by(&dir).is_some_and(is_at_work),
            "the second owns the file",
        );
        drop(orphans);
        wait_for(
            || strace.try_wait().unwrap().is_some(),
            "strace ends with what it traces",
        );
    }
}

/// Lets a launcher become a daemon by these steps, which keep the daemon from taking over.
fn cannot_take_over(dir: &TestDir, steps: &[&str], at_once: bool, is_daemon: IsDaemon) {
    let orphans = Descendants::of(dir);
    let mut host = dir.host("daemonizes").args(steps).spawn();
    let _input = host.take_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0), "{steps:?}: {ended:?}");
    wait_for(
        || orphans.children().len() == 1,
        &format!("it goes on: {steps:?}"),
    );
    aftermath(dir, &orphans, at_once, is_daemon);
}

#[test]
fn successor_turned_other_program_gets_nothing() {
    for shape in SHAPES {
        let dir = TestDir::new();
        let still = dir.host_path("waits_for_eof_static");
        let steps = [shape, &["exec", still.to_str().unwrap()]].concat();
        let steps = [&["wait for", "pipe"], &steps[..]].concat();
        cannot_take_over(&dir, &steps, shape.len() == 2, |pid| {
            status_line(pid, "Name") == "waits_for_eof_s"
        });

        let dir = TestDir::new();
        // It keeps nothing but what the test knows it by.
        let mark = format!("TEST_DIR={}", dir.path("").display());
        let exec = ["exec", "/usr/bin/env", "-i", &mark, "sleep", "1000"];
        let steps = [&["wait for", "pipe"], shape, &exec].concat();
        cannot_take_over(&dir, &steps, shape.len() == 2, |pid| {
            status_line(pid, "Name") == "sleep"
        });
    }
}

/// It has a fork behind it and no session yet when it loses what its keeper would need.
#[test]
#[ignore = "needs root"]
fn successor_without_keeper_gets_nothing() {
    for at_once in [false, true] {
        for way in ["thread", "memory", "descriptor"] {
            let dir = TestDir::new();
            let way: &[&str] = match way {
                // Root may have as many as it likes.
                "thread" => &["drop root", "no more processes"],
                "memory" => &["no more memory"],
                _ => &["no more descriptors"],
            };
            let steps = [&["wait for", "pipe", "fork"], way, &["setsid"]].concat();
            cannot_take_over(&dir, &steps, at_once, is_at_work);
        }
    }
}
