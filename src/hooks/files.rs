//! Replaces the functions by which the host removes, renames or locks a PID file of its own: see
//! [`crate::ownership::host_file`].
//!
//! | function | called by a host on its own PID file |
//! | --- | --- |
//! | unlink | nearly every daemon, when it ends |
//! | unlinkat | those that keep a descriptor of the directory (pidfile(3) of FreeBSD and its ports) |
//! | remove | C and C++ programs by their standard libraries (`std::filesystem::remove`) |
//! | rename, renameat | nginx at an upgrade: `nginx.pid` → `nginx.pid.oldbin`; writers of a new file in its place |
//! | flock | pidfile_open(3bsd) |

use std::ffi::{c_char, c_int};

use super::next;
use crate::ownership::host_file;
use crate::sys::{self, Errno, entry::guarded};

/// Replaces unlink(2).
///
/// # Safety
///
/// As for unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { host_file::removes(libc::AT_FDCWD, path, || next::unlink(path)) }
}

/// Replaces unlinkat(2).
///
/// # Safety
///
/// As for unlinkat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn unlinkat(from: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { host_file::removes(from, path, || next::unlinkat(from, path, flags)) }
}

/// Replaces remove(3).
///
/// # Safety
///
/// As for remove(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { host_file::removes(libc::AT_FDCWD, path, || next::remove(path)) }
}

/// Replaces rename(2).
///
/// # Safety
///
/// As for rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rename(path: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { host_file::removes(libc::AT_FDCWD, path, || next::rename(path, to)) }
}

/// Replaces renameat(2).
///
/// # Safety
///
/// As for renameat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn renameat(
    from: c_int,
    path: *const c_char,
    to_from: c_int,
    to: *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { host_file::removes(from, path, || next::renameat(from, path, to_from, to)) }
}

/// Replaces flock(2). A lock that this process itself has on its PID file is no obstacle to the host.
#[unsafe(no_mangle)]
pub extern "C-unwind" fn flock(fd: c_int, operation: c_int) -> c_int {
    const LOCKS: c_int = libc::LOCK_SH | libc::LOCK_EX;
    // SAFETY: flock(2) takes numbers.
    let next = |operation| unsafe { next::flock(fd, operation) };
    if operation & LOCKS == 0 || !host_file::may_be_locked() {
        return next(operation);
    }
    // The host would wait for our lock for ever.
    let before = sys::errno();
    let result = next(operation | libc::LOCK_NB);
    if result == 0 || sys::errno() != Errno(libc::EWOULDBLOCK) {
        return result;
    }
    if guarded(false, || host_file::is_locked(fd)) {
        sys::set_errno(before);
        return 0;
    }
    if operation & libc::LOCK_NB != 0 {
        return result;
    }
    sys::set_errno(before);
    next(operation)
}
