//! The few things that libc offers no safe form of. All of it is async-signal-safe but for what says so.
//!
//! The lowest room: raw system calls, and no knowledge of PID files.

pub mod clock;
pub mod fs;
pub mod futex;
pub mod guard;
pub mod next_symbol;
pub mod procfs;
#[cfg(test)]
pub mod proptest_config;
pub mod sigset;
pub mod text;

use std::ffi::c_int;
use std::io;

pub fn errno() -> c_int {
    // SAFETY: always a valid pointer to the calling thread's errno.
    unsafe { *libc::__errno_location() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: as in `errno`.
    unsafe { *libc::__errno_location() = value }
}

/// The result of a libc call that answers -1 on failure, as an errno.
pub fn check(result: c_int) -> Result<c_int, c_int> {
    if result == -1 {
        Err(errno())
    } else {
        Ok(result)
    }
}

/// How the C library words an errno.
pub fn describe(errno: c_int) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

pub fn getpid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

pub fn gettid() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail. By number: glibc has the function only since 2.30.
    unsafe { libc::syscall(libc::SYS_gettid) as libc::pid_t }
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
        unsafe { libc::syscall(libc::SYS_exit_group, status) };
    }
}
