//! Tells how far a change of the host's credentials is: the host, the keeper and the thread of `notify` take turns.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// How far it is.
pub static STEP: AtomicU32 = AtomicU32::new(Step::Idle as u32);

/// Whether the host waits until our threads have followed.
pub static HOST_WAITS: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    Idle,
    /// A thread of the host's makes a change, or the keeper takes rights back.
    Changing,
    /// The keeper starts the thread of `notify`, or ends it.
    Arming,
    /// Our threads have rights to take. It stays so while one of them hangs in a file system.
    Made,
    /// The thread of `notify` has to take them, and then the keeper.
    Watcher,
    Keeper,
    /// All have; perhaps only after the host had given up waiting.
    Followed,
}

impl Step {
    /// Returns whether this is the step now.
    pub fn is_now(self) -> bool {
        STEP.load(Ordering::SeqCst) == self as u32
    }

    /// Goes from one step to another, if it is still that one.
    pub fn change(from: Self, to: Self) -> bool {
        let (from, to, order) = (from as u32, to as u32, Ordering::SeqCst);
        STEP.compare_exchange(from, to, order, order).is_ok()
    }
}

/// Goes to `next` from where no change is under way: also from `Followed`, once the host has given up waiting for that. A host
/// that waits has yet to see it.
///
/// Context: keeper.
pub fn leave_rest_for(next: Step) -> bool {
    Step::change(Step::Idle, next)
        || !HOST_WAITS.load(Ordering::SeqCst) && Step::change(Step::Followed, next)
}

/// Goes to a step that nobody waits for.
pub fn go(step: Step) {
    STEP.store(step as u32, Ordering::SeqCst);
}
