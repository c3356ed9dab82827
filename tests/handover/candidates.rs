//! Of all that an owner starts only its daemon may inherit the file.

use crate::common::{
    Descendant, Descendants, FileObserver, NOTHING, Reader, SHAPES, TestDir, daemonize_while,
    exited, is_alive, is_at_work, killed_by, output_pids, rounds, status_line, wait_for,
};
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How an owner in the foreground ends.
fn ends() -> [(i32, ExitStatus); 3] {
    [
        (libc::SIGINT, exited(0)),
        (libc::SIGQUIT, exited(3)),
        (libc::SIGTERM, killed_by(libc::SIGTERM)),
    ]
}

/// A service in the foreground that has these children when it ends. They live on, and have nothing to do with the file.
#[track_caller]
pub fn end_before_the(children: &[&str], signal: i32, status: ExitStatus) {
    let dir = TestDir::new();
    let orphans = Descendants::of(&dir);
    let host = dir.host("daemonizes").args(children).spawn();
    host.wait_until(|host| is_at_work(host.pid()), "at work");
    let workers = output_pids(&dir, "worker");
    assert_eq!(workers.len(), children.len(), "{children:?}");
    let are_what_they_are = || {
        let mut names = workers.iter().map(|pid| status_line(*pid, "Name"));
        names.all(|name| ["worker", "sleep"].contains(&name.as_str()))
    };
    wait_for(are_what_they_are, &format!("there are all: {children:?}"));
    let before = dir.identity();
    let observer = FileObserver::of(dir.pidfile());
    assert_eq!(dir.content(), host.pid_line(), "{children:?}");
    assert_eq!(observer.finish(), Ok([host.pid()].into()), "{children:?}");
    assert_eq!(dir.identity(), before, "{children:?}");
    host.signal(signal);
    assert_eq!(host.wait().status, status, "{children:?}");
    assert_eq!(dir.leftovers(), NOTHING, "{children:?}");
    // One that is just about to call exec has no environment to know it by.
    wait_for(
        || orphans.children().len() == children.len(),
        &format!("all live on: {children:?}"),
    );
    assert_eq!(dir.leftovers(), NOTHING, "{children:?}");
}

#[test]
fn workers_and_helpers_never_inherit() {
    let families: [&[&str]; 5] = [
        &["worker"],
        &["worker", "worker", "worker"],
        &["helper"],
        &["helper", "helper"],
        &["helper", "worker", "helper", "worker"],
    ];
    for family in families {
        for (signal, status) in ends() {
            end_before_the(family, signal, status);
        }
    }
}

#[test]
fn several_session_leaders_none_inherits() {
    let families: [&[&str]; 5] = [
        &["backend", "backend"],
        &["pane", "pane"],
        &["backend", "pane"],
        &["pane", "worker", "helper", "backend", "pane", "pane"],
        &["backend"; 40],
    ];
    for family in families {
        for (signal, status) in ends() {
            end_before_the(family, signal, status);
        }
    }
}

/// With two of them the case is unclear, until one of them ends.
#[test]
fn survivor_of_two_sessions_inherits() {
    for reaped in [true, false] {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let before: &[&str] = if reaped { &["forget children"] } else { &[] };
        let steps = [before, &["backend", "be told", "backend"]].concat();
        let mut host = dir.host("daemonizes").args(&steps).spawn();
        let is_worker = |pid: &i32| status_line(*pid, "Name") == "worker";
        host.wait_until(
            |_| {
                output_pids(&dir, "worker")
                    .iter()
                    .filter(|pid| is_worker(pid))
                    .count()
                    == 1
            },
            "beside the first",
        );
        host.close_stdin();
        host.wait_until(|host| is_at_work(host.pid()), "at work");
        let mut sessions = output_pids(&dir, "worker");
        wait_for(|| sessions.iter().all(is_worker), "both are there");
        let observer = Reader::of(dir.pidfile());
        let ended = Descendant::new(sessions.remove(0));
        ended.signal(libc::SIGTERM);
        wait_for(|| ended.has_ended(), "one has ended");
        host.signal(libc::SIGINT);
        let pid = host.pid();
        assert_eq!(host.wait().status, exited(0), "{steps:?}");
        let survivor = Descendant::new(sessions[0]);
        assert_eq!(dir.content(), survivor.pid_line(), "{steps:?}");
        let seen = observer.finish();
        let is_one_of_them = |seen: &i32| [pid, survivor.pid].contains(seen);
        assert!(seen.iter().all(is_one_of_them), "{pid}: {seen:?}");
        survivor.signal(libc::SIGTERM);
        assert_eq!(survivor.wait(), killed_by(libc::SIGTERM), "{steps:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{steps:?}");
    }
}

/// Programs that start another one in a session of its own and wait for it.
#[test]
#[ignore = "needs root"]
fn setsid_helpers_that_are_waited_for_get_nothing() {
    let programs: [&[&str]; 6] = [
        &["setsid", "--wait", "sh", "-c", "exit 5"],
        &["su", "nobody", "-s", "/bin/sh", "-c", "exit 5"],
        &["runuser", "-u", "nobody", "--", "sh", "-c", "exit 5"],
        &["script", "-qec", "exit 5", "/dev/null"],
        &["timeout", "1000", "sh", "-c", "exit 5"],
        &["busybox", "setsid", "sh", "-c", "exit 5"],
    ];
    for program in programs {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let ended = dir.program(program[0]).args(&program[1..]).run();
        assert_eq!(ended.status, exited(5), "{program:?}: {ended:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{program:?}");
    }
}

