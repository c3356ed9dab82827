//! Holds the file that is ours: looks at it, adopts another one, hands it over, removes or empties it.
//!
//! The protocol is flock(2) on the file itself. The process that holds the lock is the owner. The kernel drops the lock
//! when the owner ends in whatever way. So a free lock means a stale file, whatever its content, and a reused PID misleads
//! nobody. Within the protocol a path changes hands only under the lock of the file it leads to, and a new file appears
//! whole and locked.

pub mod acquire;
pub mod content;
mod creation;
pub mod fd_passing;
mod gate;
mod holder;
pub mod instance;
pub mod location;
mod objection;
pub mod refusal;
pub mod removal;
pub mod standby;
pub mod status;
mod transfer;

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use crate::pidfile::content::{names_us_at, read_pid};
use crate::sys;
use crate::sys::directory::for_each_name;
use crate::sys::file_system;
use crate::sys::fs::{FileId, born, directory_of, flock, fstat, is_regular, open, open_regular};

/// A PID file that is ours.
#[derive(Debug)]
pub struct PidFile {
    pub(crate) path: CString,
    pub(crate) id: FileId,
    /// The directory it is in.
    pub(crate) parent: Option<FileId>,
    /// Holds the lock. `None` where no descriptor can be kept: then nothing tells others that we
    /// live but the PID in the file.
    pub(crate) fd: Option<OwnedFd>,
    /// To write through, where that one is for reading only.
    pub(crate) writable: Option<OwnedFd>,
    /// Holds the name that it has in the directory, while it is watched: see [`PidFile::hold_name`].
    pub(crate) name: Option<OwnedFd>,
    /// Whether the lock is ours. If not, somebody else has it, or the file system knows none.
    pub(crate) locked: bool,
    /// What an operator may want to know of how it became ours.
    pub remark: Option<Remark>,
}

/// What an operator may want to know of how the file became ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// The file named a living process, which has no lock.
    TakenOver(libc::pid_t),
    /// Something that is worth a line only for those who want to see every event.
    Event(&'static str),
}

impl PidFile {
    /// Returns the PID in the file that is at the path now, where ours has no name any more. Returns with it whether that
    /// file was made after ours had lost its last name; a file that was renamed over ours was not.
    pub fn successor(&self) -> Option<(libc::pid_t, bool)> {
        let fd = open(&self.path, libc::O_RDONLY).ok()?;
        let stat = fstat(&fd).ok()?;
        // rename(2) and unlink(2) take the name away before they set the time of change. Both lock the directory until
        // they have done, and who lists it waits for that (fs/readdir.c, iterate_dir).
        let has_settled = for_each_name(&directory_of(&self.path), |_| ()).is_ok();
        let ours = fstat(self.fd.as_ref()?).ok()?;
        if ours.st_nlink != 0 || !is_regular(&stat) {
            return None;
        }
        let changed = (ours.st_ctime, ours.st_ctime_nsec);
        let is_younger = has_settled && born(&fd).is_some_and(|born| born > changed);
        Some((read_pid(&fd)?, is_younger))
    }

    /// Takes over what the path leads to now, if it names this process: the host has written a PID
    /// file of its own. Answers what PID is in it.
    ///
    /// # Errors
    ///
    /// The PID that is in it instead, if it can be read. None too if somebody holds its lock.
    pub fn adopt(&mut self) -> Result<(), Option<libc::pid_t>> {
        let found = open_regular(&self.path).ok().flatten();
        let (fd, stat) = found.ok_or(None)?;
        let pid = read_pid(&fd);
        if pid != Some(sys::getpid()) {
            return Err(pid);
        }
        // Whoever has it is no owner: the file names us.
        self.locked = flock(&fd).is_ok();
        self.id = FileId::from(&stat);
        self.fd = Some(fd);
        self.writable = None;
        self.name = None;
        Ok(())
    }

    /// Opens the file by its name too, until [`PidFile::release_name`].
    ///
    /// A file that was created without a name is open under none. An unlink(2) of a name that nobody has open ends all
    /// watches of the file, between its event and the moment at which the path is free (fs/dcache.c, d_delete). That took 20
    /// to 60 µs, for which who looked at the path had to wait.
    pub fn hold_name(&mut self) {
        self.name = open(&self.path, libc::O_PATH).ok();
    }

    /// Closes the name. The watch then ends with the removal of the file, and not with the process, which would wait for it.
    pub fn release_name(&mut self) {
        self.name = None;
    }

    /// Tries to get the lock, if it is not ours. Returns whether there is reason to try again.
    pub fn relock(&mut self) -> bool {
        let Some(fd) = self.fd.as_ref().filter(|_| !self.locked) else {
            return false;
        };
        match flock(fd) {
            Ok(()) => {
                self.locked = true;
                false
            }
            Err(errno) => !refusal::has_no_locks(errno),
        }
    }

    /// Returns the directory that the file was put in.
    pub fn parent(&self) -> Option<FileId> {
        self.parent
    }

    fn to_write(&self) -> Option<&OwnedFd> {
        self.writable.as_ref().or(self.fd.as_ref())
    }

    /// Returns whether the file names this process.
    pub fn names_us(&self) -> bool {
        match &self.fd {
            Some(fd) => read_pid(fd) == Some(sys::getpid()),
            None => names_us_at(&self.path),
        }
    }

    /// Closes the descriptor of the file, and so gives up its lock.
    pub fn unmonitored(self) -> Self {
        Self {
            fd: None,
            writable: None,
            name: None,
            ..self
        }
    }

    /// Returns whether the lock of the file is ours.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    pub fn id(&self) -> FileId {
        self.id
    }

    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// Returns whether the file may change without inotify being told; true if that cannot be seen.
    pub fn is_remote(&self) -> bool {
        let kind = self.fd.as_ref().map(file_system::kind_of);
        !matches!(
            kind,
            Some(Ok(file_system::Kind::Kernel | file_system::Kind::Ordinary))
        )
    }
}
