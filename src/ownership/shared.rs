//! Shares memory between an owner and the processes that it forks: who of them may inherit, and who has not decided
//! yet.
//!
//! Every descendant can write here, also one that has dropped root. So all of it is a hint. It may delay an exit by a
//! bounded time, or have nobody inherit; who does inherit is what the kernel says ([`confirm`](super::candidate::confirm)).

use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::candidates::Candidates;
use super::child::Progress;
use super::children::Children;
use crate::sys::{self, clock, memory, procfs};

/// How long after forking its daemon a launcher leaves at the latest, and the daemon begins its session. A process that
/// ends later is a service, and its child a helper.
pub const LAUNCH: Duration = Duration::from_secs(10);

/// Numbers only, each of which is valid whatever it is: no pointer, no lock of libc's.
#[repr(C)]
pub struct SharedState {
    pub children: Children,
    pub candidates: Candidates,
    /// The candidate whose host has removed or renamed the file itself.
    pub(super) removed_by: AtomicI32,
    /// The candidate of which the owner has seen that.
    pub(super) removal_seen: AtomicU32,
    /// The candidate that the file was about to name last.
    named: AtomicI32,
    /// When the owner has ended of its own accord, and there was nobody to inherit, in nanoseconds since boot.
    abandoned: AtomicU64,
    /// The first child that has begun its session after that.
    late: AtomicI32,
}

static SHARED: AtomicPtr<SharedState> = AtomicPtr::new(std::ptr::null_mut());

/// Returns what this process shares with others, if it does.
pub fn shared_state() -> Option<&'static SharedState> {
    // SAFETY: null, or a mapping that is never removed.
    unsafe { SHARED.load(Ordering::SeqCst).as_ref() }
}

/// Maps the memory that children will share. Returns whether there is such memory.
///
/// Context: host thread before main, once.
pub fn share_state() -> bool {
    let shared = SharedState::map();
    SHARED.store(shared.unwrap_or(std::ptr::null_mut()), Ordering::SeqCst);
    shared.is_some()
}

impl SharedState {
    /// Maps memory that this process shares with what it forks from now on.
    fn map() -> Option<*mut Self> {
        // All of it is valid as it is, zeroed.
        let shared = memory::map(size_of::<Self>(), libc::MAP_SHARED)?;
        Some(shared.as_ptr().cast())
    }

    /// Returns whether there is, or was, a candidate, or a child that has not decided. Looks at memory alone.
    pub fn has_children(&self) -> bool {
        self.candidates.is_any() || self.children.undecided().next().is_some()
    }

    /// Records that the file may name a candidate from now on.
    ///
    /// Context: keeper, before it writes that.
    pub fn expect_named(&self, candidate: libc::pid_t) {
        self.named.store(candidate, Ordering::SeqCst);
    }

    /// Returns whether the file may name this process, a candidate. Looks at memory alone.
    pub fn may_name_us(&self) -> bool {
        self.named.load(Ordering::SeqCst) == sys::getpid()
    }

    /// Leaves the path to the child that decides only now: the owner ends of its own accord. Leaves it to nobody if there is
    /// more than one that may be meant.
    ///
    /// Context: keeper.
    pub fn abandon(&self) {
        let may_live = |progress: &Progress| match progress.pid() {
            0 => true,
            pid => procfs::is_running(pid),
        };
        let undecided = self.children.undecided().map(|(_, progress, _)| progress);
        if self.candidates.claimants().next().is_none() && undecided.filter(may_live).count() <= 1 {
            self.abandoned.store(clock::nanoseconds(), Ordering::SeqCst);
        }
    }

    /// Takes that back: there may be a successor.
    pub fn take_up_again(&self) {
        self.abandoned.store(0, Ordering::SeqCst);
    }

    /// Returns whether this process, which was forked and has begun its session at these times, may take the
    /// path that the owner has left to its children. Only one may.
    pub fn may_come_late(&self, (born, session): (u64, u64)) -> bool {
        let abandoned = self.abandoned.load(Ordering::SeqCst);
        let time = |one: u64, other: u64| Duration::from_nanos(one.abs_diff(other));
        let order = Ordering::SeqCst;
        abandoned != 0
            // It may have got its first processor only then.
            && time(born, abandoned) <= LAUNCH
            && session >= abandoned
            && time(session, abandoned) <= LAUNCH
            && self
                .late
                .compare_exchange(0, sys::getpid(), order, order)
                .is_ok()
    }
}
