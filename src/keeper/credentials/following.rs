//! Has our threads take the rights of the host: what the keeper and the thread of `notify` do.

use std::sync::atomic::Ordering;

use super::known::{CALLED_WITHOUT_KEEPER, FOLLOWING, HAVE_LESS, HOSTS, IS_KNOWN, OURS, WATCHED};
use super::step::{STEP, Step, go, leave_rest_for};
use crate::sys::{self, futex};

/// Has nobody count threads while the keeper starts the thread of `notify`. Returns whether the keeper may; not while the
/// host makes a change.
///
/// Context: keeper.
pub fn begin_arming() -> bool {
    leave_rest_for(Step::Arming)
}

/// Records whether the thread of `notify` has been started.
///
/// Context: keeper.
pub fn end_arming(is_watched: bool) {
    WATCHED.store(is_watched, Ordering::SeqCst);
    Step::change(Step::Arming, Step::Idle);
}

/// Records that there will be no thread of `notify` any more.
///
/// Context: keeper.
pub fn set_unwatched() {
    WATCHED.store(false, Ordering::SeqCst);
}

/// Gives our threads the rights that the host has now. `wake` wakes the thread of `notify`, which then calls
/// [`follow_in_watcher`]; it returns whether there is such a thread.
///
/// Context: keeper, when it is asked.
pub fn answer(wake: impl FnOnce() -> bool) {
    if !Step::change(Step::Made, Step::Watcher) {
        return;
    }
    if wake() {
        futex::wait_until(&STEP, FOLLOWING / 2, |step| step != Step::Watcher as u32);
    }
    if Step::change(Step::Watcher, Step::Keeper) || Step::Keeper.is_now() {
        // SAFETY: the host waits, and its thread has filled it in.
        unsafe { (*HOSTS.0.get()).take() };
        if Step::change(Step::Keeper, Step::Followed) {
            futex::wake_all(&STEP);
        }
    }
}

/// Takes the rights that the host has now, if the keeper has asked for that.
///
/// Context: the thread of `notify`, before it waits.
pub fn follow_in_watcher() {
    if Step::Watcher.is_now() {
        // SAFETY: as in `answer`.
        unsafe { (*HOSTS.0.get()).take() };
        if Step::change(Step::Watcher, Step::Keeper) {
            futex::wake_all(&STEP);
        }
    }
}

/// Takes back the rights that the host has again. The thread of `notify` needs none.
///
/// Context: keeper, before it does what needs rights.
pub fn catch_up() {
    if HAVE_LESS.load(Ordering::SeqCst) && leave_rest_for(Step::Changing) {
        // SAFETY: this thread has gone from `Idle`. The watcher has less still, so what is known stays.
        unsafe { (*HOSTS.0.get()).take() };
        HAVE_LESS.store(false, Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { *OURS.0.get() = *HOSTS.0.get() };
        go(Step::Idle);
    }
}

/// Forgets what is known of the parent's threads.
///
/// Context: forked child that is about to have a keeper of its own.
pub fn renew() {
    STEP.store(Step::Idle as u32, Ordering::SeqCst);
    IS_KNOWN.store(false, Ordering::SeqCst);
    HAVE_LESS.store(false, Ordering::SeqCst);
    WATCHED.store(false, Ordering::SeqCst);
}

/// Gives up what the host of a successor has given up while its keeper waited for the file.
///
/// Context: keeper of a successor, when the host begins to tell it of its calls.
pub fn inherit() {
    if CALLED_WITHOUT_KEEPER.load(Ordering::SeqCst) == sys::getpid() {
        // SAFETY: see `record_rights`.
        unsafe { (*HOSTS.0.get()).take() };
    }
}
