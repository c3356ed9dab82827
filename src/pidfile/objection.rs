//! Tells, by stat(2), which files must not be replaced by a PID file.

use std::ffi::CStr;

use crate::sys;
use crate::sys::file_system::{Kind, kind_at};
use crate::sys::fs::{directory_of, stat};

/// Largest file, in bytes, that may be a PID file. A mistyped path may lead to any other.
const LARGEST: libc::off_t = 64 * 1024;

/// Returns why a file must not be replaced; `None` if it may. The file is not opened for that: opening a FIFO blocks, and
/// opening a tape rewinds it.
pub fn objection(found: &libc::stat64, path: &CStr) -> Option<&'static str> {
    match found.st_mode & libc::S_IFMT {
        libc::S_IFREG => {}
        libc::S_IFLNK => return Some("is a symbolic link"),
        libc::S_IFDIR => return Some("is a directory"),
        libc::S_IFIFO => return Some("is a FIFO"),
        libc::S_IFSOCK => return Some("is a socket"),
        libc::S_IFCHR | libc::S_IFBLK => return Some("is a device"),
        _ => return Some("is not a regular file"),
    }
    if found.st_size > LARGEST {
        return Some("is too large to be a PID file");
    }
    if kind_at(path) == Ok(Kind::Kernel) {
        return Some("is the kernel's, not a file that is kept anywhere");
    }
    // The rule of fs.protected_regular (proc_sys_fs(5)): in /tmp another user's file is a trap.
    let directory = stat(&directory_of(path)).ok()?;
    let shared = libc::S_ISVTX | libc::S_IWOTH;
    let user = sys::geteuid();
    let foreign = found.st_uid != user && found.st_uid != directory.st_uid;
    (directory.st_mode & shared == shared && foreign)
        .then_some("belongs to another user, in a directory that everybody may write to")
}

/// Returns why a file could not be created at a path, where the error number of the system call would mislead.
pub fn impossible_place(path: &CStr) -> Option<&'static str> {
    let is_kernel = kind_at(&directory_of(path)) == Ok(Kind::Kernel);
    is_kernel
        .then_some("cannot be created: its directory is the kernel's, which keeps no files there")
}
