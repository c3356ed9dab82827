//! Kernels from Linux 3.10 on, and the container run-times that refuse what they do not know. docs/limits.md says what is
//! lost with each call.

use super::sandboxes::{Degraded, in_sandbox, start, works};
use crate::common::{
    Descendant, Descendants, Mode, NOTHING, TestDir, daemonize_by, exited, extra_tasks_of,
    is_at_work, killed_by, output_pids, wait_for,
};

/// What Linux 3.10 does not have, and the library or libc asks for. `tmpfile` is open(2) with O_TMPFILE, `wipeonfork`
/// madvise(2) with MADV_WIPEONFORK.
const NEW: [&str; 16] = [
    "close_range",
    "execveat",
    "faccessat2",
    "futex_waitv",
    "getrandom",
    "memfd_create",
    "openat2",
    "pidfd_getfd",
    "pidfd_open",
    "pidfd_send_signal",
    "renameat2",
    "rseq",
    "statx",
    "tmpfile",
    "wipeonfork",
    // An EPERM of this one leaves libc without threads: see below.
    "clone3",
];

/// What both kinds of refusal are tried with.
fn refusals() -> [(&'static str, &'static [&'static str]); 2] {
    [("ENOSYS", &NEW), ("EPERM", &NEW[..NEW.len() - 1])]
}

fn all(calls: &[&str], errno: &str) -> Vec<String> {
    calls.iter().map(|call| format!("{call}={errno}")).collect()
}

#[test]
fn each_new_call_refused_main_job_holds() {
    for (errno, calls) in refusals() {
        for call in calls {
            works(&[&format!("{call}={errno}")], Degraded::No);
        }
    }
}

#[test]
fn all_new_calls_refused_main_job_holds() {
    for (errno, calls) in refusals() {
        let answers = all(calls, errno);
        let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
        works(&answers, Degraded::No);
    }
}

/// The ways to a new file: without a name and linked; renamed to a free path; linked; and renamed over one's own.
#[test]
fn each_way_to_a_new_file_refused_next_one_serves() {
    for errno in ["ENOSYS", "EPERM"] {
        for ways in [
            &["tmpfile", "renameat2"][..],
            &["linkat", "renameat2"],
            &["tmpfile", "linkat"],
            &["tmpfile", "linkat", "link", "renameat2"],
        ] {
            let answers = all(ways, errno);
            let answers: Vec<&str> = answers.iter().map(String::as_str).collect();
            works(&answers, Degraded::No);
        }
    }
}

/// libc goes back to clone(2) for ENOSYS alone, where it asks for clone3(2) at all.
#[test]
fn clone3_with_eperm_host_runs_unwatched() {
    let dir = TestDir::new();
    let mut host = start(&dir, &["clone3=EPERM"], "waits_for_eof", Mode::Active);
    assert_eq!(dir.content(), host.pid_line());
    let is_watched = !extra_tasks_of(host.pid()).is_empty();
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0), "{}", ended.stderr);
    assert_eq!(dir.leftovers(), NOTHING);
    let lines = ended.stderr.lines().count();
    assert_eq!(lines, usize::from(!is_watched), "{}", ended.stderr);
}

#[test]
fn all_new_calls_refused_daemon_inherits() {
    for (errno, calls) in refusals() {
        for steps in [
            &["fork", "setsid"][..],
            &["fork", "setsid", "fork"],
            &["daemon(0, 0)"],
        ] {
            let dir = TestDir::new();
            let _descendants = Descendants::of(&dir);
            let host = in_sandbox(&dir, &all(calls, errno), "daemonizes", Mode::Active);
            let daemon = daemonize_by(&dir, host.args(steps), steps, || ());
            dir.remove_pidfile();
            assert_eq!(
                daemon.wait(),
                killed_by(libc::SIGTERM),
                "{errno}, {steps:?}"
            );
            assert_eq!(dir.leftovers(), NOTHING);
        }
    }
}

/// Nothing may be opened for the daemon then: the file goes with its launcher, and both run as ever.
#[test]
fn no_table_of_our_own_file_goes_with_launcher() {
    for errno in ["ENOSYS", "EPERM"] {
        let dir = TestDir::new();
        let _descendants = Descendants::of(&dir);
        let answers = all(&["close_range", "unshare"], errno);
        let host = in_sandbox(&dir, &answers, "daemonizes", Mode::Active);
        let ended = host.args(["fork", "setsid"]).run();
        assert_eq!(ended.status, exited(0), "{errno}: {}", ended.stderr);
        assert_eq!(dir.leftovers(), NOTHING, "{errno}");
        let daemon = || output_pids(&dir, "process");
        wait_for(|| daemon().len() == 1, "there is a daemon");
        let daemon = Descendant::new(daemon()[0]);
        wait_for(|| is_at_work(daemon.pid), "it works");
        daemon.signal(libc::SIGTERM);
        assert_eq!(daemon.wait(), killed_by(libc::SIGTERM));
        assert_eq!(dir.leftovers(), NOTHING, "{errno}");
    }
}

#[test]
fn all_new_calls_refused_exec_keeps_file() {
    for (errno, calls) in refusals() {
        let dir = TestDir::new();
        let host = in_sandbox(&dir, &all(calls, errno), "execs_itself", Mode::Active);
        let host = host.arg("3").spawn_ready();
        assert_eq!(dir.content(), host.pid_line(), "{errno}");
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(libc::SIGTERM), "{errno}");
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// A guard needs a pidfd, and nothing else that is new.
#[test]
fn guard_needs_pidfd_alone() {
    for (errno, calls) in refusals() {
        for is_guarded in [true, false] {
            let dir = TestDir::new();
            let kept = calls
                .iter()
                .filter(|call| !is_guarded || **call != "pidfd_open");
            let kept: Vec<&str> = kept.copied().collect();
            let host = in_sandbox(&dir, &all(&kept, errno), "waits_for_eof", Mode::Active);
            let host = host.env("PIDFILE_GUARD", "1").spawn_ready();
            assert_eq!(dir.content(), host.pid_line());
            host.signal(libc::SIGKILL);
            host.wait();
            if is_guarded {
                wait_for(|| dir.leftovers() == NOTHING, "the guard removes the file");
            } else {
                assert_eq!(dir.leftovers(), ["a.pid"], "{errno}");
            }
        }
    }
}
