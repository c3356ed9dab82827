//! A program that puts itself into the background: the file follows, before the process that was started is gone.

use crate::common::{
    Descendant, Descendants, FileObserver, NOTHING, Process, SHAPES, TestDir, daemonize,
    daemonize_with, end_daemon, exited, forks, is_alive, is_at_work, killed_by, output_pids,
    status_line, wait_for,
};
use std::fs;

const LEAVING: [&str; 4] = ["exit", "_exit", "return", "quick_exit"];
const WAITING: [&str; 3] = ["pipe", "socketpair", "SIGUSR1"];

/// The whole life, from the start in its own directory.
#[track_caller]
fn live(steps: &[&str], way: usize) {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let daemon = daemonize(&dir, steps);
    end_daemon(&dir, daemon, way, steps);
}

#[test]
fn launcher_exiting_at_once_hands_over() {
    for round in 0..10 {
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
    for round in 0..4 {
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
    for round in 0..5 {
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
    for round in 0..3 {
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

/// Forks once it has begun a session, and goes on with it.
#[test]
fn daemon_with_workers_keeps_file() {
    for round in 0..4 {
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
    for round in 0..4 {
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
    for round in 0..4 {
        for later in later_steps() {
            for shape in SHAPES {
                live(&[shape, &later[..]].concat(), round);
            }
        }
    }
}

#[test]
fn daemon_closes_all_or_execs_after_hand_over() {
    for round in 0..4 {
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
    for round in 0..4 {
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

/// Daemons that never begin a session, for those who say so.
#[test]
fn child_without_session_inherits_if_set() {
    for round in 0..8 {
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
    for _ in 0..5 {
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
