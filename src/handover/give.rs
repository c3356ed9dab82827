//! Hands the file over: the side of an owner that ends.

use std::time::Duration;

use crate::handover::choose::{self, Choice, Gift, Leaving};
use crate::handover::looks::Looks;
use crate::handover::relation::{AT_ONCE, Ending};
use crate::ownership::host_file;
use crate::ownership::shared::{SharedState, shared_state};
use crate::ownership::state::{self, Requests};
use crate::pidfile::fd_passing::{Answer, Connection};
use crate::pidfile::status::FileStatus;
use crate::pidfile::{PidFile, instance};
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, futex, procfs};

/// How often an owner that ends looks, at least, at children that have not decided, or that call exec(2) just now. Only a
/// machine that gives them no processor takes so long. Then nobody inherits, and the file is removed. Looks are counted, so
/// that seconds in which all of them are frozen (cgroups(7)) are not enough.
const LOOKS: u32 = 600;
/// How long an owner looks at least: where a look takes little, [`LOOKS`] of them are over before a child has had its turn.
const LOOKING: Duration = Duration::from_secs(3);
/// How long nothing of that counts while a child, which is given a processor, is in the middle of fork(2). That takes 100 ms
/// for a large process, and seconds on a slow machine.
const FORKING: Duration = Duration::from_secs(15);
/// How long a successor may take to have the file. Only one that is stopped, or gets no processor, takes so
/// long. The file names it by then, and stays.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns whether there is, or was, a child that may be a successor of this process, as far as it has said.
///
/// Async-signal-safe: looks at memory.
pub fn may_hand_over() -> bool {
    shared_state().is_some_and(SharedState::has_children)
}

/// Passes the file on, if there is a successor, and returns who that is.
///
/// Context: keeper of an owner that ends of its own accord.
pub fn hand_over(file: &PidFile, ending: Ending) -> Option<libc::pid_t> {
    let shared = shared_state()?;
    let owner = Leaving {
        file: file.id(),
        ending,
        since: state::ends_since(),
    };
    let mut looks = Looks::new();
    // Children that mean no good could have us wait for ever.
    let (mut begin, mut number) = (clock::now(), 0);
    let start = begin;
    while number < LOOKS || clock::now().saturating_sub(begin) < LOOKING {
        number += 1;
        if looks.is_any_forking && clock::now().saturating_sub(start) < FORKING {
            (begin, number) = (clock::now(), 0);
        }
        if state::is_posted(Requests::FATAL_SIGNAL) {
            return None;
        }
        let news = shared.children.news();
        match choose::successor(shared, &mut looks, owner) {
            Choice::Nobody => {
                shared.abandon();
                // A child that has begun its session since the look has done so too early to be late.
                if shared.children.news() == news && !looks.are_pending(shared) {
                    return None;
                }
                shared.take_up_again();
            }
            Choice::Unclear => return None,
            Choice::Wait => choose::pause(shared, news),
            Choice::Successor(successor, gift) => {
                // All of this may take a while. Whoever would be the successor is told.
                match file.look_until_settled() {
                    FileStatus::Deleted if !host_file::has_removed() => {
                        if let Gift::File(connection) = gift {
                            connection.tell_deleted();
                        }
                        return None;
                    }
                    FileStatus::Replaced => return None,
                    _ => {}
                }
                if give(shared, file, successor.pid, &gift) {
                    wait_for_process_between(successor.pid);
                    return Some(successor.pid);
                }
                // Or it has just called exec(2), and its new image will listen again.
                if !procfs::is_running(successor.pid) {
                    shared.candidates.forget(successor.pid);
                }
                choose::pause(shared, news);
            }
        }
    }
    shared.abandon();
    None
}

/// Makes the file name the successor, and sends it the file if it may have that. Returns whether it is the
/// successor's from then on; if not, it is as before.
fn give(shared: &SharedState, file: &PidFile, successor: libc::pid_t, gift: &Gift) -> bool {
    shared.expect_named(successor);
    let Some(fd) = file.rename_owner(successor) else {
        return false;
    };
    // Or it has begun to end: a successor that begins later finds its name in the file, and waits.
    if !shared.candidates.knows(successor) {
        take_back(file);
        return false;
    }
    // One that gets no descriptor finds its name in the file when this process has ended.
    let Gift::File(connection) = gift else {
        return true;
    };
    if connection.offer(fd, file.parent()).is_ok() {
        match answer(shared, connection, successor) {
            Answer::Taken => return true,
            // It has the lock, and finds what is in the file when it comes round.
            Answer::None if procfs::is_running(successor) => return true,
            Answer::Ended if comes_back(successor) => return true,
            Answer::None | Answer::Ended => {}
        }
    }
    take_back(file);
    false
}

/// Waits for the answer of a successor that has been sent the file. One that is a candidate no more ends, or is just answering:
/// it is waited for ten times as long, since the file would stay behind.
fn answer(shared: &SharedState, connection: &Connection, successor: libc::pid_t) -> Answer {
    const ENDING: u32 = 10;
    for _ in 1..ENDING {
        match connection.answer(ANSWER_TIMEOUT) {
            Answer::None
                if !shared.candidates.knows(successor) && procfs::is_running(successor) => {}
            answer => return answer,
        }
    }
    connection.answer(ANSWER_TIMEOUT)
}

/// Makes the file name this process again, where the successor has not taken it. Where that fails the file names another
/// process, and is not removed by this one.
fn take_back(file: &PidFile) {
    if file.look() != FileStatus::Deleted {
        file.take_back();
    }
}

/// Returns whether a successor that has closed its end without an answer has called exec(2). Then its new image has a
/// keeper soon, and finds its name in the file. One that ends has none. Gives up after some 1 s; it lives, and the file
/// names it.
fn comes_back(successor: libc::pid_t) -> bool {
    /// Counted, as [`LOOKS`] are.
    const LOOKS: u32 = 5000;
    for _ in 0..LOOKS {
        if !procfs::is_running(successor) {
            return false;
        }
        let has_called_exec = !procfs::is_as_forked(successor);
        if has_called_exec && instance::keeper_in(successor) == Some(true) {
            break;
        }
        futex::pause(POLL_INTERVAL);
    }
    procfs::is_running(successor)
}

/// Waits for the leader that has forked this successor, and that has begun to end too. Only then the successor has the
/// parent that it will keep. systemd looks at it when the launcher is gone, and does not learn how a child of another
/// process ends (systemd.service(5), PIDFile=). Gives up after [`AT_ONCE`].
fn wait_for_process_between(successor: libc::pid_t) {
    /// One that ends sleeps now and then, too.
    const STAYS: u32 = 20;
    let end = clock::now() + AT_ONCE;
    let is_between = |leader: &libc::pid_t| procfs::parent(*leader) == Some(sys::getpid());
    let mut asleep = 0;
    while clock::now() < end
        && asleep < STAYS
        && let Some(leader) = procfs::parent(successor).filter(is_between)
    {
        asleep = if procfs::is_asleep(leader) {
            asleep + 1
        } else {
            0
        };
        futex::pause(POLL_INTERVAL);
    }
}
