//! Has a candidate that removes or renames the file itself say so to the owner.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use super::candidates::confirmed;
use super::shared::{SharedState, shared_state};
use super::state;
use crate::sys::{self, clock, futex, procfs};

/// The candidate that has removed the file, as this process, the owner, has found confirmed; 0: none.
static CONFIRMED_REMOVER: AtomicI32 = AtomicI32::new(0);

/// Records whether the host of this process has removed or renamed the file itself.
pub fn set_removed_by_host(it_has: bool) {
    CONFIRMED_REMOVER.store(0, Ordering::SeqCst);
    if let Some(shared) = shared_state() {
        let pid = if it_has { sys::getpid() } else { 0 };
        shared.removed_by.store(pid, Ordering::SeqCst);
    }
}

/// Returns whether a candidate has removed or renamed the file, one that the kernel confirms. That counts also when it has
/// ended since.
pub fn is_removed_by_host() -> bool {
    let Some(shared) = shared_state() else {
        return false;
    };
    let pid = shared.removed_by.load(Ordering::SeqCst);
    // What this process itself has removed is in no memory that others can write.
    if pid == 0 || pid == sys::getpid() {
        return false;
    }
    if pid == CONFIRMED_REMOVER.load(Ordering::SeqCst) {
        return true;
    }
    let is_confirmed =
        confirmed(&shared.candidates, pid).is_some_and(|confirmed| confirmed.is_equal);
    if is_confirmed {
        CONFIRMED_REMOVER.store(pid, Ordering::SeqCst);
        shared.removal_seen.store(pid as u32, Ordering::SeqCst);
        futex::wake_all_shared(&shared.removal_seen);
    }
    is_confirmed
}

/// Waits until the owner has seen that this process, a candidate that ends, has removed the file, if it has. The owner
/// cannot confirm a candidate that is gone. Gives up after a second.
///
/// Async-signal-safe.
pub fn await_removal_seen(shared: &SharedState) {
    const SEEING: Duration = Duration::from_secs(1);
    let pid = sys::getpid();
    if shared.removed_by.load(Ordering::SeqCst) != pid {
        return;
    }
    let end = clock::now() + SEEING;
    loop {
        let seen = shared.removal_seen.load(Ordering::SeqCst);
        let now = clock::now();
        if seen == pid as u32 || now >= end || !procfs::is_alive(state::owner()) {
            return;
        }
        futex::wait_shared(&shared.removal_seen, seen, end - now);
    }
}
