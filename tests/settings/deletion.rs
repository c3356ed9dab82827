//! PIDFILE_SIGNAL, PIDFILE_KILL_AFTER and PIDFILE_WATCH=off: what a deletion leads to.

use crate::common::{NOTHING, TestDir, exited, killed_by, tasks_of, wait_until_idle};

/// The host goes on after the signal that it was sent, and the file is no longer its own.
fn gets(value: &str, signal: i32) {
    let dir = TestDir::new();
    let mut host = dir
        .host("survives_sigterm")
        .env("PIDFILE_SIGNAL", value)
        .spawn_ready();
    dir.remove_pidfile();
    let line = format!("signal {signal}\n");
    host.wait_until(
        |host| host.stdout().contains(&line),
        &format!("told by {value}"),
    );
    host.close_stdin();
    let ended = host.wait();
    assert_eq!(ended.status, exited(0));
    // Once, and no other.
    assert_eq!(ended.stdout, format!("ready\n{line}"));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("was deleted"), "{}", ended.stderr);
    assert_eq!(dir.leftovers(), NOTHING);
}

#[test]
fn chosen_signal_is_sent_on_deletion() {
    gets("USR1", libc::SIGUSR1);
    gets("SIGUSR2", libc::SIGUSR2);
    gets("12", libc::SIGUSR2);
    gets("RTMIN", libc::SIGRTMIN());
    gets("RTMIN+3", libc::SIGRTMIN() + 3);
    gets("SIGRTMIN+2", libc::SIGRTMIN() + 2);
}

#[test]
fn sigkill_and_sigquit_are_sent_on_deletion() {
    for (value, signal) in [
        ("KILL", libc::SIGKILL),
        ("QUIT", libc::SIGQUIT),
        ("9", libc::SIGKILL),
    ] {
        let dir = TestDir::new();
        let host = dir
            .host("survives_sigterm")
            .env("PIDFILE_SIGNAL", value)
            .spawn_ready();
        dir.remove_pidfile();
        assert_eq!(host.wait().status, killed_by(signal), "{value}");
    }
}

#[test]
fn unknown_signal_uses_sigterm() {
    for value in [
        "0",
        "65",
        "-15",
        "TERMINATE",
        "RTMIN+99",
        "RTMAX+1",
        "15x",
        " 15",
        "sigterm?",
        "32000000000",
    ] {
        let dir = TestDir::new();
        let host = dir
            .host("waits_for_signal")
            .env("PIDFILE_SIGNAL", value)
            .spawn_owner();
        dir.remove_pidfile();
        let ended = host.wait();
        assert_eq!(ended.status, killed_by(libc::SIGTERM), "{value:?}");
        let about_it = ended
            .stderr
            .lines()
            .filter(|line| line.contains("PIDFILE_SIGNAL"));
        assert_eq!(about_it.count(), 1, "{value:?}: {}", ended.stderr);
        assert_eq!(
            ended.stderr.lines().count(),
            2,
            "{value:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn host_ignoring_signal_is_killed_after_timeout() {
    for (watch, signal) in [("auto", "TERM"), ("poll", "TERM"), ("auto", "USR1")] {
        let dir = TestDir::new();
        let host = dir.host("survives_sigterm").env("PIDFILE_KILL_AFTER", "1");
        let host = host
            .env("PIDFILE_WATCH", watch)
            .env("PIDFILE_SIGNAL", signal)
            .spawn_ready();
        dir.remove_pidfile();
        assert_eq!(
            host.wait().status,
            killed_by(libc::SIGKILL),
            "{watch} {signal}"
        );
    }
}

#[test]
fn host_ending_in_time_is_not_killed() {
    let dir = TestDir::new();
    let mut host = dir
        .host("survives_sigterm")
        .env("PIDFILE_KILL_AFTER", "600")
        .spawn_ready();
    dir.remove_pidfile();
    host.wait_until(|host| host.stderr().contains("was deleted"), "told");
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
}

/// Written and removed, and nothing in between: no thread, no lock, and nobody who would notice a deletion.
#[test]
fn watch_off_has_no_thread_and_no_lock() {
    let dir = TestDir::new();
    let mut host = dir
        .host("waits_for_eof")
        .env("PIDFILE_WATCH", "off")
        .spawn_owner();
    assert_eq!(tasks_of(host.pid()), [host.pid()]);
    assert!(dir.an_outsider_can_lock());
    dir.remove_pidfile();
    wait_until_idle(&host);
    assert!(host.is_running());
    host.close_stdin();
    let ended = host.wait();
    assert_eq!((ended.status, ended.stderr.as_str()), (exited(0), ""));
}
