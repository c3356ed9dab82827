//! What `c-tests/handover/daemonizes.c` does, seen from outside.

use super::descendants::Descendant;
use super::file_observer::FileObserver;
use super::host::HostCommand;
use super::process::{exited, killed_by};
use super::procfs::status_line;
use super::test_dir::{NOTHING, TestDir, library};
use super::wait::wait_for;
use std::fs;
use std::path::Path;

/// How programs become daemons.
pub const SHAPES: [&[&str]; 7] = [
    &["fork", "setsid"],
    &["fork", "setsid", "fork"],
    &["daemon(0, 0)"],
    &["daemon(1, 1)"],
    &["setsid", "fork"],
    &["setsid", "fork", "setsid"],
    &["fork", "setsid", "daemon(1, 1)"],
];
pub fn forks(steps: &[&str]) -> usize {
    let forks = |step: &&&str| **step == "fork" || step.starts_with("daemon(");
    steps.iter().filter(forks).count()
}

/// How many processes say nothing: musl's daemon(3) forks twice, and the file may name the one between for a moment.
fn forks_unsaid(steps: &[&str]) -> usize {
    let is_for_musl = library().ends_with("libpidfile-musl.so");
    let daemons = steps.iter().filter(|step| step.starts_with("daemon("));
    if is_for_musl { daemons.count() } else { 0 }
}

/// Who goes on after a fork says so. What they say, one after the other.
pub fn output_pids(dir: &TestDir, what: &str) -> Vec<i32> {
    let mut said = Vec::new();
    for entry in fs::read_dir(dir.path("out")).unwrap() {
        let output = fs::read_to_string(entry.unwrap().path()).unwrap();
        said.extend(output.lines().filter_map(|line| {
            let pid = line.strip_prefix(what)?.strip_prefix(' ')?;
            pid.parse::<i32>().ok()
        }));
    }
    said
}

pub fn is_at_work(pid: i32) -> bool {
    status_line(pid, "Name") == "at work"
}

/// Starts the program, watches the whole hand-over, and returns the daemon, which owns the file now.
#[track_caller]
pub fn daemonize(dir: &TestDir, steps: &[&str]) -> Descendant {
    daemonize_with(dir, steps, &[])
}

#[track_caller]
pub fn daemonize_with(dir: &TestDir, steps: &[&str], settings: &[(&str, &str)]) -> Descendant {
    daemonize_while(dir, steps, settings, || ())
}

/// As the others; `meanwhile` happens between the start and the end of the launcher.
#[track_caller]
pub fn daemonize_while(
    dir: &TestDir,
    steps: &[&str],
    settings: &[(&str, &str)],
    meanwhile: impl FnOnce(),
) -> Descendant {
    let mut host = dir.host("daemonizes").args(steps);
    for (name, value) in settings {
        host = host.env(name, value);
    }
    daemonize_by(dir, host, steps, meanwhile)
}

/// As the others; `host` is the launcher with its steps, however it is started.
#[track_caller]
pub fn daemonize_by(
    dir: &TestDir,
    host: HostCommand<'_>,
    steps: &[&str],
    meanwhile: impl FnOnce(),
) -> Descendant {
    let observer = FileObserver::of(dir.pidfile());
    let launcher = host.spawn();
    let started = launcher.pid();
    meanwhile();
    let ended = launcher.wait();
    let then = dir.content();
    assert_eq!(ended.status, exited(0), "{steps:?}: {ended:?}");
    wait_for(
        || output_pids(dir, "process").len() == forks(steps),
        &format!("there is a daemon: {steps:?}"),
    );
    let chain = output_pids(dir, "process");
    let daemon = Descendant::new(*chain.last().unwrap());
    let does_its_work = || match steps.iter().position(|step| *step == "exec") {
        Some(exec) => {
            let program = Path::new(steps[exec + 1]).file_name().unwrap();
            let name = status_line(daemon.pid, "Name");
            // The kernel keeps but the first 15 bytes.
            !name.is_empty() && program.to_str().unwrap().starts_with(&name)
        }
        None => is_at_work(daemon.pid),
    };
    wait_for(
        || does_its_work() && dir.content() == daemon.pid_line(),
        &format!(
            "the daemon {} works and the file names it: {steps:?}, {:?}",
            daemon.pid,
            dir.content()
        ),
    );
    // Whether a daemon that has begun a session will fork once more, nobody can know. A launcher that waits, can.
    let waits = steps
        .windows(2)
        .any(|pair| pair[0] == "wait for" && !pair[1].is_empty());
    let unsaid = forks_unsaid(steps);
    let is_known = waits || chain.len() + unsaid == 1;
    assert!(
        then == daemon.pid_line()
            || !is_known && chain.iter().any(|pid| then == format!("{pid}\n"))
            || !is_known
                && unsaid > 0
                && then.trim_end().parse().is_ok_and(|pid: i32| pid != started),
        "{steps:?}: when the launcher {started} was gone the file held {then:?}, of {chain:?}"
    );
    let seen = match observer.finish() {
        Ok(seen) => seen,
        Err(what) => panic!("{steps:?}: {started}, {chain:?}: {what}"),
    };
    let mut others = seen.clone();
    others.retain(|pid| *pid != started && !chain.contains(pid));
    assert!(
        others.len() <= unsaid,
        "{steps:?}: a reader saw {seen:?}, of {started}, {chain:?}"
    );
    wait_for(
        || !dir.an_outsider_can_lock(),
        &format!("the daemon {} has the lock: {steps:?}", daemon.pid),
    );
    assert_eq!(dir.leftovers(), ["a.pid"], "{steps:?}");
    daemon
}

/// Each way in which a daemon's file goes, in turn.
pub fn end_daemon(dir: &TestDir, daemon: Descendant, way: usize, what: &[&str]) {
    let expected = match way % 4 {
        0 => {
            dir.remove_pidfile();
            killed_by(libc::SIGTERM)
        }
        1 => {
            daemon.signal(libc::SIGTERM);
            killed_by(libc::SIGTERM)
        }
        2 => {
            daemon.signal(libc::SIGINT);
            exited(0)
        }
        _ => {
            daemon.signal(libc::SIGQUIT);
            exited(3)
        }
    };
    assert_eq!(daemon.wait(), expected, "{what:?}, end {way}");
    assert_eq!(dir.leftovers(), NOTHING, "{what:?}, end {way}");
}
