//! Removes the file when its owner ends, or has ended.

use std::os::fd::AsRawFd;

use crate::pidfile::PidFile;
use crate::pidfile::content::names_us_at;
use crate::sys::fs::{file_at, unlink};

/// What has become of the file of a process that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Removed,
    /// There is no right to remove it any more, or no way to it.
    Truncated,
    /// Not even a right to empty it.
    Failed,
    /// The file was not ours any more.
    NotOurs,
}

impl Removal {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Removed => "removed: the program ends",
            Self::Truncated => "emptied, since it cannot be removed: the program ends",
            Self::Failed => {
                "stays behind, since it can neither be removed nor emptied: the program ends"
            }
            Self::NotOurs => "is not this program's any more, and stays: the program ends",
        }
    }
}

impl PidFile {
    /// Takes the file away if it is still ours: the same file, and still holding our PID. Where
    /// that is refused, or the path leads elsewhere by now (chroot(2)), it is emptied: an empty file
    /// misleads nobody, a stale PID does.
    ///
    /// Async-signal-safe: system calls only.
    pub fn remove(&self) -> Removal {
        let is_ours = match file_at(&self.path) {
            Ok(id) if id == self.id => self.names_us(),
            // The host may have written it anew just now: then it names us.
            Ok(_) => names_us_at(&self.path),
            Err(_) => false,
        };
        if is_ours && unlink(&self.path).is_ok() {
            return Removal::Removed;
        }
        if !self.names_us() {
            return Removal::NotOurs;
        }
        let emptied = match self.to_write() {
            // SAFETY: the descriptor is ours.
            Some(fd) => unsafe { libc::ftruncate(fd.as_raw_fd(), 0) },
            // SAFETY: the path is a C string. It was just found to lead to a file that names us.
            None => unsafe { libc::truncate(self.path.as_ptr(), 0) },
        };
        if emptied == 0 {
            Removal::Truncated
        } else {
            Removal::Failed
        }
    }

    /// Takes away what a dead owner has left. The lock is ours, so nobody else does.
    pub fn remove_stale(&self) {
        match (file_at(&self.path), self.to_write()) {
            (Ok(id), _) if id != self.id => {}
            (Ok(_), _) if unlink(&self.path).is_ok() => {}
            // SAFETY: the descriptor is ours.
            (_, Some(fd)) => unsafe {
                libc::ftruncate(fd.as_raw_fd(), 0);
            },
            (_, None) => {}
        }
    }
}
