//! What is no PID file, and must not be replaced by one.

use std::ffi::CStr;

use crate::sys::file_system::{Kind, kind_at};
use crate::sys::fs::{directory_of, stat};

/// A larger file is no PID file, but something that a mistyped path has hit.
const LARGEST: libc::off_t = 64 * 1024;

/// Why the file must not be replaced, from a look at it: opening it might already do harm (a FIFO
/// blocks, a tape rewinds).
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
    // As fs.protected_regular (proc_sys_fs(5)): in /tmp, what another user has put there is a trap.
    let directory = stat(&directory_of(path)).ok()?;
    let shared = libc::S_ISVTX | libc::S_IWOTH;
    // SAFETY: cannot fail.
    let user = unsafe { libc::geteuid() };
    let foreign = found.st_uid != user && found.st_uid != directory.st_uid;
    (directory.st_mode & shared == shared && foreign)
        .then_some("belongs to another user, in a directory that everybody may write to")
}
