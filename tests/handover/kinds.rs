//! Less common ways to become a daemon: the session begins in a grandchild, or when the launcher is gone, or where the
//! file is out of sight. And strangers, who hold the lock of the file or write into the memory that processes share.

use crate::common::{
    Descendant, Descendants, NOTHING, TestDir, daemonize, daemonize_with, end_daemon, exited,
    is_at_work, killed_by, output_pids, rounds, status_line, wait_for,
};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

#[test]
fn grandchild_beginning_the_session_inherits() {
    let shapes: [&[&str]; 2] = [&["fork", "daemon(1, 1)"], &["fork", "fork", "setsid"]];
    for (round, shape) in shapes.iter().enumerate() {
        for leaving in ["exit", "_exit"] {
            for follow in ["auto", "fork"] {
                let dir = TestDir::new();
                let _orphans = Descendants::of(&dir);
                let steps = [&["leave by", leaving], *shape].concat();
                let daemon = daemonize_with(&dir, &steps, &[("PIDFILE_FOLLOW", follow)]);
                end_daemon(&dir, daemon, round, &steps);
            }
        }
    }
}

/// The process between stays: it is a worker that has a session below it, as sshd has.
#[test]
fn grandchild_of_a_worker_never_inherits() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let steps = ["leave by", "exit", "wait for", "pipe", "fork", "worker"];
    let ended = dir.host("daemonizes").args(steps).run();
    assert_eq!(ended.status, exited(0), "{ended:?}");
    assert_eq!(dir.leftovers(), NOTHING);
}

/// ZNC: the child waits until its launcher is gone.
#[test]
fn session_after_launcher_takes_the_free_path() {
    for way in 0..4 {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let steps = ["fork", "be orphaned", "setsid"];
        let ended = dir.host("daemonizes").args(steps).run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        wait_for(
            || {
                let daemon = output_pids(&dir, "process");
                daemon
                    .iter()
                    .any(|pid| dir.content() == format!("{pid}\n") && is_at_work(*pid))
            },
            "the file names the daemon",
        );
        let daemon = Descendant::new(output_pids(&dir, "process")[0]);
        end_daemon(&dir, daemon, way, &steps);
    }
}

/// A signal is a stop, and not the end of a launcher.
#[test]
fn session_begun_after_a_stop_gets_nothing() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let steps = ["leave by", "SIGTERM", "fork", "be orphaned", "setsid"];
    let ended = dir.host("daemonizes").args(steps).run();
    assert_eq!(ended.status, killed_by(libc::SIGTERM), "{ended:?}");
    wait_for(
        || {
            let all = output_pids(&dir, "process");
            all.len() == 1 && is_at_work(all[0])
        },
        "the child works",
    );
    assert_eq!(dir.leftovers(), NOTHING);
}

/// haproxy -D with chroot, icecast2 -b: what the launcher's keeper has still open goes to the daemon.
#[test]
#[ignore = "needs root"]
fn launcher_in_a_chroot_without_root_hands_over() {
    for shape in [&["fork", "setsid"][..], &["fork", "setsid", "fork"]] {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let data = dir.path("data");
        let start = ["chroot", data.to_str().unwrap(), "drop root"];
        let steps = [&start[..], &["wait for", "pipe"], shape].concat();
        let daemon = daemonize(&dir, &steps);
        daemon.signal(libc::SIGTERM);
        assert_eq!(daemon.wait(), killed_by(libc::SIGTERM), "{steps:?}");
        assert_eq!(dir.content(), "", "{steps:?}");
    }
}

