//! Makes system calls in a safe form: files, `/proc`, clocks, futexes, signal sets. Nothing here knows of PID files.
//!
//! Functions are async-signal-safe unless they return memory from the heap (`String`, `Vec`, `CString`).
//!
//! A function of libc that another preload library may have replaced, or that this library exports itself, is called by
//! its system call. So is one that glibc has only since a later version than the oldest supported one (2.17).

pub mod arch;
pub mod c_library;
pub mod clock;
pub mod directory;
pub mod entry;
pub mod file_system;
pub mod fs;
pub mod function;
pub mod futex;

pub mod memory;
pub mod objects;
pub mod proc_stat;
pub mod procfs;
#[cfg(test)]
pub mod proptest_config;
pub mod raw;
pub mod records;
pub mod scheduling;
pub mod sigaction;
pub mod sigset;
pub mod text;
pub mod unix_socket;
pub mod vector;

use std::ffi::{c_char, c_int};
use std::{fmt, io};

/// An error number of errno(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub c_int);

impl fmt::Display for Errno {
    /// Writes the words of strerror(3), without the number that std adds.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = io::Error::from(*self).to_string();
        to.write_str(text.split(" (os error").next().unwrap_or(&text))
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

/// Returns what the kernel has answered as a result.
///
/// # Errors
///
/// The kernel refuses.
pub fn checked(answer: isize) -> Result<usize, Errno> {
    usize::try_from(answer).map_err(|_| Errno(-answer as i32))
}

/// Converts the result of a libc call that returns -1 on failure.
pub fn check(result: c_int) -> Result<c_int, Errno> {
    if result == -1 {
        Err(errno())
    } else {
        Ok(result)
    }
}

/// A vector of C strings that ends with a null pointer, as execve(2) takes it.
pub type Vector = *const *const c_char;

/// Returns the environment of the process as it is now: the host may put another one there, or null.
pub fn environment() -> Vector {
    unsafe extern "C" {
        /// environ(7), by the name that no program has taken for itself.
        #[link_name = "__environ"]
        static ENVIRONMENT: Vector;
    }
    // SAFETY: libc has a pointer of this type under that name, and reads and writes it in the same way.
    unsafe { ENVIRONMENT }
}

/// Returns the PID of this process.
pub fn getpid() -> libc::pid_t {
    // SAFETY: getpid(2) has no argument and always succeeds.
    unsafe { raw::call(libc::SYS_getpid, []) as libc::pid_t }
}

/// Returns the effective user of the calling thread.
pub fn geteuid() -> libc::uid_t {
    // SAFETY: geteuid(2) has no argument and always succeeds.
    unsafe { raw::call(libc::SYS_geteuid, []) as libc::uid_t }
}

/// Returns the PID of the parent of this process.
pub fn getppid() -> libc::pid_t {
    // SAFETY: getppid(2) has no argument and always succeeds.
    unsafe { raw::call(libc::SYS_getppid, []) as libc::pid_t }
}

/// Returns the ID of the calling thread, which is the PID in the main thread.
pub fn gettid() -> libc::pid_t {
    // SAFETY: gettid(2) has no argument and always succeeds.
    unsafe { raw::call(libc::SYS_gettid, []) as libc::pid_t }
}

/// Returns whether this process has a thread of that ID.
pub fn is_thread(tid: libc::pid_t) -> bool {
    // SAFETY: tgkill(2) takes numbers only, and sends nothing for signal 0. glibc has the function since 2.30.
    unsafe { libc::syscall(libc::SYS_tgkill, getpid(), tid, 0) == 0 }
}

/// Ends the process with all of its threads, as `_exit` does in libc. No code of the host runs any more.
pub fn exit_group(status: c_int) -> ! {
    loop {
        // SAFETY: exit_group(2) takes a number and does not return; no destructor has to run after it.
        unsafe { raw::call(libc::SYS_exit_group, [status as usize]) };
    }
}
