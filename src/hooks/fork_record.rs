//! Remembers, between the handlers around fork(2), a fork that is under way.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

/// A fork under way, between the handlers. pthread_self(3) names the thread on both sides of it.
pub struct Fork {
    thread: AtomicUsize,
    /// Forks of one thread can be nested: a signal handler may fork too.
    order: AtomicU32,
    /// What the child will be, as a [`Birth`](crate::handover::lineage::Birth).
    pub birth: AtomicU32,
    /// Its place in the shared state, from 1; 0: it has none.
    pub place: AtomicUsize,
    /// The host's errno, while a child is forked that has a place.
    pub errno: AtomicI32,
}

static FORKS: [Fork; 32] = [const { Fork::new() }; 32];
static ORDER: AtomicU32 = AtomicU32::new(0);

impl Fork {
    const fn new() -> Self {
        Self {
            thread: AtomicUsize::new(0),
            order: AtomicU32::new(0),
            birth: AtomicU32::new(0),
            place: AtomicUsize::new(0),
            errno: AtomicI32::new(0),
        }
    }

    /// Begins a fork of the calling thread; `None` if too many are under way.
    pub fn begin() -> Option<&'static Self> {
        let (ours, order) = (thread(), Ordering::SeqCst);
        let free = |fork: &&Self| fork.thread.compare_exchange(0, ours, order, order).is_ok();
        let fork = FORKS.iter().find(free)?;
        fork.order.store(ORDER.fetch_add(1, order), order);
        Some(fork)
    }

    /// Returns the fork of the calling thread that was begun last.
    pub fn under_way() -> Option<&'static Self> {
        let ours = thread();
        let its = FORKS
            .iter()
            .filter(|fork| fork.thread.load(Ordering::SeqCst) == ours);
        its.max_by_key(|fork| fork.order.load(Ordering::SeqCst))
    }

    /// Forgets all forks, those of other threads too.
    ///
    /// Context: forked child, which has none of these threads.
    pub fn end_all() {
        FORKS.iter().for_each(Self::end);
    }

    /// Forgets this fork.
    pub fn end(&self) {
        self.place.store(0, Ordering::SeqCst);
        self.thread.store(0, Ordering::SeqCst);
    }
}

/// Names the calling thread.
fn thread() -> usize {
    // SAFETY: pthread_self(3) takes nothing and always succeeds; it reads the thread register.
    unsafe { libc::pthread_self() as usize }
}
