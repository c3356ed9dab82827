//! Changes whom the file belongs to: the two ends of a hand-over.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use crate::pidfile::content::{read_pid, replace};
use crate::pidfile::refusal::has_no_locks;
use crate::pidfile::status::FileStatus;
use crate::pidfile::{PidFile, holder};
use crate::sys;
use crate::sys::fs::{FileId, flock, flock_by_kernel, fstat, is_regular};

impl PidFile {
    /// Makes the file name another process, unless it is not this process's any more. Returns the descriptor
    /// that holds the lock and was written through.
    pub fn rename_owner(&self, pid: libc::pid_t) -> Option<&OwnedFd> {
        let writable = self.to_write()?;
        let is_ours = self.look() == FileStatus::Present && self.names_us();
        (is_ours && replace(writable, pid).is_ok()).then_some(writable)
    }

    /// Makes the file name this process again. Does nothing if another process has the lock: the one that had been given the
    /// file has ended, and a start replaces it.
    pub fn take_back(&self) {
        let may = self.fd.as_ref().is_some_and(|fd| match flock(fd) {
            Ok(()) => true,
            Err(errno) => has_no_locks(errno),
        });
        if may && let Some(writable) = self.to_write() {
            let _ = replace(writable, sys::getpid());
        }
    }

    /// Returns the file that its last owner has sent, if it names this process. It holds the lock already: that
    /// belongs to the open file, which both have.
    pub fn received(path: &CStr, fd: OwnedFd, parent: Option<FileId>) -> Option<Self> {
        let stat = fstat(&fd).ok()?;
        if !is_regular(&stat) || read_pid(&fd) != Some(sys::getpid()) {
            return None;
        }
        // The kernel shows who has locked it last: that is to be this process. But a change of the lock lets
        // others in who wait for it.
        if !holder::is_waited_for(&stat) {
            let _ = flock_by_kernel(&fd, libc::LOCK_SH | libc::LOCK_NB);
        }
        let locked = flock(&fd).is_ok();
        Some(Self {
            path: path.to_owned(),
            id: FileId::from(&stat),
            parent,
            fd: Some(fd),
            writable: None,
            name: None,
            locked,
            remark: None,
        })
    }
}
