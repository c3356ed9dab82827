//! Waiting for a word in memory to change, and for time to pass: futex(2). Async-signal-safe, and without
//! thread-local storage: signal handlers wait here whose thread register may not be libc's.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::clock::now;
use super::{Errno, raw};

/// How long a wait that nothing ends by a wake-up sleeps between two looks.
pub const POLL_INTERVAL: Duration = Duration::from_micros(200);

/// Sleeps at least until `word` is no longer `expected`, a wake-up, a signal, or the bound.
pub fn wait(word: &AtomicU32, expected: u32, bound: Option<Duration>) {
    wait_by(
        libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
        word,
        expected,
        bound,
    );
}

/// The same for a word that other processes may share; always with a bound.
pub fn wait_shared(word: &AtomicU32, expected: u32, bound: Duration) {
    wait_by(libc::FUTEX_WAIT, word, expected, Some(bound));
}

fn wait_by(operation: c_int, word: &AtomicU32, expected: u32, bound: Option<Duration>) {
    let bound = bound.map(|bound| libc::timespec {
        tv_sec: bound.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(bound.subsec_nanos() as i32),
    });
    let bound = bound.as_ref().map_or(ptr::null(), ptr::from_ref) as usize;
    // SAFETY: `word` and `bound` outlive the call. Every caller checks its condition again.
    unsafe { futex(word, operation, expected as usize, bound) };
}

/// # Safety
///
/// As for the operation of futex(2).
unsafe fn futex(word: &AtomicU32, operation: c_int, value: usize, bound: usize) {
    let word = word.as_ptr() as usize;
    // SAFETY: the caller's promise.
    unsafe {
        raw::call(
            libc::SYS_futex,
            [word, operation as usize, value, bound, 0, 0],
        )
    };
}

/// Sleeps at least until one of the words is no longer what is expected, a wake-up, or a signal. The
/// second one may be woken by whoever shares its memory.
///
/// # Errors
///
/// ENOSYS: before Linux 5.16.
pub fn wait_either(private: (&AtomicU32, u32), shared: (&AtomicU32, u32)) -> Result<(), Errno> {
    /// futex(2), FUTEX2_SIZE_U32.
    const WORD: u32 = 2;
    /// include/uapi/linux/futex.h, struct futex_waitv.
    #[repr(C)]
    struct Place {
        expected: u64,
        word: u64,
        flags: u32,
        reserved: u32,
    }
    let place = |(word, expected): (&AtomicU32, u32), flags| Place {
        expected: u64::from(expected),
        word: word.as_ptr() as u64,
        flags,
        reserved: 0,
    };
    let places = [
        place(private, WORD | libc::FUTEX_PRIVATE_FLAG as u32),
        place(shared, WORD),
    ];
    let arguments = [places.as_ptr() as usize, places.len(), 0, 0, 0, 0];
    // SAFETY: the places and their words outlive the call. Every caller checks its condition again.
    let woken = unsafe { raw::call(libc::SYS_futex_waitv, arguments) };
    const AGAIN: isize = -(libc::EAGAIN as isize);
    const INTERRUPTED: isize = -(libc::EINTR as isize);
    match woken {
        0.. | AGAIN | INTERRUPTED => Ok(()),
        _ => Err(Errno(libc::ENOSYS)),
    }
}

/// Sleeps for a while.
pub fn pause(time: Duration) {
    static NEVER_CHANGES: AtomicU32 = AtomicU32::new(0);
    wait(&NEVER_CHANGES, 0, Some(time));
}

pub fn wake_all(word: &AtomicU32) {
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: only the address of `word` is used.
    unsafe { futex(word, operation, c_int::MAX as usize, 0) };
}

/// The same for a word that is not private to the process, as far as the kernel knows.
pub fn wake_all_shared(word: &AtomicU32) {
    // SAFETY: only the address of `word` is used.
    unsafe { futex(word, libc::FUTEX_WAKE, c_int::MAX as usize, 0) };
}

/// Waits until `done` holds for the value of `word`, or for `bound`; tells whether it held.
pub fn wait_until(word: &AtomicU32, bound: Duration, done: impl Fn(u32) -> bool) -> bool {
    let end = now() + bound;
    loop {
        let value = word.load(Ordering::SeqCst);
        if done(value) {
            return true;
        }
        let left = end.saturating_sub(now());
        if left.is_zero() {
            return false;
        }
        wait(word, value, Some(left));
    }
}
