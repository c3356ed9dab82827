//! Remembers what the path of a PID file led through, to tell a deletion from a path that leads elsewhere now.

use std::ffi::CStr;

use crate::sys::Errno;
use crate::sys::fs::{FileId, directory_of, parent, stat};

/// The directory and the root through which the path led when the file was put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The directory that has the file.
    pub directory: FileId,
    /// The root directory, which chroot(2) changes.
    pub root: FileId,
}

impl Location {
    /// Where a file would be if its directory existed. It proves nothing.
    pub const UNKNOWN: Self = Self {
        directory: FileId(0, 0),
        root: FileId(0, 0),
    };

    /// Returns where a path leads now; `None` if its directory does not exist.
    pub fn of(path: &CStr) -> Option<Self> {
        let root = FileId::from(&stat(c"/").ok()?);
        Some(Self {
            directory: parent(path)?,
            root,
        })
    }

    /// Returns whether a file is proven to be deleted when `path` leads nowhere: its directory is still there, or was
    /// removed with it.
    pub fn is_missing_for_certain(&self, path: &CStr) -> bool {
        match stat(&directory_of(path)) {
            Ok(directory) => FileId::from(&directory) == self.directory,
            Err(Errno(libc::ENOENT)) => {
                stat(c"/").is_ok_and(|root| FileId::from(&root) == self.root)
            }
            Err(_) => false,
        }
    }
}
