//! Sandboxes that refuse what we would like to do.

use crate::common::{
    Descendants, HostCommand, Mode, NOTHING, Process, TestDir, daemonize, end_daemon, exited,
    fds_of, killed_by, library,
};
use std::ffi::OsStr;

/// A host in a sandbox that answers so. Arguments that are added are the host's.
pub fn in_sandbox<'dir>(
    dir: &'dir TestDir,
    answers: &[impl AsRef<OsStr>],
    host: &str,
    mode: Mode,
) -> HostCommand<'dir> {
    let mut launcher = dir.host("under_seccomp").plain().args(answers);
    launcher = launcher.args(["--", "/usr/bin/env"]);
    if mode == Mode::Active {
        launcher = launcher
            .arg(format!("LD_PRELOAD={}", library().display()))
            .arg(format!("PIDFILE={}", dir.pidfile().display()));
    }
    launcher.arg(dir.host_path(host))
}

/// Starts a host in a sandbox that answers so, and waits until it is ready.
pub fn start(dir: &TestDir, answers: &[&str], host: &str, mode: Mode) -> Process {
    in_sandbox(dir, answers, host, mode).spawn_ready()
}

/// How much a sandbox may cost.
#[derive(PartialEq)]
pub enum Degraded {
    No,
    /// One line says so.
    InOneLine,
}

#[track_caller]
pub fn works(answers: &[&str], degraded: Degraded) {
    for by_deletion in [false, true] {
        let dir = TestDir::new();
        let numbers: Vec<i32> = {
            let plain = start(&dir, answers, "waits_for_eof", Mode::Plain);
            fds_of(plain.pid()).into_keys().collect()
        };
        let mut host = start(&dir, answers, "waits_for_eof", Mode::Active);
        assert_eq!(dir.content(), host.pid_line(), "{answers:?}");
        let fds = fds_of(host.pid());
        assert_eq!(fds.keys().copied().collect::<Vec<_>>(), numbers, "{fds:?}");
        if by_deletion {
            dir.remove_pidfile();
        } else {
            host.close_stdin();
        }
        let ended = host.wait();
        let expected = if by_deletion {
            killed_by(libc::SIGTERM)
        } else {
            exited(0)
        };
        assert_eq!(ended.status, expected, "{answers:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "ready\n");
        assert_eq!(dir.leftovers(), NOTHING, "{answers:?}");
        let lines: Vec<_> = ended
            .stderr
            .lines()
            .filter(|line| !line.contains("was deleted"))
            .collect();
        let wanted = usize::from(degraded == Degraded::InOneLine);
        assert_eq!(lines.len(), wanted, "{answers:?}: {lines:?}");
    }
}

#[test]
fn sandbox_without_close_range_has_file() {
    works(&["close_range=ENOSYS"], Degraded::No);
    works(&["close_range=EPERM"], Degraded::No);
}

#[test]
fn sandbox_without_unshare_host_runs() {
    works(&["close_range=EPERM", "unshare=EPERM"], Degraded::InOneLine);
    works(
        &["close_range=ENOSYS", "unshare=ENOSYS"],
        Degraded::InOneLine,
    );
}

/// Not even the way to the system log, where it has no stderr any more.
#[test]
fn sandbox_no_descriptor_enters_hosts_table() {
    let dir = TestDir::new();
    let answers = ["close_range=EPERM", "unshare=EPERM", "socket=kill"];
    let host = start(&dir, &answers, "changes_stderr", Mode::Active);
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

#[test]
fn sandbox_without_inotify_deletion_ends() {
    works(&["inotify_init1=EPERM"], Degraded::No);
}

#[test]
fn sandbox_without_clone3_has_file() {
    works(&["clone3=ENOSYS"], Degraded::No);
}

#[test]
fn sandbox_killing_unusual_calls_host_runs() {
    works(&["pidfd_open=kill", "pidfd_getfd=kill"], Degraded::No);
}

/// Our handler needs the signal once more.
#[test]
fn sandbox_without_tgkill_signal_still_ends() {
    for answer in [
        "rt_tgsigqueueinfo=EPERM",
        "rt_tgsigqueueinfo=ENOSYS",
        "rt_tgsigqueueinfo=kill",
        "tgkill=EPERM",
        "tgkill=ENOSYS",
    ] {
        let dir = TestDir::new();
        let answers = [answer];
        for mode in [Mode::Plain, Mode::Active] {
            let host = start(&dir, &answers, "waits_for_signal", mode);
            host.signal(libc::SIGTERM);
            assert_eq!(
                host.wait().status,
                killed_by(libc::SIGTERM),
                "{answer}, {mode:?}"
            );
            assert_eq!(dir.leftovers(), NOTHING);
        }
    }
}

/// The kernel kills a process whose thread makes a trapped call with SIGSYS blocked.
#[test]
fn sandbox_with_broker_host_ends_as_ever() {
    let dir = TestDir::new();
    let mut host = dir.host("answers_trapped_calls").spawn_ready();
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(7), "{}", ended.stderr);
    // Its broker allows nobody to remove a file.
    assert_eq!(dir.content(), "");
}

/// A worker may know fewer calls than the library needs for anything. Of seccomp(2) by a raw system call the library does
/// not learn, so there a session is a limit.
#[test]
fn child_in_its_own_sandbox_makes_no_more_calls() {
    for how in ["prctl", "seccomp"] {
        for (what, expected) in [
            ("exit", "status 7\n"),
            ("wait", "signal 15\n"),
            ("crash", "signal 11\n"),
            ("setsid", "status 7\n"),
        ] {
            if how == "seccomp" && what == "setsid" {
                continue;
            }
            let dir = TestDir::new();
            for (mode, name, value) in [
                (Mode::Plain, "PIDFILE_WATCH", "auto"),
                (Mode::Active, "PIDFILE_WATCH", "auto"),
                (Mode::Active, "PIDFILE_WATCH", "off"),
                (Mode::Active, "PIDFILE_FOLLOW", "off"),
            ] {
                let host = dir.host("sandboxes_child").mode(mode).env(name, value);
                let ended = host.args([how, what]).run();
                let said = (ended.status, &*ended.stdout);
                let case = format!("{how}, {what}, {mode:?}, {name}={value}");
                assert_eq!(said, (exited(0), expected), "{case}");
                assert_eq!(dir.leftovers(), NOTHING, "{case}");
            }
        }
    }
}

/// A daemon that only asks whether the kernel has filters confines nothing.
#[test]
fn child_that_asks_for_filters_inherits() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let steps = ["wait for", "pipe", "fork", "ask for filters", "setsid"];
    let daemon = daemonize(&dir, &steps);
    end_daemon(&dir, daemon, 0, &steps);
}
