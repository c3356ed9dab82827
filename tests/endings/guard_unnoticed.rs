//! `PIDFILE_GUARD=1`: the program sees no child and loses nothing, whatever becomes of the guard.

use crate::common::{
    Descendants, Mode, NOTHING, TestDir, blocked_signals, fds_of, is_alive, killed_by,
    private_dirty, status_line, wait_for,
};
use crate::guard::{WITH_GUARD, guard_of, owner, wait_until_unguarded};
use std::fs;
use std::path::Path;

/// The program sees no child, no SIGCHLD and the same output, also when somebody kills the guard.
#[test]
fn host_sees_no_child() {
    for kills_guard in [false, true] {
        let outputs = [Mode::Plain, Mode::Active].map(|mode| {
            let dir = TestDir::new();
            let _descendants = Descendants::of(&dir);
            let host = dir
                .host("waits_for_any_child")
                .env(WITH_GUARD.0, WITH_GUARD.1);
            let mut host = host.mode(mode).spawn_ready();
            if mode == Mode::Active && kills_guard {
                let guard = guard_of(&dir);
                guard.signal(libc::SIGKILL);
                wait_for(|| !is_alive(guard.pid), "the guard is dead");
            }
            host.close_stdin();
            let ended = host.wait();
            assert_eq!(dir.leftovers(), NOTHING);
            wait_until_unguarded(&dir);
            ended
        });
        assert_eq!(
            outputs[0], outputs[1],
            "the guard was killed: {kills_guard}"
        );
        assert!(
            outputs[0].stdout.contains("waitpid: -1"),
            "{}",
            outputs[0].stdout
        );
    }
}

/// capabilities(7).
const CAP_SYS_RESOURCE: u32 = 24;

#[test]
fn guard_holds_nothing_of_host() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = owner(&dir, "waits_for_signal");
    let guard = guard_of(&dir);
    let link = |name: &str| fs::read_link(format!("/proc/{}/{name}", guard.pid)).unwrap();

    // A session and a process group of its own: fields 5 and 6 of proc(5).
    let stat = fs::read_to_string(format!("/proc/{}/stat", guard.pid)).unwrap();
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    assert_eq!(fields[2], guard.pid.to_string(), "process group");
    assert_eq!(fields[3], guard.pid.to_string(), "session");
    assert_eq!(status_line(guard.pid, "Name"), "pidfile-guard");
    assert_eq!(link("cwd"), Path::new("/"));
    // With CAP_SYS_RESOURCE alone; else it is the host's.
    let may_change = status_line(host.pid(), "CapEff");
    let may_change = u64::from_str_radix(&may_change, 16).unwrap() & (1 << CAP_SYS_RESOURCE) != 0;
    let score = |pid| fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap();
    let expected = if may_change {
        "-1000\n"
    } else {
        &score(host.pid())
    };
    assert_eq!(score(guard.pid), expected);
    let fds = fds_of(guard.pid);
    assert!(
        fds.values().all(|fd| fd == Path::new("anon_inode:[pidfd]")) && fds.len() <= 1,
        "{fds:?}"
    );
    assert_eq!(
        blocked_signals(guard.pid) & (1 << (libc::SIGTERM - 1)),
        1 << (libc::SIGTERM - 1)
    );
    // Of files it has this library alone mapped.
    let maps = fs::read_to_string(format!("/proc/{}/maps", guard.pid)).unwrap();
    let files: Vec<&str> = maps.lines().filter(|line| line.contains('/')).collect();
    assert!(
        files.iter().all(|line| line.contains("libpidfile")),
        "{maps}"
    );
    assert!(
        private_dirty(guard.pid) < 150,
        "{} KiB",
        private_dirty(guard.pid)
    );

    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        guard.signal(signal);
    }
    host.signal(libc::SIGKILL);
    host.wait();
    wait_for(
        || dir.leftovers() == NOTHING,
        "the guard has removed the file",
    );
}

#[test]
fn killed_guard_changes_nothing() {
    let dir = TestDir::new();
    let _descendants = Descendants::of(&dir);
    let host = owner(&dir, "waits_for_signal");
    guard_of(&dir).signal(libc::SIGKILL);
    host.signal(libc::SIGTERM);
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
}
