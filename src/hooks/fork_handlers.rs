//! Runs around fork(2), in the parent and in the child.
//!
//! Between a fork and the moment when all fork handlers of the host have run, its allocator may be locked. So the handlers
//! here allocate nothing, take no lock and touch no thread-local storage, which the loader may have to make first. What a
//! child needs of all that comes later: in setsid(2), or in [`in_child_at_last`].

use std::sync::atomic::{AtomicU32, Ordering};

use crate::endings::signals;
use crate::handover::lineage::{self, Birth};
use crate::hooks::candidate::{SELF, become_candidate, config};
use crate::hooks::fork_record::Fork;
use crate::isolation;
use crate::ownership::candidate::Kind;
use crate::ownership::shared::shared_state;
use crate::ownership::state;
use crate::settings::Follow;
use crate::sys::{self, Errno, c_library, entry::guarded};

/// As which kind of candidate the last handler shall make this process stand by; 0: none.
static PENDING: AtomicU32 = AtomicU32::new(0);
/// How many times the last handler was registered, where fork handlers stay for good.
static LAST_REGISTERED: AtomicU32 = AtomicU32::new(0);
/// How many times the last handler has been called in this child.
static LAST_CALLED: AtomicU32 = AtomicU32::new(0);

/// Records that [`in_child_at_last`] was registered once more, and will be called once more.
pub fn count_last() {
    LAST_REGISTERED.fetch_add(1, Ordering::SeqCst);
}

/// Records the fork, with what the child will be.
pub unsafe extern "C" fn before_fork() {
    guarded((), || {
        let birth = lineage::next_birth(SELF.load(Ordering::SeqCst));
        if birth == Birth::Bystander {
            if lineage::has_forked_one_as_leader(SELF.load(Ordering::SeqCst))
                && let Some(shared) = shared_state()
            {
                lineage::count_child();
                shared.candidates.disown_child();
            }
            return;
        }
        let Some(fork) = Fork::begin() else { return };
        let place = shared_state().and_then(|shared| shared.children.expect());
        fork.birth.store(birth as u32, Ordering::SeqCst);
        fork.place
            .store(place.map_or(0, |place| place + 1), Ordering::SeqCst);
        fork.errno.store(sys::errno().0, Ordering::SeqCst);
    });
    // Nobody tells the handlers that a fork has failed. But libc sets errno before it calls them.
    if Fork::under_way().is_some() {
        sys::set_errno(Errno(0));
    }
}

/// Returns the errno of the fork that was just tried, or 0. Puts back the host's where there was no failure.
fn errno_of(fork: &Fork) -> Errno {
    let errno = sys::errno();
    if errno == Errno(0) {
        sys::set_errno(Errno(fork.errno.load(Ordering::SeqCst)));
    }
    errno
}

/// Counts the child, or forgets the one that could not be forked.
pub unsafe extern "C" fn after_fork_parent() {
    let Some(fork) = Fork::under_way() else {
        return;
    };
    let errno = errno_of(fork);
    guarded((), || {
        let place = fork.place.load(Ordering::SeqCst).checked_sub(1);
        fork.end();
        if errno == Errno(0) {
            lineage::count_child();
        }
        match (shared_state(), place) {
            (Some(shared), Some(place)) if errno == Errno(0) => shared.children.set_forked(place),
            (Some(shared), Some(place)) => shared.children.expect_none(place),
            _ => {}
        }
    });
}

/// Gives the child, which nobody lets inherit, the signals' own default actions back.
///
/// Context: forked child, as its only thread.
pub unsafe extern "C" fn after_fork_bystander() {
    guarded((), signals::unhook);
}

/// Makes the child undecided, or a bystander.
///
/// Context: forked child, as its only thread.
pub unsafe extern "C" fn after_fork_child() {
    let fork = Fork::under_way();
    if let Some(fork) = fork {
        errno_of(fork);
    }
    guarded((), || {
        let process = sys::getpid();
        let parent = SELF.swap(process, Ordering::SeqCst);
        // A child has no file to remove: the kernel ends it by itself, in whatever sandbox it will be. One that may
        // inherit gets them again.
        signals::unhook();
        let (birth, place) = fork.map_or((Birth::Bystander, 0), |fork| {
            let birth = Birth::of(fork.birth.load(Ordering::SeqCst));
            (birth, fork.place.load(Ordering::SeqCst))
        });
        Fork::end_all();
        lineage::be_born(birth, parent);
        state::set_candidate(false);
        PENDING.store(0, Ordering::SeqCst);
        if c_library::FORK_HANDLERS_STAY {
            LAST_CALLED.store(0, Ordering::SeqCst);
        }
        let (Some(shared), Some(config)) = (shared_state(), config()) else {
            return;
        };
        if birth == Birth::Bystander {
            return;
        }
        isolation::renew_heap();
        if let Some(place) = place.checked_sub(1) {
            shared.children.hold(place);
        }
        let kind = if config.follow == Follow::Fork {
            Some(Kind::AnyChild)
        } else {
            (birth == Birth::OfLeader).then_some(Kind::LeadersChild)
        };
        if let Some(kind) = kind {
            shared.children.set_deciding();
            PENDING.store(kind as u32, Ordering::SeqCst);
        }
    });
}

/// Makes the child a candidate if the settings or its parent's session say so.
///
/// Context: forked child, after all other handlers.
pub unsafe extern "C" fn in_child_at_last() {
    if c_library::FORK_HANDLERS_STAY {
        let called = LAST_CALLED.fetch_add(1, Ordering::SeqCst) + 1;
        if called < LAST_REGISTERED.load(Ordering::SeqCst) {
            return;
        }
    }
    guarded((), || {
        let kind = Kind::of(PENDING.swap(0, Ordering::SeqCst));
        if let (Some(kind), Some(shared), Some(config)) = (kind, shared_state(), config()) {
            become_candidate(shared, config, kind);
        }
    });
}
