//! Serves a host that catches its own system calls (prctl(2), `PR_SET_SYSCALL_USER_DISPATCH`: Wine, emulators).
//!
//! In a thread that does so any system call becomes SIGSYS, unless the host has set a byte of its own that allows it. We
//! do not know where that byte is. Not even a handler could return. So once the host has asked for it, our handler makes
//! no system call: it leaves the signal in memory and loops. The keeper looks every [`INTERVAL`], gives up the file and
//! lets the signal happen. Threads that do not catch their calls are treated alike.
//!
//! ```text
//! hook of prctl(2):   ON = true, wake the keeper           (no keeper: no handlers any more, the file stays)
//! handler:            SIGNAL = signal, turn
//! keeper:             SIGNAL seen: release, restore the default, send the signal to the process
//! ```
//!
//! Shown by `endings/held_up::own_system_call_dispatch_ends_alike`.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use crate::ownership::state::{self, Phase, Requests};
use crate::sys::{self, raw, sigaction::set_default, sigset};

/// How often the keeper looks for a signal.
pub const INTERVAL: Duration = Duration::from_millis(10);

static ON: AtomicBool = AtomicBool::new(false);
/// The first signal that our handler has got; 0: none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);

/// Has the keeper end the process in the handler's stead; returns whether there is a keeper that can.
///
/// Context: host thread that is about to catch the system calls of its process.
pub fn expect() -> bool {
    let has_keeper = state::is_owner() && state::is_threaded() && state::phase() == Phase::Kept;
    if has_keeper {
        ON.store(true, Ordering::SeqCst);
        // It has to sleep for a shorter time from now on.
        state::post(Requests::CHECK);
    }
    has_keeper
}

/// Returns whether the host catches its system calls. A forked child does not, until it asks for it.
pub fn is_on() -> bool {
    ON.load(Ordering::SeqCst) && state::may_be_owner()
}

/// Leaves the signal to the keeper, and loops until the process ends; returns if it does not.
///
/// Context: signal handler. Async-signal-safe: looks at memory only.
pub fn leave_to_keeper(signal: c_int) {
    /// Some seconds, and ten times as much as the keeper needs on a busy machine.
    const TURNS: u32 = 1 << 28;
    let _ = SIGNAL.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
    for _ in 0..TURNS {
        std::hint::spin_loop();
    }
}

/// Returns the signal by which the process is to end, if there is one.
///
/// Context: keeper.
pub fn signal() -> Option<c_int> {
    Some(SIGNAL.load(Ordering::SeqCst)).filter(|signal| *signal != 0)
}

/// Lets the signal happen.
///
/// Context: keeper.
pub fn end_by(signal: c_int) {
    if set_default(signal) {
        // The threads of the host that loop in their handlers block the signal, so this thread gets it.
        sigset::unblock(signal);
        let process = sys::getpid() as usize;
        // SAFETY: takes numbers only.
        unsafe { raw::call(libc::SYS_kill, [process, signal as usize]) };
    }
    sys::exit_group(128 + signal);
}
