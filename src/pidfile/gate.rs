//! Keeps other claims out while a stale file is replaced whose own lock a stranger has: by a lock beside it.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use crate::pidfile::refusal::Refusal;
use crate::sys;
use crate::sys::fs::{FileId, directory_of, flock, fstat, lstat, open_private, unlink};

/// A lock beside a stale file whose own lock a stranger has. No other user can open it.
pub struct Gate(
    CString,
    #[expect(dead_code, reason = "holds the lock")] OwnedFd,
);

impl Gate {
    /// Gives up the lock.
    pub fn open(self) {
        let _ = unlink(&self.0);
    }
}

/// Keeps other claims out, and makes sure that the path still leads to the stale file. Returns `None` if another claim is
/// or was under way.
pub fn exclude_others(path: &CStr, stat: &libc::stat64) -> Result<Option<Gate>, Refusal> {
    let failed = |errno| Refusal::Failed("replace it", errno);
    let mut name = directory_of(path).into_bytes();
    name.extend_from_slice(format!("/.pidfile-lock-{}", stat.st_ino).as_bytes());
    let name = CString::new(name).unwrap_or_default();
    let fd = open_private(&name).map_err(failed)?;
    let found = fstat(&fd).map_err(failed)?;
    let user = sys::geteuid();
    if found.st_uid != user || found.st_mode & 0o077 != 0 {
        return Err(Refusal::Held(None));
    }
    if flock(&fd).is_err() || !leads_to(&name, &found) {
        return Ok(None);
    }
    let gate = Gate(name, fd);
    if leads_to(path, stat) {
        return Ok(Some(gate));
    }
    gate.open();
    Ok(None)
}

/// Returns whether a path leads to this file.
fn leads_to(path: &CStr, stat: &libc::stat64) -> bool {
    lstat(path).is_ok_and(|now| FileId::from(&now) == FileId::from(stat))
}
