//! A daemon keeps the file through what daemons do next: closing all descriptors, exec, workers, upgrades.

use crate::common::{
    Descendant, Descendants, FileObserver, NOTHING, Process, SHAPES, TestDir, daemonize,
    end_daemon, exited, forks, is_at_work, output_pids, rounds, status_line, wait_for,
};
use crate::daemonizing::{WAITING, live};
use std::fs;

/// Forks once it has begun a session, and goes on with it.
#[test]
fn daemon_with_workers_keeps_file() {
    for round in 0..rounds(4) {
        let after = ["worker", "helper", "system()", "thread"];
        // Not by its own exit: so young a daemon could as well be on its way to another fork.
        live(&[&["fork", "setsid"], &after[..]].concat(), round % 2);
        let ready = ["wait for", "pipe", "fork", "setsid", "fork"];
        live(&[&ready[..], &after].concat(), round % 2);
    }
}

/// What a daemon does while its launcher waits, or after that has gone.
fn later_steps() -> Vec<Vec<&'static str>> {
    let steps: [&[&str]; 4] = [
        &["close all"],
        &["exec itself"],
        &["exec itself", "exec itself", "close all"],
        &["close all", "exec itself"],
    ];
    steps.iter().map(|steps| steps.to_vec()).collect()
}

#[test]
fn daemon_closes_all_or_execs_before_hand_over() {
    for round in 0..rounds(4) {
        for later in later_steps() {
            for waiting in WAITING {
                for shape in SHAPES {
                    if !shape[0].starts_with("daemon") {
                        live(&[&["wait for", waiting], shape, &later[..]].concat(), round);
                    }
                }
            }
        }
    }
}

#[test]
fn daemon_closes_all_or_execs_during_hand_over() {
    for round in 0..rounds(4) {
        for later in later_steps() {
            for shape in SHAPES {
                live(&[shape, &later[..]].concat(), round);
            }
        }
    }
}

#[test]
fn daemon_closes_all_or_execs_after_hand_over() {
    for round in 0..rounds(4) {
        for later in later_steps() {
            for shape in SHAPES {
                live(&[shape, &["be orphaned"], &later[..]].concat(), round);
            }
        }
    }
}

/// Launchers that are nothing but that: the service is another program.
#[test]
fn daemon_that_is_another_program_inherits() {
    for round in 0..rounds(4) {
        for waiting in ["", "pipe"] {
            for shape in SHAPES {
                if shape[0].starts_with("daemon") && !waiting.is_empty() {
                    continue;
                }
                let dir = TestDir::new();
                let _orphans = Descendants::of(&dir);
                let program = dir.host_path("waits_for_signal");
                let exec = ["exec", program.to_str().unwrap()];
                let steps = [&["wait for", waiting], shape, &exec].concat();
                let daemon = daemonize(&dir, &steps);
                // It has no other way to end.
                end_daemon(&dir, daemon, round % 2, &steps);
            }
        }
    }
}

/// As full an owner as one in the foreground: through exec, and up to a hand-over of its own.
#[test]
fn daemon_upgrading_itself_hands_over_again() {
    for shape in SHAPES {
        for way in 0..4 {
            let dir = TestDir::new();
            let orphans = Descendants::of(&dir);
            let mut daemon = daemonize(&dir, shape);
            for round in 0..3 {
                let observer = FileObserver::of(dir.pidfile());
                daemon.signal(libc::SIGHUP);
                wait_for(
                    || !is_at_work(daemon.pid) || !dir.an_outsider_can_lock(),
                    "it calls exec",
                );
                wait_for(|| is_at_work(daemon.pid), "it is back");
                daemon.signal(libc::SIGUSR2);
                let old = daemon.pid;
                let status = daemon.wait();
                let then = dir.content();
                assert_eq!(status, exited(0), "{shape:?}");
                let successors = orphans.children();
                let [successor] = successors[..] else {
                    panic!("{shape:?}, round {round}: {successors:?} are left");
                };
                daemon = Descendant::new(successor);
                assert_eq!(then, daemon.pid_line(), "{shape:?}, round {round}");
                wait_for(|| is_at_work(successor), "the successor is at work");
                wait_for(|| !dir.an_outsider_can_lock(), "the successor has the lock");
                let seen = observer.finish();
                assert_eq!(
                    seen,
                    Ok([old, successor].into()),
                    "{shape:?}, round {round}"
                );
            }
            end_daemon(&dir, daemon, way, shape);
        }
    }
}

/// Daemons make room for a title by moving their environment, and what they hand to exec then is a copy from before they were
/// daemons (sshd).
#[test]
fn daemon_with_moved_environment_keeps_file() {
    for shape in SHAPES {
        for way in 0..4 {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let daemon = daemonize(&dir, &[&["move environment"], shape].concat());
            let arguments = || fs::read(format!("/proc/{}/cmdline", daemon.pid)).unwrap();
            let before = arguments();
            daemon.signal(libc::SIGHUP);
            wait_for(
                || arguments() != before && is_at_work(daemon.pid),
                "it has called exec on itself",
            );
            wait_for(|| !dir.an_outsider_can_lock(), "it has the lock");
            assert_eq!(dir.content(), daemon.pid_line());
            end_daemon(&dir, daemon, way, shape);
        }
    }
}

/// The shapes in which somebody waits for the child that is the daemon, or nobody does.
fn left_to_a_thread(dir: &TestDir, before: &[&str], shape: &[&str]) -> (Process, Descendant) {
    let steps = [before, shape, &["leave it to a thread"]].concat();
    let launcher = dir.host("daemonizes").args(&steps).spawn();
    let all_are_there = || output_pids(dir, "process").len() == forks(&steps);
    wait_for(all_are_there, &format!("there is a daemon: {steps:?}"));
    let daemon = Descendant::new(*output_pids(dir, "process").last().unwrap());
    let has_left = || status_line(daemon.pid, "State").starts_with('Z');
    wait_for(has_left, &format!("its first thread has left: {steps:?}"));
    (launcher, daemon)
}

/// Such a one ends with its last thread, like any other process, whether it is to inherit or has inherited.
#[test]
fn daemon_without_main_thread_owns_until_last_thread() {
    for shape in SHAPES {
        // Its input is /dev/null, so nobody can tell it to end.
        if shape[0] == "daemon(0, 0)" {
            continue;
        }
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let (launcher, daemon) = left_to_a_thread(&dir, &[], shape);
        let mut launcher = launcher;
        let input = launcher.take_stdin();
        assert_eq!(launcher.wait().status, exited(0), "{shape:?}");
        let is_right = || dir.content() == daemon.pid_line() && !dir.an_outsider_can_lock();
        wait_for(is_right, &format!("the file follows: {shape:?}"));
        drop(input);
        assert_eq!(daemon.wait(), exited(0), "{shape:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{shape:?}");

        if !shape[0].starts_with("daemon") {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let waiting = ["wait for", "pipe"];
            let (mut launcher, daemon) = left_to_a_thread(&dir, &waiting, shape);
            assert_eq!(dir.content(), launcher.pid_line(), "{shape:?}");
            launcher.close_stdin();
            assert_eq!(launcher.wait().status, exited(0), "{shape:?}");
            assert_eq!(daemon.wait(), exited(0), "{shape:?}");
            assert_eq!(dir.leftovers(), NOTHING, "{shape:?}");
        }
    }
}
