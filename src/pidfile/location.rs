//! Where a PID file is.

use std::ffi::CStr;

use crate::sys::Errno;
use crate::sys::fs::{FileId, directory_of, parent, stat};

/// Where a file was put: what the path then led through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    pub directory: FileId,
    /// The root directory: another one after chroot(2).
    pub root: FileId,
}

impl Home {
    /// Where a file would be if its directory existed. It proves nothing.
    pub const UNKNOWN: Self = Self {
        directory: FileId(0, 0),
        root: FileId(0, 0),
    };

    pub fn of(path: &CStr) -> Option<Self> {
        let root = FileId::from(&stat(c"/").ok()?);
        Some(Self {
            directory: parent(path)?,
            root,
        })
    }

    /// Whether it is proven that the file is gone if `path` leads nowhere: its directory is still
    /// there, or was removed with it.
    pub fn proves_absence(&self, path: &CStr) -> bool {
        match stat(&directory_of(path)) {
            Ok(directory) => FileId::from(&directory) == self.directory,
            Err(Errno(libc::ENOENT)) => {
                stat(c"/").is_ok_and(|root| FileId::from(&root) == self.root)
            }
            Err(_) => false,
        }
    }
}
