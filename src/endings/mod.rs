//! Gives up the file before the process ends, in whatever way it ends.
//!
//! | ending | seen by |
//! | --- | --- |
//! | return from main, `exit` | atexit(3), registered before main and so run after the host's own |
//! | `quick_exit` | at_quick_exit(3), registered before main |
//! | `_exit`, `_Exit` | interposed |
//! | a signal whose action is the default | [`signals`] |
//! | SIGKILL, power loss, a raw exit_group(2) | nothing: the file stays, its lock is free |

pub mod last_thread;
pub mod main_thread;
pub mod signals;

use std::ffi::c_void;
use std::time::Duration;

use crate::handover;
use crate::ownership::state::{self, Phase, Requests};
use crate::ownership::{removal, unmonitored};
use crate::pidfile::removal::Removal;
use crate::sys::{c_library, entry::guarded};

/// How long an end waits for the keeper to begin. It sleeps, and so is given a processor within some milliseconds on a
/// busy machine; but a host of real-time priority may leave it none. After that the ending thread goes on by itself.
const BEGINNING: Duration = Duration::from_millis(100);
/// How long an end waits for a keeper that is at work: for a look at the file, or for one unlink(2). It takes microseconds,
/// and some hundred milliseconds on a machine with eight times as much to do as it can. A file system that does not answer
/// takes longer: a keeper that uses no CPU time for as long again is stuck in one. Then the file is left to be recognised
/// as stale.
const FINISHING: Duration = Duration::from_millis(500);
/// How many times as long an end waits for a keeper that goes on using CPU time, however little: the machine is slow.
const ROUNDS: u32 = 10;
/// How long the end of a launcher waits for the keeper to begin, and how long if that is at work on nothing else, and so has
/// no processor. To remove the file in its stead would leave the daemon without one.
const CANDIDATE_TIMEOUT: Duration = Duration::from_secs(2);
const STARVED_TIMEOUT: Duration = Duration::from_secs(8);
/// How long the end of a launcher waits until its daemon has the file, or is known not to want it. The keeper looks each
/// millisecond meanwhile: one that uses no CPU time for so long is stuck. It gives up by itself within a few of these.
const HANDOVER_TIMEOUT: Duration = Duration::from_secs(5);
const HANDOVER_ROUNDS: u32 = 4;

/// Registers the handlers of exit(3) and quick_exit(3).
///
/// Context: host thread before main.
pub fn register() {
    // If the lists cannot grow, the file stays behind at such an end and is recognised as stale.
    c_library::at_exit(at_exit);
    c_library::at_quick_exit(at_quick_exit);
}

/// Runs last of all handlers of exit(3), since it was registered first.
extern "C" fn at_exit() {
    guarded((), || release(Exit::Voluntary));
}

/// Runs last of all handlers of quick_exit(3).
extern "C" fn at_quick_exit(_: *mut c_void) {
    guarded((), || release(Exit::Voluntary));
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By `exit` or the like: a launcher leaves so when its daemon runs, and the file follows it.
    Voluntary,
    /// By a signal, whose default action it is.
    BySignal,
}

/// Returns whether there can be anything to [`release`]. Most processes that end have no role: they ask no more than this,
/// and touch no other page of ours, which the kernel would have to map first.
#[inline(always)]
pub fn has_something_to_release() -> bool {
    state::phase() == Phase::Standby || state::may_be_owner() && state::is_owner()
}

/// Gives up the file, if it is this process that owns it.
///
/// ```text
/// post the request
/// wait BEGINNING for the keeper to begin            CANDIDATE_TIMEOUT, and STARVED_TIMEOUT, where a child may be
///                                                   waiting for the file
///   not begun, and it was not at work:              it is given no processor
///       remove the file by its path, in this thread; done, unless it can be neither removed nor emptied
/// wait FINISHING for it to be done                  HANDOVER_TIMEOUT where a child may be waiting for the file
///   not done: once more, and as long as it uses CPU time or has no processor, ROUNDS times in all
///   not done:                                       it is stuck in a file system that does not answer
///       leave the file: it will be stale
/// ```
///
/// Nothing is waited for without a timeout, no lock is taken and nothing allocated. Shown by
/// `torture/held_calls::call_that_hangs_holds_up_no_end` and `torture/held_calls::ending_thread_makes_no_call_on_the_file`.
///
/// Context: signal handler, exit path. Async-signal-safe, and without thread-local storage.
pub fn release(exit: Exit) {
    if state::phase() == Phase::Standby {
        handover::receive::withdraw();
    }
    if !state::is_owner() {
        return;
    }
    match state::phase() {
        // The keeper itself ends the process by a signal that it has caused: it would wait for itself.
        Phase::Starting | Phase::Kept | Phase::Releasing if !state::is_keeper() => {
            release_by_keeper(exit);
        }
        Phase::Unmonitored | Phase::Removing => unmonitored::remove(),
        _ => {}
    }
}

/// Asks the keeper to give up the file, and does it in its stead where it cannot.
fn release_by_keeper(exit: Exit) {
    let may_hand_over = exit == Exit::Voluntary && handover::give::may_hand_over();
    let (beginning, finishing, rounds) = if may_hand_over {
        (CANDIDATE_TIMEOUT, HANDOVER_TIMEOUT, HANDOVER_ROUNDS)
    } else {
        (BEGINNING, FINISHING, ROUNDS)
    };
    let request = match exit {
        Exit::Voluntary => Requests::EXIT,
        Exit::BySignal => Requests::FATAL_SIGNAL,
    };
    state::post_end(request);
    let has_begun = |phase| !matches!(phase, Phase::Starting | Phase::Kept);
    let is_over = |phase| matches!(phase, Phase::Released | Phase::Refused);
    let begins = state::wait_for(beginning, has_begun)
        || may_hand_over && state::keeper_rests() && state::wait_for(STARVED_TIMEOUT, has_begun);
    let is_done = (!begins && remove_in_its_stead(request))
        || waits_while_it_works(finishing, rounds, may_hand_over, is_over);
    if !is_done {
        remove_in_its_stead(request);
    }
}

/// Waits until the keeper is done, `rounds` times at most, and no longer than it uses CPU time or has not begun for want of a
/// processor; in the first round too if `from_now`. Returns whether it is done.
fn waits_while_it_works(
    round: Duration,
    rounds: u32,
    from_now: bool,
    is_over: impl Fn(Phase) -> bool,
) -> bool {
    let mut used = from_now.then(state::keeper_cpu_time);
    for _ in 0..rounds {
        if state::wait_for(round, &is_over) {
            return true;
        }
        let before = used.replace(state::keeper_cpu_time());
        if before == used && !state::keeper_rests() {
            break;
        }
    }
    false
}

/// Removes the file in this thread, if the keeper has not begun to and is not at work on something else. Returns whether
/// that was so. Where this thread may neither remove nor empty it, the keeper has the request again: it has the file open.
fn remove_in_its_stead(request: Requests) -> bool {
    if !state::keeper_rests() || !state::leave_for(Phase::Kept, Phase::Removing) {
        return false;
    }
    if removal::remove() == Removal::Failed {
        state::enter(Phase::Kept);
        state::post(request);
        return false;
    }
    // A guard sees the end by itself. To wait for one that is given no processor either would take for ever.
    state::enter(Phase::Released);
    true
}
