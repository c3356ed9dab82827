//! Lists why a claim is refused, and what a file may lack.

use std::fmt;

use crate::sys::Errno;
use crate::sys::fs::FileId;

/// Why this process does not get the file.
#[derive(Debug)]
pub enum Refusal {
    /// A live owner has it.
    Held(Option<libc::pid_t>),
    /// The file is stale, but its owner was an ancestor of this process.
    LeftByAncestor(libc::pid_t),
    /// What is at the path must not be replaced.
    Unsafe(&'static str),
    /// A system call failed: what it was for, as a verb phrase for the message, and its error.
    Failed(&'static str, Errno),
    /// The file was ours, and was deleted while this process called exec(2).
    Deleted,
    /// The file was ours, and something else is there now.
    Lost,
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(Some(pid)) => write!(to, "is held by a live owner, PID {pid}"),
            Self::Held(None) => write!(to, "is held by a live owner"),
            Self::LeftByAncestor(pid) => {
                write!(to, "was left by PID {pid}, which has started this program")
            }
            Self::Unsafe(what) => write!(to, "{what}"),
            Self::Failed(what, errno) => write!(to, "cannot {what}: {}", errno),
            Self::Deleted => write!(to, "was deleted"),
            Self::Lost => write!(to, "does not name this process any more"),
        }
    }
}

/// What is called with the identity of the file before readers can find this process's PID in it.
pub type Before<'a> = &'a dyn Fn(FileId);

/// Said of a file on a file system without flock(2).
pub const NO_LOCK: &str =
    "has no lock, since the file system knows none: its owner is known by its PID and start";

/// Returns whether flock(2) is refused because the file system, or a sandbox, does not know it.
pub fn has_no_locks(Errno(errno): Errno) -> bool {
    matches!(
        errno,
        libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL | libc::ENOLCK | libc::EBADF
    )
}
