//! What every entry from the host goes through: no panic, no other errno, no cancellation crosses it.

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::{errno, set_errno};

/// Runs one of our entries: whatever happens in it, the host sees neither a panic nor another
/// `errno` than before.
///
/// A thread that the host cancels is not unwound through our code, where Rust would abort the
/// process. One that may be cancelled at any instruction (PTHREAD_CANCEL_ASYNCHRONOUS) ends before
/// or after, in frames that have nothing to tidy up: so this one is the caller's own.
#[inline(always)]
pub fn guarded<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let before = forbid_cancellation();
    let result = contained(otherwise, entry);
    permit_cancellation(before);
    result
}

#[inline(never)]
fn forbid_cancellation() -> [c_int; 2] {
    const DEFERRED: c_int = 0;
    const DISABLE: c_int = 1;
    let (mut kind, mut state) = (0, 0);
    // SAFETY: room for the answers. Only fields of the calling thread change. The first one is for a
    // cancellation under way, which the second does not stop (nptl/pthread_cancel.c).
    unsafe {
        pthread_setcanceltype(DEFERRED, &mut kind);
        pthread_setcancelstate(DISABLE, &mut state);
    }
    [kind, state]
}

#[inline(never)]
fn permit_cancellation([kind, state]: [c_int; 2]) {
    // SAFETY: likewise. In the last one the thread may end.
    unsafe {
        pthread_setcancelstate(state, ptr::null_mut());
        pthread_setcanceltype(kind, ptr::null_mut());
    }
}

#[inline(never)]
fn contained<T>(otherwise: T, entry: impl FnOnce() -> T) -> T {
    let before = errno();
    let result = catch_unwind(AssertUnwindSafe(entry)).unwrap_or(otherwise);
    set_errno(before);
    result
}

unsafe extern "C-unwind" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
}
