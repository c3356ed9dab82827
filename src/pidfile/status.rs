//! Tells what has become of the file, as the path shows it.

use std::time::Duration;

use crate::pidfile::PidFile;
use crate::sys::fs::{file_at, fstat, parent};
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{Errno, clock, futex};

/// What the path leads to, as far as the file that is ours is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// Still ours, or nothing proves the contrary.
    Present,
    /// The file has no name any more, but the path still leads to it: unlink(2) sends the event, and only
    /// then takes the path away.
    Unlinking,
    /// Proven: nobody finds the file there any more.
    Deleted,
    /// The path leads to another file.
    Replaced,
}

/// How long an unlink(2) may take from its event to its end, if it has a processor.
const UNLINKING: Duration = Duration::from_millis(50);

impl PidFile {
    /// Looks whether the file is still there. Only proof counts: a path that cannot be reached for
    /// lack of rights, or from inside a chroot, is no deletion.
    pub fn look(&self) -> FileStatus {
        // ESTALE and the like prove nothing by themselves. Asked again, since a deletion may be one event alone: without the
        // count of links a file that is about to go looks like one that stays.
        let links = self
            .fd
            .as_ref()
            .and_then(|fd| fstat(fd).or_else(|_| fstat(fd)).ok())
            .map(|stat| stat.st_nlink);
        match file_at(&self.path) {
            Ok(id) if id == self.id && links == Some(0) => FileStatus::Unlinking,
            Ok(id) if id == self.id => FileStatus::Present,
            Ok(_) if links == Some(0) || self.is_home() => FileStatus::Replaced,
            Ok(_) => FileStatus::Present,
            Err(_) if links == Some(0) => FileStatus::Deleted,
            Err(Errno(libc::ENOENT)) if self.is_home() => FileStatus::Deleted,
            Err(_) => FileStatus::Present,
        }
    }

    /// Looks where nobody will look again: waits until an unlink(2) that is under way has done; gives up after
    /// [`UNLINKING`].
    pub fn look_until_settled(&self) -> FileStatus {
        let end = clock::now() + UNLINKING;
        loop {
            match self.look() {
                FileStatus::Unlinking if clock::now() < end => futex::pause(POLL_INTERVAL),
                status => return status,
            }
        }
    }

    /// Returns whether the path still leads into the directory that the file was put in.
    fn is_home(&self) -> bool {
        self.parent.is_some() && self.parent == parent(&self.path)
    }
}
