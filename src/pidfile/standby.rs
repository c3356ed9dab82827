//! Opens and looks at the file of another process, which this one may inherit.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use crate::pidfile::PidFile;
use crate::pidfile::content::read_pid;
use crate::pidfile::holder::{Holder, holder};
use crate::sys::fs::{FileId, file_at, flock, fstat, open_regular, parent};
use crate::sys::{self, procfs};

/// A PID file that another process owns, and that this one may inherit. It was opened when this process still
/// had the right to.
pub struct StandbyFile(PidFile);

/// What such a file is when its owner has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandbyStatus {
    /// The file names this process.
    Ours,
    /// The file names another living process.
    Other(libc::pid_t),
    /// The file names a dead process.
    Stale,
    /// It names this process, and was deleted since.
    Deleted,
    /// Nobody finds it any more, or it was emptied where it could not be removed.
    Removed,
    /// The file could not even be opened.
    Unknown,
}

impl StandbyFile {
    /// Opens the file; returns nothing if there is none, or none that may be opened.
    pub fn open(path: &CStr) -> Option<Self> {
        let (fd, stat) = open_regular(path).ok()??;
        Some(Self(PidFile {
            path: path.to_owned(),
            id: FileId::from(&stat),
            parent: parent(path),
            fd: Some(fd),
            writable: None,
            name: None,
            locked: false,
            remark: None,
        }))
    }

    /// Returns the process that it names.
    pub fn owner(&self) -> Option<libc::pid_t> {
        self.0.fd.as_ref().and_then(read_pid)
    }

    /// Returns whether no other process holds the lock as an owner does. If nobody held it, it is this process's.
    pub fn is_free(&self) -> bool {
        let Some(fd) = &self.0.fd else { return false };
        if flock(fd).is_ok() {
            return true;
        }
        holder(fd, &self.0.path) == Holder::Stranger
    }

    /// Returns whether a descriptor leads to this file.
    pub fn is_same(&self, fd: &OwnedFd) -> bool {
        fstat(fd).is_ok_and(|stat| FileId::from(&stat) == self.0.id)
    }

    /// Looks what has become of the file.
    pub fn look(&self) -> StandbyStatus {
        let stat = self.0.fd.as_ref().map(fstat);
        let has_name = matches!(stat, Some(Ok(stat)) if stat.st_nlink > 0);
        let at_path = file_at(&self.0.path);
        if !has_name && at_path.is_err() && self.owner() == Some(sys::getpid()) {
            return StandbyStatus::Deleted;
        }
        if !has_name || at_path.is_ok_and(|id| id != self.0.id) {
            return StandbyStatus::Removed;
        }
        match self.owner() {
            Some(pid) if pid == sys::getpid() => StandbyStatus::Ours,
            Some(pid) if procfs::is_running(pid) => StandbyStatus::Other(pid),
            Some(_) => StandbyStatus::Stale,
            None => StandbyStatus::Removed,
        }
    }

    /// Takes the file: it names this process.
    pub fn into_owned(mut self) -> Option<PidFile> {
        self.0.locked = flock(self.0.fd.as_ref()?).is_ok();
        Some(self.0)
    }

    /// Removes the file of a dead owner, unless another start is just taking it over.
    pub fn remove_stale(self) {
        let is_locked = self.0.fd.as_ref().is_some_and(|fd| flock(fd).is_ok());
        // Under the lock: nobody has changed it since.
        if is_locked && self.look() == StandbyStatus::Stale {
            self.0.remove_stale();
        }
    }
}
