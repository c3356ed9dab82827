//! A program that puts itself into the background: the file follows, before the process that was started is gone.

use crate::common::{
    Descendant, Descendants, NOTHING, SHAPES, TestDir, daemonize, daemonize_with, end_daemon,
    exited, forks, is_alive, is_at_work, killed_by, output_pids, rounds, status_line, wait_for,
};

const LEAVING: [&str; 4] = ["exit", "_exit", "return", "quick_exit"];
pub const WAITING: [&str; 3] = ["pipe", "socketpair", "SIGUSR1"];

/// The whole life, from the start in its own directory.
#[track_caller]
pub fn live(steps: &[&str], way: usize) {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let daemon = daemonize(&dir, steps);
    end_daemon(&dir, daemon, way, steps);
}

#[test]
fn launcher_exiting_at_once_hands_over() {
    for round in 0..rounds(10) {
        for (number, shape) in SHAPES.iter().enumerate() {
            for leaving in LEAVING {
                let steps = [&["leave by", leaving], *shape].concat();
                live(&steps, round + number);
            }
        }
    }
}

#[test]
fn launcher_waiting_for_readiness_hands_over() {
    for round in 0..rounds(4) {
        for (number, shape) in SHAPES.iter().enumerate() {
            // Nobody can wait in the middle of daemon(3).
            if shape[0].starts_with("daemon") {
                continue;
            }
            for leaving in LEAVING {
                for waiting in WAITING {
                    let steps = [&["leave by", leaving, "wait for", waiting], *shape].concat();
                    live(&steps, round + number);
                }
            }
        }
    }
}

/// A launcher that waits in the middle of a double fork waits for the process in the middle.
#[test]
fn launcher_waiting_for_middle_process_hands_over() {
    for round in 0..rounds(5) {
        for leaving in LEAVING {
            let middle = ["wait for", "waitpid", "fork", "setsid", "fork"];
            live(&[&["leave by", leaving], &middle[..]].concat(), round);
        }
    }
}

/// When the launcher has ended its manager looks into the file. If the daemon is still the child of a process in the middle
/// then, systemd takes it for somebody else's, and does not learn how it ends.
#[test]
fn launcher_outlives_middle_process() {
    let manager = std::process::id().to_string();
    for (round, leaving) in LEAVING.iter().enumerate() {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let ready = ["leave by", leaving, "wait for", "pipe"];
        let steps = [&ready[..], &["fork", "be large", "setsid", "fork"]].concat();
        let ended = dir.host("daemonizes").args(&steps).run();
        let named = dir.content();
        let parent = status_line(named.trim().parse().unwrap(), "PPid");
        assert_eq!(ended.status, exited(0), "{ended:?}");
        let daemon = Descendant::new(*output_pids(&dir, "process").last().unwrap());
        assert_eq!(named, daemon.pid_line(), "{leaving}");
        assert_eq!(parent, manager, "{leaving}");
        end_daemon(&dir, daemon, round, &steps);
    }
}

/// The kernel copies the tables of a large process for longer than one that sleeps in a fork is waited for.
#[test]
fn slow_second_fork_hands_over() {
    for (round, leaving) in LEAVING.iter().enumerate() {
        let double = ["be in many pieces", "fork", "setsid", "fork"];
        live(&[&["leave by", leaving], &double[..]].concat(), round);
    }
}

/// What launchers do before they fork, with all that these leave behind.
#[test]
fn launcher_with_helpers_and_threads_hands_over() {
    let before: [&[&str]; 6] = [
        &["system()"],
        &["helper"],
        &["worker"],
        &["helper", "worker", "helper", "system()"],
        &["thread"],
        &["thread", "thread", "thread", "helper"],
    ];
    for round in 0..rounds(3) {
        for before in before {
            for shape in SHAPES {
                for waiting in ["", "pipe"] {
                    if shape[0].starts_with("daemon") && !waiting.is_empty() {
                        continue;
                    }
                    // A session without a fork is the launcher's own: it has no helpers in it yet.
                    if shape[0] == "setsid" && before != ["thread"] {
                        continue;
                    }
                    live(&[before, &["wait for", waiting], shape].concat(), round);
                }
            }
        }
    }
}

/// Daemons that never begin a session, for those who say so.
#[test]
fn child_without_session_inherits_if_set() {
    for round in 0..rounds(8) {
        for leaving in LEAVING {
            for waiting in ["", "pipe", "SIGUSR1"] {
                for more in [&[][..], &["exec itself"], &["close all"]] {
                    let dir = TestDir::new();
                    let _orphans = Descendants::of(&dir);
                    let start = ["leave by", leaving, "wait for", waiting, "fork"];
                    let steps = [&start, more].concat();
                    let settings = [("PIDFILE_FOLLOW", "fork")];
                    let daemon = daemonize_with(&dir, &steps, &settings);
                    end_daemon(&dir, daemon, round, &steps);
                }
            }
        }
    }
}

/// Starts the program with what must not follow, and returns what is left of it.
fn is_left_alone(dir: &TestDir, steps: &[&str], follow: &str, status: std::process::ExitStatus) {
    let orphans = Descendants::of(dir);
    let launcher = dir
        .host("daemonizes")
        .args(steps)
        .env("PIDFILE_FOLLOW", follow)
        .spawn();
    let ended = launcher.wait();
    assert_eq!(ended.status, status, "{steps:?}: {ended:?}");
    assert_eq!(dir.leftovers(), NOTHING, "{steps:?}");
    wait_for(
        || output_pids(dir, "process").len() == forks(steps),
        "there is a daemon",
    );
    let daemon = *output_pids(dir, "process").last().unwrap();
    wait_for(|| is_at_work(daemon), "the daemon works");
    assert_eq!(dir.leftovers(), NOTHING, "{steps:?}");
    // Its own parent may take a moment longer to leave than the launcher.
    wait_for(
        || orphans.children().contains(&daemon),
        "nobody but us is its parent",
    );
    assert!(is_alive(daemon), "{steps:?}");
}

#[test]
fn hand_over_switched_off_nobody_inherits() {
    for shape in SHAPES {
        for waiting in ["", "pipe"] {
            if shape[0].starts_with("daemon") && !waiting.is_empty() {
                continue;
            }
            for leaving in LEAVING {
                let steps = [&["leave by", leaving, "wait for", waiting], shape].concat();
                is_left_alone(&TestDir::new(), &steps, "off", exited(0));
            }
        }
    }
}

/// That is a stop, and not a hand-over.
#[test]
fn launcher_ended_by_signal_hands_nothing_over() {
    for _ in 0..rounds(5) {
        for shape in SHAPES {
            if shape[0].starts_with("daemon") || forks(shape) > 1 {
                continue;
            }
            for waiting in ["", "pipe"] {
                let steps = [&["leave by", "SIGTERM", "wait for", waiting], shape].concat();
                is_left_alone(&TestDir::new(), &steps, "auto", killed_by(libc::SIGTERM));
            }
        }
    }
}
