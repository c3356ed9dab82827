//! Makes system calls by the instruction itself: no function that a program could have replaced stands between us and
//! the kernel, and no thread register has to be libc's.

use std::ffi::c_long;

use super::arch::{self, Call};

/// Makes the system call `number` with at most six arguments; the rest are zeroes. Returns what the kernel returns: -4095 to
/// -1 are negative errno values.
///
/// Async-signal-safe: touches no memory but what the call itself does, and no thread-local storage.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[inline(always)]
pub unsafe fn call<const N: usize>(number: c_long, arguments: [usize; N]) -> isize {
    // SAFETY: the arguments are right by this function's contract.
    unsafe { arch::system_call(number, arch::padded(arguments)) }
}

/// Makes a system call that this architecture has in a form of its own. Returns what [`call`] does.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[inline(always)]
pub unsafe fn make((number, arguments): Call) -> isize {
    // SAFETY: the arguments are right by this function's contract.
    unsafe { arch::system_call(number, arguments) }
}
