//! The file of another process, which this one may inherit.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use crate::pidfile::PidFile;
use crate::pidfile::content::read_pid;
use crate::pidfile::fd_passing::Bequest;
use crate::sys::fs::{FileId, flock_by_kernel, fstat, is_regular, open, parent, unlock};
use crate::sys::{self, Errno, procfs};

/// A PID file that another process owns, and that this one may inherit.
pub struct Baton {
    file: PidFile,
    fd: OwnedFd,
    /// Where it cannot be written to.
    bequest: Option<Bequest>,
}

/// What who gets the lock of such a file finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It names this process.
    Ours,
    /// It names another living process.
    Others,
    /// It names a dead process.
    Stale,
    /// Nobody finds it any more, or it was emptied where it could not be removed.
    Removed,
}

impl Baton {
    pub fn open(path: &CStr) -> Option<Self> {
        let (fd, bequest) = match open(path, libc::O_RDWR) {
            Ok(fd) => (fd, None),
            Err(_) => (open(path, libc::O_RDONLY).ok()?, Bequest::expect()),
        };
        let stat = fstat(&fd).ok()?;
        let file = PidFile {
            path: path.to_owned(),
            id: FileId::from(&stat),
            parent: parent(path),
            fd: None,
            writable: None,
            locked: true,
            remark: None,
        };
        is_regular(&stat).then_some(Self { file, fd, bequest })
    }

    /// Blocks until the lock is free, and takes it.
    pub fn wait(&self) -> Result<Found, Errno> {
        let fd = &self.fd;
        // Interrupted when the host changes its user (nptl/setxid).
        while let Err(errno) = flock_by_kernel(fd, libc::LOCK_EX) {
            if errno != Errno(libc::EINTR) {
                return Err(errno);
            }
        }
        if fstat(fd)?.st_nlink == 0 {
            return Ok(Found::Removed);
        }
        Ok(match read_pid(fd) {
            Some(pid) if pid == sys::getpid() => Found::Ours,
            Some(pid) if procfs::is_running(pid) => Found::Others,
            Some(_) => Found::Stale,
            None => Found::Removed,
        })
    }

    pub fn let_go(&self) {
        unlock(&self.fd);
    }

    pub fn take(self) -> PidFile {
        let id = self.file.id;
        PidFile {
            fd: Some(self.fd),
            writable: self.bequest.and_then(|bequest| bequest.receive(id)),
            ..self.file
        }
    }
}
