//! An owner that is stopped, or whose file is deleted, hands nothing over, and the sessions that it began go on.

use crate::candidates::end_before_the;
use crate::common::{
    Descendant, Descendants, NOTHING, TestDir, blocked_signals, exited, extra_tasks_of, is_alive,
    is_at_work, is_watching, killed_by, output_pids, rounds, status_line, wait_for,
    wait_until_idle,
};

/// A single session may be the daemon: so it inherits, unless the end of the owner is a stop.
#[test]
fn only_session_of_stopped_owner_gets_nothing() {
    for child in ["backend", "pane"] {
        end_before_the(&[child], libc::SIGTERM, killed_by(libc::SIGTERM));
    }
}

/// Nobody sends a signal to a session that inherits nothing, neither at once nor when its part of the library has understood
/// that there is nothing to inherit.
#[track_caller]
fn are_not_signalled(sessions: &[i32], what: &str) {
    for session in sessions {
        wait_for(
            || extra_tasks_of(*session).is_empty(),
            &format!("{session} has understood: {what}"),
        );
        assert!(is_alive(*session), "{session} was ended: {what}");
        let orphan = Descendant::new(*session);
        orphan.signal(libc::SIGKILL);
        assert_eq!(orphan.wait(), killed_by(libc::SIGKILL), "{what}");
    }
}

/// It has begun its session, and called exec if it does; of all its threads only the first is its own.
#[track_caller]
fn wait_until_it_stands_by(session: i32) {
    let term = 1 << (libc::SIGTERM - 1);
    wait_for(
        || {
            ["worker", "sleep"].contains(&&*status_line(session, "Name"))
                && !extra_tasks_of(session).is_empty()
                && blocked_signals(session) & term == 0
        },
        "the session is there",
    );
}

#[test]
fn session_outlives_the_stopped_owner() {
    for child in ["backend", "pane"] {
        for _ in 0..rounds(5) {
            let dir = TestDir::new();
            let _orphans = Descendants::of(&dir);
            let host = dir.host("daemonizes").arg(child).spawn();
            host.wait_until(|host| is_at_work(host.pid()), "at work");
            let sessions = output_pids(&dir, "worker");
            wait_until_it_stands_by(sessions[0]);
            host.signal(libc::SIGTERM);
            assert_eq!(host.wait().status, killed_by(libc::SIGTERM));
            assert_eq!(dir.leftovers(), NOTHING);
            are_not_signalled(&sessions, child);
        }
    }
}

/// Its owner alone decides what the deletion of the file means.
#[test]
fn session_outlives_the_deleted_file() {
    for child in ["backend", "pane"] {
        let dir = TestDir::new();
        let _orphans = Descendants::of(&dir);
        let steps = [child, "catch SIGTERM"];
        let host = dir.host("daemonizes").args(steps).spawn();
        host.wait_until(|host| is_at_work(host.pid()), "at work");
        host.wait_until(|host| is_watching(host.pid()), "watching");
        let sessions = output_pids(&dir, "worker");
        wait_until_it_stands_by(sessions[0]);
        dir.remove_pidfile();
        host.wait_until(|_| !output_pids(&dir, "caught by").is_empty(), "told");
        wait_until_idle(&host);
        assert!(is_alive(sessions[0]), "{child}");
        host.signal(libc::SIGINT);
        assert_eq!(host.wait().status, exited(0), "{child}");
        are_not_signalled(&sessions, child);
        assert_eq!(output_pids(&dir, "caught by").len(), 1, "{child}");
        assert_eq!(dir.leftovers(), NOTHING, "{child}");
    }
}
