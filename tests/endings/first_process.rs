//! PID 1 of a container. The kernel protects it: what has its default action is ignored, even SIGTERM. We must not take
//! that protection away, but an operator's SIGTERM and the deletion have to end it.

use crate::common::{Mode, NOTHING, Process, TestDir, exited, library};
use std::ffi::CStr;

/// Every way to run it. Needs the right to make namespaces.
const RUNS: [(Mode, &str); 4] = [
    (Mode::Plain, "auto"),
    (Mode::Inert, "auto"),
    (Mode::Active, "auto"),
    (Mode::Active, "off"),
];

/// Starts the host as the first process of a namespace, and waits until it has sent itself every harmless signal. The
/// process that this returns is the one outside that has started it and waits for it.
fn start(dir: &TestDir, mode: Mode, watch: &str) -> Process {
    let mut host = dir
        .host("is_first_process")
        .plain()
        .arg("/usr/bin/env")
        .arg(format!("PIDFILE_WATCH={watch}"));
    if mode != Mode::Plain {
        host = host.arg(format!("LD_PRELOAD={}", library().display()));
    }
    if mode == Mode::Active {
        host = host.arg(format!("PIDFILE={}", dir.pidfile().display()));
    }
    let host = host.arg(dir.host_path("is_first_process")).spawn_ready();
    if mode == Mode::Active {
        assert_eq!(dir.content(), "1\n");
    }
    host
}

/// Its PID as it is seen out here.
fn pid_outside(host: &Process) -> i32 {
    host.wait_until(
        |host| host.stdout().contains("first process "),
        "it says so",
    );
    let said = host.stdout();
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("first process "));
    line.expect("it says so").parse().unwrap()
}

/// Whether a handler of ours sees abort(3). The kernel ignores SIGABRT here, and libc goes on to an instruction. Its
/// signal is one of ours on x86-64, TRAP on arm64. But glibc 2.41 blocks all signals before (stdlib/abort.c), and so no
/// handler runs.
pub fn sees_abort() -> bool {
    // SAFETY: the function takes nothing, and returns a C string that is never changed.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    let version = version.to_str().unwrap();
    let (major, minor) = version.split_once('.').unwrap();
    let numbers: [u32; 2] = [major, minor].map(|number| number.parse().unwrap());
    cfg!(target_arch = "x86_64") && numbers < [2, 41]
}

/// How it ended, as its parent tells. The file is gone; where no handler has seen the end, it may be there and nobody's.
#[track_caller]
fn status_of(dir: &TestDir, host: Process, what: &str, is_seen: bool) -> i32 {
    let ended = host.wait();
    assert_eq!(ended.status, exited(0), "{what}: {}", ended.stderr);
    let left = dir.leftovers();
    let is_nobodys = !is_seen && left == ["a.pid"] && dir.an_outsider_can_lock();
    assert!(left == NOTHING || is_nobodys, "{what}: {left:?}");
    let status = ended
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("status "));
    i32::from_str_radix(status.expect("it tells"), 16).unwrap()
}

#[test]
#[ignore = "needs root"]
fn pid1_own_endings_are_as_without_us() {
    // The letters that the host knows. What does not end it is followed by an exit.
    for letters in ["e", "_", "a", "f", "oe", "se", ""] {
        let is_seen = letters != "a" || sees_abort();
        let statuses = RUNS.map(|(mode, watch)| {
            let what = format!("{letters:?}, {mode:?}, PIDFILE_WATCH={watch}");
            let dir = TestDir::new();
            let mut host = start(&dir, mode, watch);
            host.write_stdin(letters.as_bytes());
            host.close_stdin();
            status_of(&dir, host, &what, is_seen)
        });
        assert_eq!(statuses, [statuses[0]; 4], "{letters:?}: {RUNS:?}");
    }
}

/// A signal that ends nobody does not interrupt what the process waits in, either.
#[test]
#[ignore = "needs root"]
fn pid1_ignored_signal_interrupts_nothing() {
    for (mode, watch) in RUNS {
        let dir = TestDir::new();
        let mut host = start(&dir, mode, watch);
        host.write_stdin(b"e");
        let said = host.wait().stdout;
        assert!(!said.contains("interrupted"), "{mode:?} {watch}: {said}");
    }
}

#[test]
#[ignore = "needs root"]
fn pid1_is_ended_by_operators_sigterm() {
    for watch in ["auto", "off"] {
        let dir = TestDir::new();
        let host = start(&dir, Mode::Active, watch);
        // SAFETY: plain call; the process is not reaped before its parent, ours, sees it end.
        unsafe { libc::kill(pid_outside(&host), libc::SIGTERM) };
        assert_eq!(status_of(&dir, host, watch, true), 143 << 8);
    }
}

#[test]
#[ignore = "needs root"]
fn pid1_is_ended_by_deletion() {
    let dir = TestDir::new();
    let host = start(&dir, Mode::Active, "auto");
    dir.remove_pidfile();
    assert_eq!(status_of(&dir, host, "deletion", true), 143 << 8);
}

#[test]
#[ignore = "needs root"]
fn pid1_without_us_survives_sigterm() {
    for mode in [Mode::Plain, Mode::Inert] {
        let dir = TestDir::new();
        let mut host = start(&dir, mode, "auto");
        // SAFETY: as above.
        unsafe { libc::kill(pid_outside(&host), libc::SIGTERM) };
        host.write_stdin(b"e");
        assert_eq!(status_of(&dir, host, "exit", true), 7 << 8);
    }
}

/// A sandbox's own init: a child that a host forks into a new namespace. It is a bystander there and owns nothing.
#[test]
#[ignore = "needs root"]
fn pid1_forked_by_host_is_protected_too() {
    for letters in ["te", "oe", "se", "a", "f", "e"] {
        let statuses = RUNS.map(|(mode, watch)| {
            let what = format!("{letters:?}, {mode:?}, PIDFILE_WATCH={watch}");
            let dir = TestDir::new();
            let host = dir.host("is_first_process").mode(mode);
            let mut host = host.env("PIDFILE_WATCH", watch).arg("-").spawn();
            host.wait_until(
                |host| host.stdout().contains("ready\n") || host.stdout().contains("status "),
                "ready",
            );
            if host.stdout().contains("ready\n") {
                host.write_stdin(letters.as_bytes());
            }
            let said = host.stdout();
            // Without a thread there are no fork handlers of ours, and the child keeps the handlers of its parent.
            assert!(
                watch == "off" || !said.contains("interrupted"),
                "{what}: {said}"
            );
            host.close_stdin();
            status_of(&dir, host, &what, true)
        });
        assert_eq!(statuses, [statuses[0]; 4], "{letters:?}: {RUNS:?}");
    }
}

/// The first process of another namespace, which it starts with its own memory, has its PID too. It owns nothing.
#[test]
#[ignore = "needs root"]
fn first_process_of_inner_namespace_owns_nothing() {
    for watch in ["auto", "poll", "off"] {
        let dir = TestDir::new();
        let host = dir.host("is_first_process").plain().arg("/usr/bin/env");
        let host = host.arg(format!("PIDFILE_WATCH={watch}"));
        let host = host.arg(format!("LD_PRELOAD={}", library().display()));
        let host = host.arg(format!("PIDFILE={}", dir.pidfile().display()));
        let ended = host.arg(dir.host_path("clones_first_process")).run();
        assert!(ended.stdout.contains("there\nthere\n"), "{ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{watch}");
    }
}