/// Whoever starts during the hand-over finds that the file is held, or waits until it knows. It never gets the file.
#[test]
fn second_instance_during_hand_over_gets_nothing() {
    for round in 0..rounds(6) {
        for shape in SHAPES {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let over = AtomicBool::new(false);
            let daemon = thread::scope(|scope| {
                let seconds: Vec<_> = (0..2)
                    .map(|_| {
                        scope.spawn(|| {
                            wait_for(|| !dir.content().is_empty(), "the file is there");
                            let mut count = 0;
                            while count < 3 || !over.load(Ordering::Relaxed) {
                                let ended = dir.host("returns_status").arg("0").run();
                                assert_eq!(ended.status, exited(0), "{shape:?}: {ended:?}");
                                let held = "is held by a live owner";
                                assert!(ended.stderr.contains(held), "{shape:?}: {ended:?}");
                                count += 1;
                            }
                        })
                    })
                    .collect();
                let daemon = daemonize_while(&dir, shape, &[], || ());
                over.store(true, Ordering::Relaxed);
                for second in seconds {
                    second.join().unwrap();
                }
                daemon
            });
            assert_eq!(dir.content(), daemon.pid_line(), "{shape:?}");
            match round % 2 {
                0 => dir.remove_pidfile(),
                _ => daemon.signal(libc::SIGTERM),
            }
            assert_eq!(daemon.wait(), killed_by(libc::SIGTERM), "{shape:?}");
            assert_eq!(dir.leftovers(), NOTHING, "{shape:?}");
        }
    }
}

/// A worker that the launcher has left behind ends: that is not the end of the daemon.
#[test]
fn worker_ending_later_does_not_end_daemon() {
    for (signal, status) in ends() {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let steps = ["worker", "worker", "wait for", "pipe", "fork", "setsid"];
        let daemon = daemonize_while(&dir, &steps, &[], || ());
        for worker in output_pids(&dir, "worker") {
            let worker = Descendant::new(worker);
            worker.signal(libc::SIGTERM);
            assert_eq!(worker.wait(), killed_by(libc::SIGTERM));
        }
        assert!(is_alive(daemon.pid));
        assert_eq!(dir.content(), daemon.pid_line());
        daemon.signal(signal);
        assert_eq!(daemon.wait(), status);
        assert_eq!(dir.leftovers(), NOTHING);
    }
}

/// That another session had begun beside it, or before it, and has ended does not keep a daemon from inheriting.
#[test]
fn daemon_inherits_after_other_session_ended() {
    let orders: [(&[&str], usize); 2] = [
        (&["backend", "backend", "be told", "leave"], 1),
        (
            &["backend", "be told", "wait for", "pipe", "fork", "setsid"],
            0,
        ),
    ];
    for (steps, which) in orders {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let mut host = dir.host("daemonizes").args(steps).spawn();
        let backends = steps.iter().filter(|step| **step == "backend").count();
        let are_there = || {
            let workers = output_pids(&dir, "worker");
            let mut names = workers.iter().map(|pid| status_line(*pid, "Name"));
            workers.len() == backends && names.all(|name| name == "worker")
        };
        wait_for(are_there, &format!("all sessions are there: {steps:?}"));
        let observer = FileObserver::of(dir.pidfile());
        let sessions = output_pids(&dir, "worker");
        let ended = Descendant::new(sessions[which]);
        ended.signal(libc::SIGTERM);
        wait_for(|| ended.has_ended(), "that one has ended");
        let pid = host.pid();
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0), "{steps:?}");
        let daemon = match output_pids(&dir, "process")[..] {
            [daemon] => daemon,
            _ => sessions[0],
        };
        let daemon = Descendant::new(daemon);
        assert_eq!(dir.content(), daemon.pid_line(), "{steps:?}");
        assert!(!dir.an_outsider_can_lock(), "{steps:?}");
        assert_eq!(observer.finish(), Ok([pid, daemon.pid].into()), "{steps:?}");
        daemon.signal(libc::SIGTERM);
        assert_eq!(daemon.wait(), killed_by(libc::SIGTERM), "{steps:?}");
        assert_eq!(dir.leftovers(), NOTHING, "{steps:?}");
    }
}

/// A candidate that has become a program without us inherits nothing, and the file never names it.
#[test]
fn candidate_without_library_never_inherits() {
    for _ in 0..rounds(40) {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let still = dir.host_path("waits_for_eof_static");
        let reader = Reader::of(dir.pidfile());
        let exec = ["exec", still.to_str().unwrap()];
        let steps = [&["wait for", "pipe", "fork", "setsid"][..], &exec].concat();
        let mut host = dir.host("daemonizes").args(&steps).spawn();
        let pid = host.pid();
        let _input = host.take_stdin();
        assert_eq!(host.wait().status, exited(0));
        assert_eq!(dir.leftovers(), NOTHING);
        let seen = reader.finish();
        assert!(seen.iter().all(|seen| *seen == pid), "{pid}: {seen:?}");
    }
}

/// Erlang's nodes have such a helper. Both end at once, so that the file may be on its way from one to the other.
#[test]
fn helper_ending_with_owner_leaves_no_file() {
    for round in 0..rounds(200) {
        let dir = TestDir::new();
        let mut host = dir.host("has_a_helper").spawn();
        host.wait_until(
            |host| host.stdout().contains("helper "),
            "there is a helper",
        );
        assert_eq!(dir.content(), host.pid_line());
        host.close_stdin();
        assert_eq!(host.wait().status, exited(0));
        wait_for(
            || dir.leftovers() == NOTHING,
            &format!("the file is gone, in round {round}: {:?}", dir.content()),
        );
    }
}
