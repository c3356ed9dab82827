//! Wraps every entry from the host: no panic, no change of errno and no cancellation gets through.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::{errno, set_errno};

/// Runs an entry from the host. Returns `otherwise` if it panics; errno is afterwards what it was before.
///
/// Cancellation (pthread_cancel(3)) is off meanwhile: glibc cancels by unwinding, and unwinding through Rust code aborts
/// the process. A thread with PTHREAD_CANCEL_ASYNCHRONOUS may be cancelled at any instruction before and after. It is then
/// in the caller's frame, since this function is always inlined, and that frame has nothing to clean up.
#[inline(always)]
pub fn guarded<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let before = forbid_cancellation();
    let result = contained(otherwise, entry);
    permit_cancellation(before);
    result
}

/// Turns cancellation off for the calling thread. Returns its type and state before.
#[inline(never)]
fn forbid_cancellation() -> [c_int; 2] {
    /// PTHREAD_CANCEL_DEFERRED (pthread.h).
    const DEFERRED: c_int = 0;
    /// PTHREAD_CANCEL_DISABLE (pthread.h).
    const DISABLE: c_int = 1;
    let (mut kind, mut state) = (0, 0);
    // SAFETY: both pointers are to local variables that outlive the calls, which change the calling thread only. The type
    // first: a cancellation that is under way is not stopped by the state (nptl/pthread_cancel.c).
    unsafe {
        pthread_setcanceltype(DEFERRED, &mut kind);
        pthread_setcancelstate(DISABLE, &mut state);
    }
    [kind, state]
}

/// Gives the calling thread the type and state of cancellation that it had.
#[inline(never)]
fn permit_cancellation([kind, state]: [c_int; 2]) {
    // SAFETY: null pointers are allowed, and the values are what the calls before have returned. The thread may be
    // cancelled in the second call: this frame has no destructor, and the functions are declared to unwind.
    unsafe {
        pthread_setcancelstate(state, ptr::null_mut());
        pthread_setcanceltype(kind, ptr::null_mut());
    }
}

/// Runs `entry`. Returns `otherwise` if it panics, and restores errno.
#[inline(never)]
pub fn contained<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let before = errno();
    let result = catch_unwind(AssertUnwindSafe(entry)).unwrap_or(otherwise);
    set_errno(before);
    result
}

// The `libc` crate declares them without unwinding.
unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
}
