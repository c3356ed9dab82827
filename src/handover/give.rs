//! The owner's side: it ends, and passes the file on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::handover::choose;
use crate::ownership::host_file;
use crate::ownership::shared::{AT_ONCE, REST, page};
use crate::ownership::state::{self, Requests};
use crate::pidfile::{PidFile, Sight};
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, futex, procfs};

/// How long an heir may take to notice that the baton is its.
const TAKING: Duration = Duration::from_secs(2);
/// How long an owner that ends looks for an heir: its end waits for longer.
const PASSING_ON: Duration = Duration::from_secs(4);

/// Whether there is, or was, a child that may be an heir of this process, as far as it has said.
///
/// Async-signal-safe: looks at memory.
pub fn may_pass_on() -> bool {
    page().is_some_and(|page| {
        let mut candidates = page.candidates.iter();
        candidates.any(|candidate| candidate.pid.load(Ordering::SeqCst) != 0)
            || page.births().next().is_some()
    })
}

/// The keeper of an owner that ends of its own accord: passes the file on, if there is an heir.
pub fn pass_on(file: &PidFile) -> Option<libc::pid_t> {
    let page = page()?;
    let end = clock::now() + PASSING_ON;
    // Children that mean no good could have us wait for ever.
    while clock::now() < end && !state::is_posted(Requests::FATAL_SIGNAL) {
        // All of this may take a while. Whoever would be the heir is told.
        let deleted = file.look_patiently() == Sight::Deleted && !host_file::has_removed();
        if deleted {
            page.deleted.store(1, Ordering::SeqCst);
        }
        if let Some(heir) = choose::heir(page, choose::forked_as_leader()) {
            if deleted {
                return None;
            }
            if choose::may_move_on(page, heir) {
                futex::pause(POLL_INTERVAL);
                continue;
            }
            let pid = heir.pid.load(Ordering::SeqCst);
            if !stands_by(pid) {
                page.forget(pid);
                continue;
            }
            page.taken.store(0, Ordering::SeqCst);
            // Either the heir's end sees this, or we see that it has withdrawn.
            page.offered.store(pid, Ordering::SeqCst);
            if heir.pid.load(Ordering::SeqCst) != pid {
                continue;
            }
            let wait = || {
                futex::wait_shared(&page.taken, 0, POLL_INTERVAL);
                page.taken.load(Ordering::SeqCst) == pid as u32
            };
            if file.hand_over(pid, TAKING, wait) {
                wait_for_the_one_between(pid, end);
                return Some(pid);
            }
            heir.pid.store(0, Ordering::SeqCst);
        } else if !page.wait_for_decision() {
            return None;
        }
    }
    None
}

/// Waits, until `end` at most, for the leader that has forked this heir of ours, and has begun to end too:
/// only then the heir has the parent that it will keep. systemd asks for it when the launcher is gone, and
/// would not learn how a child of somebody else's ends (systemd.service(5), PIDFile=).
fn wait_for_the_one_between(heir: libc::pid_t, end: Duration) {
    let end = end.min(clock::now() + AT_ONCE);
    let is_between = |leader: &libc::pid_t| procfs::parent(*leader) == Some(sys::getpid());
    while clock::now() < end
        && let Some(leader) = procfs::parent(heir).filter(is_between)
        && !procfs::is_asleep(leader)
    {
        futex::pause(POLL_INTERVAL);
    }
}

/// Whether a candidate has a keeper. One that has called exec has it again when it begins; but it may
/// have become a program that has no such library. That one soon sleeps, alone.
fn stands_by(pid: libc::pid_t) -> bool {
    let start = clock::now();
    let mut awake = start;
    while procfs::is_running(pid) {
        if procfs::has_keeper(pid) {
            return true;
        }
        let now = clock::now();
        if !procfs::is_asleep_alone(pid) {
            awake = now;
        }
        if now - awake > REST || now - start > TAKING {
            return false;
        }
        futex::pause(POLL_INTERVAL);
    }
    false
}
