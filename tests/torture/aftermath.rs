//! What a hand-over that went wrong may leave behind: no file, a file of a living process that has its lock, or one whose lock
//! is free. Whoever starts next gets the file.

use crate::common::{
    Descendant, Descendants, NOTHING, TestDir, exited, extra_tasks_of, is_alive, killed_by,
    wait_for,
};
use std::fs::File;
use std::os::fd::AsRawFd;

/// Whether a process is what the launcher was to leave behind, and not on its way to that.
pub type IsDaemon = fn(i32) -> bool;

/// What a stranger makes of the file.
#[derive(Debug, PartialEq)]
enum FileState {
    Absent,
    /// Somebody has the lock, and this is in it.
    Held(String),
    Free,
}

fn look(dir: &TestDir) -> FileState {
    // Not by flock(1), which creates what is not there.
    let Ok(file) = File::open(dir.pidfile()) else {
        return FileState::Absent;
    };
    // SAFETY: the descriptor is open; the lock goes with it.
    let locked = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0;
    match (locked, dir.content()) {
        (true, _) => FileState::Free,
        (false, content) if content.is_empty() && !dir.pidfile().exists() => FileState::Absent,
        (false, content) => FileState::Held(content),
    }
}

pub fn held_by(dir: &TestDir) -> Option<i32> {
    match look(dir) {
        FileState::Held(content) => content.trim().parse().ok().filter(|pid| is_alive(*pid)),
        _ => None,
    }
}

/// After the launcher has ended, however it did: waits until nothing moves any more, ends the owner, if there is one, and
/// starts another host.
pub fn aftermath(dir: &TestDir, orphans: &Descendants, at_once: bool, is_daemon: IsDaemon) {
    let mut owner = None;
    wait_for(
        || {
            let children = orphans.children();
            owner = held_by(dir).filter(|owner| children.contains(owner));
            let has_given_up = |pid: &i32| at_once || extra_tasks_of(*pid).is_empty();
            let is_right = owner.is_some()
                || !matches!(look(dir), FileState::Held(_)) && children.iter().all(has_given_up);
            is_right && children.into_iter().all(&is_daemon)
        },
        "the file is right, and nothing moves",
    );
    if let Some(owner) = owner {
        let owner = Descendant::new(owner);
        owner.signal(libc::SIGTERM);
        let status = owner.wait();
        let then = look(dir);
        if status == killed_by(libc::SIGTERM) {
            assert_eq!(then, FileState::Absent);
        } else {
            assert_eq!(status, killed_by(libc::SIGKILL));
            assert!(!matches!(then, FileState::Held(_)), "{then:?}");
        }
    }
    let others = orphans.children();
    let others: Vec<Descendant> = others.into_iter().map(Descendant::new).collect();
    let mut next = dir.host("waits_for_eof").spawn_ready();
    if at_once && next.stderr().contains("is held by a live owner") {
        // A successor that had not noticed yet was faster.
        drop(next);
        return aftermath(dir, orphans, false, is_daemon);
    }
    assert_eq!(
        dir.content(),
        next.pid_line(),
        "beside {} others",
        others.len()
    );
    // A successor that is another program by now lives, and the file names it.
    let said = next.stderr();
    let is_silent = said
        .lines()
        .all(|line| line.ends_with("is not known to own it: taken over"));
    assert!(is_silent, "{said}");
    assert!(matches!(look(dir), FileState::Held(_)));
    next.close_stdin();
    let ended = next.wait();
    assert_eq!((ended.status, &*ended.stderr), (exited(0), &*said));
    assert_eq!(dir.leftovers(), NOTHING);
    for other in others {
        wait_for(
            || extra_tasks_of(other.pid).is_empty(),
            "nobody waits for the file",
        );
        // It may only have been its turn to be killed.
        if other.has_ended() {
            let pid = other.pid;
            assert_eq!(other.wait(), killed_by(libc::SIGKILL), "{pid}");
        }
    }
    assert_eq!(dir.leftovers(), NOTHING);
}
