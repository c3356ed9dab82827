//! Decides which comes first in a candidate: its keeper begins to take the file, or the process begins to end.
//!
//! Either the process waits until its keeper has the file, and gives it up as an owner does. Or the keeper takes
//! nothing more, and the owner learns from the closed connection that the candidate has gone.

use std::sync::atomic::{AtomicU32, Ordering};

/// The keeper waits for the file.
const WAITING: u32 = 0;
/// The keeper has begun to take the file.
const TAKING: u32 = 1;
/// The process ends, and takes no file.
const WITHDRAWN: u32 = 2;

static STANDING: AtomicU32 = AtomicU32::new(WAITING);

/// Records that the keeper begins to wait. Context: keeper, before this process is a candidate.
pub fn begin() {
    STANDING.store(WAITING, Ordering::SeqCst);
}

/// Records that the keeper begins to take the file. Returns whether it may: the process has not begun to end.
///
/// Context: keeper.
pub fn take() -> bool {
    go_from_waiting_to(TAKING)
}

/// Returns whether the keeper has begun to take the file, and does not wait again. Async-signal-safe.
pub fn is_taking() -> bool {
    STANDING.load(Ordering::SeqCst) == TAKING
}

/// Records that the keeper waits again, for another owner. Context: keeper that has begun to take the file.
pub fn wait_again() {
    STANDING.store(WAITING, Ordering::SeqCst);
}

/// Records that the process ends. Returns whether it may: its keeper has not begun to take the file.
///
/// Async-signal-safe.
pub fn withdraw() -> bool {
    go_from_waiting_to(WITHDRAWN) || STANDING.load(Ordering::SeqCst) == WITHDRAWN
}

fn go_from_waiting_to(next: u32) -> bool {
    let order = Ordering::SeqCst;
    STANDING
        .compare_exchange(WAITING, next, order, order)
        .is_ok()
}
