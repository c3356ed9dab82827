//! A host with threads that forks, and one that changes its user: nothing hangs, and each child ends as it should.

use crate::common::{Mode, NOTHING, TestDir, exited, killed_by, rounds};
use std::os::unix::fs::chown;
use std::thread;

const RUNS: [(Mode, &str); 4] = [
    (Mode::Plain, "auto"),
    (Mode::Inert, "auto"),
    (Mode::Active, "auto"),
    (Mode::Active, "off"),
];

#[test]
fn two_thousand_forks_end_without_hanging() {
    for (mode, watch) in RUNS {
        // The comparison with the others only has to show that the host itself is right.
        let turns = if mode == Mode::Active { 2000 } else { 200 };
        let dir = TestDir::new();
        let host = dir.host("forks_a_lot").mode(mode);
        let ended = host
            .env("PIDFILE_WATCH", watch)
            .arg(turns.to_string())
            .run();
        let all_right = format!("{turns} of {turns} right, 0 wrong in the handler, which ran\n");
        assert_eq!(
            (ended.stdout.as_str(), ended.stderr.as_str()),
            (all_right.as_str(), ""),
            "{mode:?} {watch}"
        );
        assert_eq!(ended.status, exited(0), "{mode:?} {watch}");
        assert_eq!(dir.leftovers(), NOTHING, "{mode:?} {watch}");
    }
}

/// What the library shares with a child must not be a way back to the rights that the child has given up.
#[test]
#[ignore = "needs root"]
fn unprivileged_child_cannot_affect_owner() {
    for mode in [Mode::Plain, Mode::Active] {
        let dir = TestDir::new();
        let ended = dir.host("has_a_hostile_child").mode(mode).run();
        assert_eq!(ended.status, exited(0), "{mode:?}: {ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{mode:?}");
    }
}

#[test]
fn thread_cancelled_at_any_time_harms_nothing() {
    for call in ["unlink", "rename", "flock"] {
        for (mode, watch) in RUNS {
            let dir = TestDir::new();
            let host = dir.host("is_cancelled_at_any_time").mode(mode);
            let host = host.env("PIDFILE_WATCH", watch).arg(call);
            let ended = host.arg(dir.path("data/a.lock")).run();
            assert_eq!(ended.status, exited(0), "{call} {mode:?} {watch}");
            assert_eq!(dir.leftovers(), NOTHING, "{call} {mode:?} {watch}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn set_user_call_changes_all_threads() {
    let mut outputs = Vec::new();
    for (mode, watch) in RUNS {
        let dir = TestDir::new();
        let host = dir.host("changes_user").mode(mode);
        let mut host = host.env("PIDFILE_WATCH", watch).spawn_ready();
        if mode == Mode::Active {
            assert_eq!(dir.content(), host.pid_line());
        }
        host.close_stdin();
        let ended = host.wait();
        assert_eq!(ended.status, exited(0));
        outputs.push(ended.stdout);
    }
    assert!(outputs[0].contains("user 65534 65534"), "{}", outputs[0]);
    assert_eq!(outputs, vec![outputs[0].clone(); 4]);
}

#[test]
fn deletion_ends_unprivileged_program() {
    let dir = TestDir::new();
    let host = dir.host("changes_user").spawn_ready();
    dir.remove_pidfile();
    assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
}

/// It keeps the right to change its groups when it gives up its user, as a thread of ours would not. libc ends a
/// program whose threads get different answers.
fn drops_root(dir: &TestDir, launcher: &[&str], groups: &str) {
    chown(dir.path("run"), Some(65534), None).unwrap();
    let ids = ["setpriv", "--reuid=65534", "--regid=65534", groups];
    let all = [launcher, &ids, &["id", "-u"]].concat();
    let ended = dir.program(all[0]).args(&all[1..]).run();
    assert_eq!(ended.status, exited(0), "{all:?}: {ended:?}");
    let last = ended.stdout.lines().last();
    assert_eq!((last, &*ended.stderr), (Some("65534"), ""), "{all:?}");
    assert_eq!(dir.leftovers(), NOTHING, "{all:?}");
}

const GROUPS: [&str; 3] = ["--clear-groups", "--init-groups", "--groups=65534,1"];

#[test]
#[ignore = "needs root"]
fn program_dropping_root_at_once_keeps_file() {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..rounds(40) {
                    drops_root(&TestDir::new(), &[], GROUPS[round % 3]);
                }
            });
        }
    });
}

#[test]
#[ignore = "needs root"]
fn daemon_dropping_root_before_fork_inherits() {
    for round in 0..rounds(30) {
        let dir = TestDir::new();
        let daemonizes = dir.host_path("daemonizes");
        let become_one = ["wait for", "waitpid", "fork", "setsid", "exec"];
        let launcher = [&[daemonizes.to_str().unwrap()], &become_one[..]].concat();
        drops_root(
            &dir,
            &[&launcher[..], &["/usr/bin/env"]].concat(),
            GROUPS[round % 3],
        );
    }
}
