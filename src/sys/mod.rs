//! The few things that libc offers no safe form of. All of it is async-signal-safe but for what says so.
//!
//! The lowest room: raw system calls, and no knowledge of PID files.

pub mod clock;
pub mod fs;
pub mod futex;
pub mod guard;
pub mod next_symbol;
pub mod objects;
pub mod procfs;
#[cfg(test)]
pub mod proptest_config;
pub mod raw;
pub mod sigaction;
pub mod sigset;
pub mod text;

use std::ffi::c_int;
use std::{fmt, io};

/// An error number of errno(3), as a system call has left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl fmt::Display for Errno {
    /// Writes what strerror(3) says of it.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(*self).fmt(to)
    }
}

impl From<Errno> for io::Error {
    fn from(Errno(number): Errno) -> Self {
        Self::from_raw_os_error(number)
    }
}

/// Returns the calling thread's errno.
pub fn errno() -> Errno {
    // SAFETY: __errno_location(3) returns a valid, aligned pointer to an int of the calling thread,
    // which no other thread uses.
    Errno(unsafe { *libc::__errno_location() })
}

/// Sets the calling thread's errno.
pub fn set_errno(Errno(number): Errno) {
    // SAFETY: see `errno`.
    unsafe { *libc::__errno_location() = number }
}

/// The result of a libc call that answers -1 on failure, as an errno.
pub fn check(result: c_int) -> Result<c_int, Errno> {
    if result == -1 {
        Err(errno())
    } else {
        Ok(result)
    }
}

pub fn getpid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { raw::call(libc::SYS_getpid, [0; 6]) as libc::pid_t }
}

/// Returns the PID of the parent of this process.
pub fn getppid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { raw::call(libc::SYS_getppid, [0; 6]) as libc::pid_t }
}

/// Returns the ID of the calling thread, which is the PID in the main thread.
pub fn gettid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { raw::call(libc::SYS_gettid, [0; 6]) as libc::pid_t }
}

/// Whether this process has such a thread.
pub fn is_thread(tid: libc::pid_t) -> bool {
    // SAFETY: signal 0 only asks. By number: glibc has the function only since 2.30.
    unsafe { libc::syscall(libc::SYS_tgkill, getpid(), tid, 0) == 0 }
}

/// What `_exit` does in libc: every thread ends, nothing of the host runs any more.
///
/// Async-signal-safe.
pub fn exit_group(status: c_int) -> ! {
    loop {
        // SAFETY: does not return.
        unsafe { raw::call(libc::SYS_exit_group, [status as usize, 0, 0, 0, 0, 0]) };
    }
}