/// Whoever may read the file can take its lock.
#[test]
fn lock_held_by_a_stranger_delays_no_start() {
    let dir = TestDir::new();
    fs::write(dir.pidfile(), "4194303\n").unwrap();
    let stranger = File::open(dir.pidfile()).unwrap();
    // SAFETY: the descriptor is open for as long as `stranger` lives.
    assert_eq!(
        unsafe { libc::flock(stranger.as_raw_fd(), libc::LOCK_EX) },
        0
    );
    let mut host = dir
        .host("waits_for_eof")
        .env("PIDFILE_STRICT", "1")
        .spawn_owner();
    assert_eq!(dir.leftovers(), ["a.pid"]);
    host.close_stdin();
    assert_eq!(host.wait().status, exited(0));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// A module loaded with RTLD_DEEPBIND calls libc past every preload: PHP's `posix_setsid`. The fork handlers run all the same.
#[test]
fn session_begun_unseen_inherits_by_its_second() {
    for (way, waiting) in ["", "pipe"].into_iter().enumerate() {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let steps = ["wait for", waiting, "fork", "setsid, unseen", "fork"];
        let daemon = daemonize(&dir, &steps);
        end_daemon(&dir, daemon, way, &steps);
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let steps = ["wait for", waiting, "fork", "setsid, unseen"];
        let daemon = daemonize_with(&dir, &steps, &[("PIDFILE_FOLLOW", "fork")]);
        end_daemon(&dir, daemon, way + 2, &steps);
    }
}

/// The same by a real module.
#[test]
fn session_begun_by_deepbound_module_inherits() {
    let module = TestDir::new().host_path("begins_session");
    let by_module = ["setsid, by a module", module.to_str().unwrap()];
    for (way, waiting) in ["", "pipe"].into_iter().enumerate() {
        let start = ["wait for", waiting, "fork"];
        let twice = [&start[..], &by_module, &["fork"]].concat();
        let once = [&start[..], &by_module].concat();
        for (steps, follow) in [(twice, "auto"), (once, "fork")] {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let daemon = daemonize_with(&dir, &steps, &[("PIDFILE_FOLLOW", follow)]);
            end_daemon(&dir, daemon, way, &steps);
        }
    }
}

/// munin-node: the server ends by itself, and the plugin runs on.
#[test]
fn plugin_that_outlives_its_server_never_inherits() {
    for end in [libc::SIGINT, libc::SIGQUIT] {
        for plugins in [&["pane"][..], &["pane", "pane"], &["helper", "pane"]] {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            // A server has a handler for SIGTERM.
            let steps = [&["catch SIGTERM"], plugins].concat();
            let host = dir.host("daemonizes").args(steps).spawn();
            wait_for(
                || {
                    output_pids(&dir, "worker").len() == plugins.len()
                        && is_at_work(host.pid())
                        && dir.content() == host.pid_line()
                },
                "the server works and owns the file",
            );
            let plugin = *output_pids(&dir, "worker").last().unwrap();
            wait_for(
                || status_line(plugin, "Name") == "sleep",
                "the plugin is another program",
            );
            host.signal(end);
            let status = exited(if end == libc::SIGINT { 0 } else { 3 });
            assert_eq!(host.wait().status, status, "{plugins:?}");
            assert_eq!(dir.leftovers(), NOTHING, "{plugins:?}");
            assert_eq!(status_line(plugin, "Name"), "sleep");
        }
    }
}

/// nginx: the daemon forks its workers before its launcher is gone.
#[test]
fn worker_of_daemon_never_inherits_if_any_child_may() {
    for round in 0..rounds(8) {
        let way = if round % 2 == 0 { 0 } else { 1 };
        for workers in [&["worker"][..], &["worker", "worker"], &["backend"]] {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let waiting = ["", "pipe"][round % 2];
            let steps = [&["wait for", waiting, "fork", "setsid"], workers].concat();
            let daemon = daemonize_with(&dir, &steps, &[("PIDFILE_FOLLOW", "fork")]);
            end_daemon(&dir, daemon, way, &steps);
        }
    }
}

/// Init scripts, munin. The helper has called exec, the daemon has not.
#[test]
fn launcher_with_a_session_helper_hands_to_daemon() {
    let shapes = [
        &["fork", "setsid"][..],
        &["daemon(1, 1)"],
        &["fork", "setsid", "fork"],
        &["setsid", "fork"],
    ];
    for way in 0..12 {
        for shape in shapes {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let steps = [&["have no signals", "pane"], shape].concat();
            let daemon = daemonize(&dir, &steps);
            end_daemon(&dir, daemon, way, &steps);
        }
    }
}

/// Nothing tells which of the two is meant: so it is nobody, each time.
#[test]
fn launcher_with_two_alike_sessions_hands_over_never() {
    for round in 0..rounds(12) {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let twice: &[&str] = [&[][..], &["fork"]][round % 2];
        let steps = [&["backend", "wait for", "pipe", "fork", "setsid"], twice].concat();
        let ended = dir.host("daemonizes").args(&steps).run();
        assert_eq!(ended.status, exited(0), "{ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{steps:?}");
    }
}

/// The process between starts a helper before it forks the daemon. Nothing tells which of the two takes its place.
#[test]
fn helper_of_the_process_between_never_inherits() {
    for helper in ["pane", "backend", "worker"] {
        for waiting in ["", "pipe", "waitpid"] {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let steps = ["wait for", waiting, "fork", "setsid", helper, "fork"];
            let ended = dir.host("daemonizes").args(steps).run();
            assert_eq!(ended.status, exited(0), "{ended:?}");
            // The process between may have it until it ends.
            let is_gone = || dir.leftovers() == NOTHING;
            wait_for(is_gone, &format!("there is no file: {steps:?}"));
        }
    }
}

/// With `PIDFILE_FOLLOW=fork` it does not matter when a child was forked, and when its parent ends.
#[test]
fn first_child_of_an_old_daemon_inherits_if_set() {
    let dir = TestDir::new();
    let _orphans = Descendants::of(&dir);
    let settings = [("PIDFILE_FOLLOW", "fork")];
    let steps = ["fork", "setsid", "worker"];
    let daemon = daemonize_with(&dir, &steps, &settings);
    let start = Instant::now();
    wait_for(
        || start.elapsed() > Duration::from_millis(1500),
        "it is no daemon that was made just now",
    );
    let worker = Descendant::new(output_pids(&dir, "worker")[0]);
    daemon.signal(libc::SIGINT);
    assert_eq!(daemon.wait(), exited(0));
    assert_eq!(dir.content(), worker.pid_line());
    worker.signal(libc::SIGTERM);
    assert_eq!(worker.wait(), killed_by(libc::SIGTERM));
    assert_eq!(dir.leftovers(), NOTHING);
}

/// What a service that was stopped has left behind claims nothing, nor does what has called exec since.
#[test]
fn session_of_an_orphan_much_later_claims_nothing() {
    let late = TestDir::new();
    let execs = TestDir::new();
    let _orphans = (Descendants::of(&late), Descendants::of(&execs));
    let steps = ["fork", "be told", "setsid"];
    let mut host = late.host("daemonizes").args(steps).spawn();
    let told = host.take_stdin();
    assert_eq!(host.wait().status, exited(0));
    let start = Instant::now();
    let steps = ["fork", "be orphaned", "exec itself", "setsid"];
    assert_eq!(execs.host("daemonizes").args(steps).run().status, exited(0));
    wait_for(
        || start.elapsed() > Duration::from_secs(11),
        "no launcher takes so long",
    );
    drop(told);
    for dir in [&late, &execs] {
        wait_for(
            || is_at_work(output_pids(dir, "process")[0]),
            "it has begun its session",
        );
        assert_eq!(dir.leftovers(), NOTHING);
    }
}
