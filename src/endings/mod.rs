//! How the process ends, and that the file goes first.
//!
//! | ending | seen by |
//! | --- | --- |
//! | return from main, `exit` | atexit(3), registered before main and so run after the host's own |
//! | `quick_exit` | at_quick_exit(3), likewise |
//! | `_exit`, `_Exit` | interposed |
//! | a signal whose action is the default | [`signals`] |
//! | SIGKILL, power loss, a raw exit_group(2) | nothing: the file stays, its lock is free |

pub mod last_thread;
pub mod main_thread;
pub mod signals;

use std::ffi::{c_int, c_void};
use std::time::Duration;

use crate::handover;
use crate::ownership::state::{self, Phase};
use crate::ownership::unattended;
use crate::sys::guard::guarded;

/// How long a process that ends waits for a file that is being passed on to it.
const TAKING: Duration = Duration::from_secs(2);

unsafe extern "C" {
    // What at_quick_exit(3) calls; that one lives in each program's own part of libc.
    fn __cxa_at_quick_exit(handler: extern "C" fn(*mut c_void), dso: *mut c_void) -> c_int;
}

/// Called before main.
pub fn register() {
    // SAFETY: both functions live as long as the process (-z nodelete). Where the lists cannot
    // grow, the file stays behind at such an end and is recognised as stale.
    unsafe {
        libc::atexit(at_exit);
        __cxa_at_quick_exit(at_quick_exit, std::ptr::null_mut());
    }
}

extern "C" fn at_exit() {
    guarded((), || release(How::OfItsOwnAccord));
}

extern "C" fn at_quick_exit(_: *mut c_void) {
    guarded((), || release(How::OfItsOwnAccord));
}

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By `exit` or the like: a launcher leaves so when its daemon runs, and the file follows it.
    OfItsOwnAccord,
    BySignal,
}

/// Whether there can be anything to [`release`]. Most who end are children and bystanders: they ask no
/// more than this, and touch no other page of ours, which the kernel would have to map first.
pub fn has_something_to_release() -> bool {
    state::phase() == Phase::Standby || state::is_owner()
}

/// Gives up the file, if it is this process that owns it, and waits for that with a bound.
///
/// Async-signal-safe: atomic operations and system calls; no lock, no allocation.
pub fn release(how: How) {
    if state::phase() == Phase::Standby && handover::receive::withdraw() {
        state::wait_beyond(Phase::Standby, TAKING);
    }
    if state::is_owner() {
        match state::phase() {
            Phase::Starting | Phase::Kept => {
                state::wait_for_release(how == How::OfItsOwnAccord);
            }
            Phase::Unattended | Phase::Removing => unattended::remove(),
            _ => {}
        }
    }
}
