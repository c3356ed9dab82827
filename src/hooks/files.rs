//! The host removes, renames or locks a PID file of its own: see [`crate::ownership::host_file`].

use std::ffi::{c_char, c_int};

use crate::ownership::host_file;
use crate::sys::{self, Errno, fs::unlink_by_kernel, guard::guarded};

/// unlink(2).
///
/// # Safety
///
/// As for unlink(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { host_file::take_away(libc::AT_FDCWD, path, || unlink_by_kernel(path)) }
}

/// unlinkat(2).
///
/// # Safety
///
/// As for unlinkat(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn unlinkat(from: c_int, path: *const c_char, flags: c_int) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        host_file::take_away(from, path, || {
            libc::syscall(libc::SYS_unlinkat, from, path, flags)
        })
    }
}

/// remove(3): unlink(2) for files, rmdir(2) for directories.
///
/// # Safety
///
/// As for remove(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let result = unlink(path);
        if result != 0 && sys::errno() == Errno(libc::EISDIR) {
            return libc::rmdir(path);
        }
        result
    }
}

/// rename(2).
///
/// # Safety
///
/// As for rename(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn rename(path: *const c_char, to: *const c_char) -> c_int {
    let here = libc::AT_FDCWD;
    let call = || {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_rename, path, to) };
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_renameat2, here, path, here, to, 0) };
    };
    // SAFETY: the caller's promise.
    unsafe { host_file::take_away(here, path, call) }
}

/// renameat(2).
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
    let call = || {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_renameat, from, path, to_from, to) };
        #[cfg(not(target_arch = "x86_64"))]
        // SAFETY: the caller's promise.
        return unsafe { libc::syscall(libc::SYS_renameat2, from, path, to_from, to, 0) };
    };
    // SAFETY: the caller's promise.
    unsafe { host_file::take_away(from, path, call) }
}

/// flock(2).
#[unsafe(no_mangle)]
pub extern "C-unwind" fn flock(fd: c_int, operation: c_int) -> c_int {
    // SAFETY: takes numbers only.
    let by_kernel = || unsafe { libc::syscall(libc::SYS_flock, fd, operation) as c_int };
    guarded(None, || host_file::lock(fd)).unwrap_or_else(by_kernel)
}
