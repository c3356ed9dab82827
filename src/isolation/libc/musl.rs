//! Adds the names that callers use where the C library is musl: a file's size has 64 bits in all of its functions.

use std::ffi::c_int;

use super::{HERE, NO_FOLLOW, system_calls};

system_calls! {
    fstat(fd, stat) => SYS_fstat[fd, stat];
    fstatat(from, path, stat, flags) => SYS_newfstatat[from, path, stat, flags];
    lstat(path, stat) => SYS_newfstatat[HERE, path, stat, NO_FOLLOW];
    stat(path, stat) => SYS_newfstatat[HERE, path, stat, 0];
}

/// Directories are never read: see [`super::files`].
extern "C" fn readdir(_: *mut libc::DIR) -> *mut libc::dirent {
    std::ptr::null_mut()
}

/// Answers the unwinder of a compiler that was made for glibc: there is no faster way to the tables of a frame.
extern "C" fn _dl_find_object(_: *const u8, _: *mut u8) -> c_int {
    -1
}

crate::isolation::wrap::wrap!(readdir, _dl_find_object);
