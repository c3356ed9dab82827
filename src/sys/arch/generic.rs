//! Holds what is the same on all processors but x86-64: they came to Linux after the older system calls had newer
//! forms, and have only those (include/uapi/asm-generic/unistd.h).

use std::ffi::c_long;

use super::calls::calls;

/// Where a relative path begins: the current directory.
pub const HERE: usize = libc::AT_FDCWD as usize;
/// Bytes of a set of signals.
const SET: usize = size_of::<u64>();

/// The number of poll(2), where there is one.
pub const POLL: Option<c_long> = None;

/// Copies memory, from the first byte on. memcpy(3) is made of it, so no loop may become a call of that.
///
/// # Safety
///
/// As of memcpy(3); `to` may lie below `from` in the same memory.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, size: usize) {
    for at in 0..size {
        // SAFETY: the caller's promise.
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
}

/// Sets memory. memset(3) is made of it, so no loop may become a call of that.
///
/// # Safety
///
/// As of memset(3).
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, size: usize) {
    for at in 0..size {
        // SAFETY: the caller's promise.
        unsafe { to.add(at).write_volatile(byte) };
    }
}

calls! {
    // Nobody here copies a descriptor onto itself, where dup2 differs.
    dup2(fd, to) => SYS_dup3[fd, to, 0];
    link(path, to) => SYS_linkat[HERE, path, HERE, to, 0];
    pause() => SYS_ppoll[0, 0, 0, 0, SET];
    readlink(path, to, size) => SYS_readlinkat[HERE, path, to, size];
    rmdir(path) => SYS_unlinkat[HERE, path, libc::AT_REMOVEDIR as usize];
    unlink(path) => SYS_unlinkat[HERE, path, 0];
}
