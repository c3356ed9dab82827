//! The keeper's own descriptor table.
//!
//! No descriptor of ours is ever in the host's table: closefrom(3) cannot reach it, the host's
//! numbering does not shift, forked children do not inherit it. And no pipe or socket of the host
//! is in ours, where it would keep a peer from seeing the end of file.

use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::Errno;
use crate::sys::check;
use crate::sys::fs::numbers_in;

static ENTERED: AtomicBool = AtomicBool::new(false);

/// Returns whether our threads have the table of their own.
pub fn is_entered() -> bool {
    ENTERED.load(Ordering::Relaxed)
}

/// Gives the calling thread, and the threads it starts from then on, a table of their own with
/// nothing of the host in it, and /dev/null at 0, 1 and 2.
///
/// # Errors
///
/// The errno, where the kernel or a sandbox refuses: the table is then still the host's, and
/// nothing may be opened.
pub fn enter() -> Result<(), Errno> {
    // Linux 5.9. By number: glibc has the function only since 2.34.
    // SAFETY: only the calling thread's view of descriptors changes.
    let closed = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            0 as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_UNSHARE,
        )
    };
    if closed != 0 {
        // SAFETY: as above.
        check(unsafe { libc::unshare(libc::CLONE_FILES) })?;
        close_all();
    }
    ENTERED.store(true, Ordering::Relaxed);
    occupy_standard_numbers();
    Ok(())
}

/// Closes what was copied from the host's table.
fn close_all() {
    const WITHOUT_PROC: c_int = 4096;
    let listed = numbers_in(c"/proc/thread-self/fd");
    for fd in listed.unwrap_or_else(|_| (0..WITHOUT_PROC).collect()) {
        // SAFETY: nothing in this table is anybody's: the host has its own.
        unsafe { libc::close(fd) };
    }
}

/// So that nothing of ours ever gets a number that libc may write a message to.
fn occupy_standard_numbers() {
    // SAFETY: a C string; the descriptors stay open for good.
    unsafe {
        let null = libc::open64(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        for _ in 0..2 {
            libc::fcntl(null, libc::F_DUPFD_CLOEXEC, 0);
        }
    }
}
