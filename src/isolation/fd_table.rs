//! Gives the keeper a descriptor table that is not the host's.
//!
//! No descriptor of ours is ever in the host's table: closefrom(3) cannot reach it, the host's numbers do not shift, and
//! forked children do not inherit it. No pipe or socket of the host is in our table, where it would keep a peer from seeing
//! the end of file.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::Errno;
use crate::sys::check;
use crate::sys::directory::numbers_in;

/// Whether our threads have a table of their own.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Returns whether our threads have a table of their own.
pub fn is_entered() -> bool {
    ENTERED.load(Ordering::Relaxed)
}

/// Gives the calling thread, and the threads that it starts, a table of their own, with /dev/null at 0, 1 and 2 and nothing
/// else.
///
/// # Errors
///
/// The kernel or a sandbox refuses. The table is still the host's then, and nothing may be opened.
pub fn enter() -> Result<(), Errno> {
    // Since Linux 5.9; glibc has a function for it since 2.34.
    // SAFETY: the call takes numbers only. With CLOSE_RANGE_UNSHARE it closes copies in a table of the calling thread.
    let closed = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            0 as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_UNSHARE,
        )
    };
    if closed != 0 {
        // SAFETY: unshare(2) takes a number; the host's threads keep their table.
        check(unsafe { libc::unshare(libc::CLONE_FILES) })?;
        close_all();
    }
    ENTERED.store(true, Ordering::Relaxed);
    occupy_standard_numbers();
    Ok(())
}

/// Closes what was copied from the host's table.
fn close_all() {
    /// How many numbers are tried where /proc does not list them.
    const WITHOUT_PROC: c_int = 4096;
    let listed = numbers_in(c"/proc/thread-self/fd");
    for fd in listed.unwrap_or_else(|_| (0..WITHOUT_PROC).collect()) {
        // SAFETY: the table has copies of the host's descriptors only, which nothing uses: the host has its own table.
        unsafe { libc::close(fd) };
    }
}

/// Opens /dev/null as 0, 1 and 2, so that no file of ours gets a number to which libc may write a message.
fn occupy_standard_numbers() {
    // SAFETY: the path is a C string, and fcntl(2) takes numbers only. Nothing owns the descriptors: they stay open.
    unsafe {
        let null = libc::open64(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        for _ in 0..2 {
            libc::fcntl(null, libc::F_DUPFD_CLOEXEC, 0);
        }
    }
}
