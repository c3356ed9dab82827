//! Waits for a word in memory to change (futex(2)), for a condition, or for time to pass.
//!
//! Each wait may end early: by a signal, or by a wake-up for another waiter. So callers test their condition again. A word
//! that is `shared` lies in memory that other processes have mapped too; any other word is private to the process, which
//! the kernel finds faster.
//!
//! Async-signal-safe, and without thread-local storage: the thread register may not be libc's in a signal handler.

use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::clock::now;
use super::{Errno, raw};

/// The pause between two tests of a condition that no wake-up announces. A launcher that waits for its daemon ends this
/// much later at most.
pub const POLL_INTERVAL: Duration = Duration::from_micros(200);

/// Waits while `word` is `expected`, until a wake-up or a signal; at most for `timeout`, if there is one.
pub fn wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    wait_by(
        libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
        word,
        expected,
        timeout,
    );
}

/// Waits while a shared `word` is `expected`, until a wake-up or a signal, at most for `timeout`.
pub fn wait_shared(word: &AtomicU32, expected: u32, timeout: Duration) {
    wait_by(libc::FUTEX_WAIT, word, expected, Some(timeout));
}

fn wait_by(operation: c_int, word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(|timeout| libc::timespec {
        tv_sec: timeout.as_secs() as i64,
        tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref) as usize;
    // SAFETY: `timeout` is null or leads to a valid timespec, which outlives the call and is not written to.
    unsafe { futex(word, operation, expected as usize, timeout) };
}

/// Calls futex(2).
///
/// # Safety
///
/// `timeout` is 0 or the address of a timespec, if the operation has one.
unsafe fn futex(word: &AtomicU32, operation: c_int, value: usize, timeout: usize) {
    let word = word.as_ptr() as usize;
    // SAFETY: `word` is valid and aligned, and outlives the call; `timeout` is what this function's contract asks for.
    unsafe { raw::call(libc::SYS_futex, [word, operation as usize, value, timeout]) };
}

/// Waits while both words are as expected, until a wake-up of either or a signal. The second word is shared.
///
/// # Errors
///
/// ENOSYS before Linux 5.16, which has no futex_waitv(2), and where a sandbox forbids it.
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
    // SAFETY: the first arguments are the address and the number of structures as the kernel has them, which outlive the
    // call, as do the words in them. There is no timeout.
    let woken = unsafe { raw::call(libc::SYS_futex_waitv, arguments) };
    const AGAIN: isize = -(libc::EAGAIN as isize);
    const INTERRUPTED: isize = -(libc::EINTR as isize);
    match woken {
        0.. | AGAIN | INTERRUPTED => Ok(()),
        _ => Err(Errno(libc::ENOSYS)),
    }
}

/// Sleeps for `time`. A signal ends the pause early.
pub fn pause(time: Duration) {
    static NEVER_CHANGES: AtomicU32 = AtomicU32::new(0);
    wait(&NEVER_CHANGES, 0, Some(time));
}

/// Wakes every thread of this process that waits for `word`.
pub fn wake_all(word: &AtomicU32) {
    wake_all_by(libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, word);
}

/// Wakes every thread of any process that waits for a shared `word`.
pub fn wake_all_shared(word: &AtomicU32) {
    wake_all_by(libc::FUTEX_WAKE, word);
}

fn wake_all_by(operation: c_int, word: &AtomicU32) {
    // SAFETY: this operation has no timeout.
    unsafe { futex(word, operation, c_int::MAX as usize, 0) };
}

/// Waits until `done` is true of the value of `word`, which others change and wake. Returns false after `timeout`.
pub fn wait_until(word: &AtomicU32, timeout: Duration, done: impl Fn(u32) -> bool) -> bool {
    let end = now() + timeout;
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

/// Tests `done` every [`POLL_INTERVAL`] until it is true. Returns false if it is not true after `timeout`.
///
/// The condition is tested at least once after the time is over, so a process that was stopped meanwhile does not give
/// up on what has come true.
pub fn poll_until(timeout: Duration, done: impl Fn() -> bool) -> bool {
    let end = now() + timeout;
    loop {
        let is_last = now() >= end;
        if done() {
            return true;
        }
        if is_last {
            return false;
        }
        pause(POLL_INTERVAL);
    }
}
