//! Describes a process that may inherit the file: what it tells of itself in the memory that all of them share, and
//! what the kernel says of it.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64};

use crate::pidfile::fd_passing::Connection;
use crate::settings::exec_state;
use crate::sys::{self, procfs};

#[repr(C)]
pub struct Candidate {
    pub pid: AtomicI32,
    pub kind: AtomicU32,
    /// Since when it is one, in nanoseconds since boot.
    pub since: AtomicU64,
    /// Since when it is a candidate, in clock ticks since boot.
    pub started_by: AtomicU64,
    /// Where its keeper listens; 0: nowhere.
    pub address: AtomicU32,
    /// The session leader whose place it takes; 0: nobody's.
    pub leader: AtomicI32,
}

/// What a candidate has told of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    pub pid: libc::pid_t,
    pub kind: Kind,
    pub since: u64,
    pub address: u32,
}

/// As what a process may inherit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A child of the owner that has called setsid.
    SessionLeader = 1,
    /// The first child that a leader has forked, at once.
    LeadersChild,
    /// With `PIDFILE_FOLLOW=fork`: any forked child.
    AnyChild,
    /// A leader beside two others. It does not stand by, and makes the case unclear.
    ExtraSessionLeader,
    /// The first child of a child of the owner, where it is this one that has called setsid.
    GrandchildSessionLeader,
}

impl Kind {
    pub fn of(value: u32) -> Option<Self> {
        let all = [
            Self::SessionLeader,
            Self::LeadersChild,
            Self::AnyChild,
            Self::ExtraSessionLeader,
            Self::GrandchildSessionLeader,
        ];
        all.into_iter().find(|kind| *kind as u32 == value)
    }
}

/// A candidate of which the kernel says that it is that process which listens.
pub struct Confirmed {
    pub connection: Connection,
    /// The candidate began to listen as root, or as the user that this process is.
    pub is_equal: bool,
}

/// Connects to a candidate; returns nothing if the kernel says that another process listens, or none. A process that stands
/// by for another file listens elsewhere: its PID may be what a child of fewer rights has written.
///
/// Context: keeper.
pub fn confirm(claimant: Claimant) -> Option<Confirmed> {
    let (connection, peer) = Connection::to(exec_state::file(), claimant.pid, claimant.address)?;
    let is_ours = || procfs::user(sys::getpid()).is_none_or(|user| user == peer.uid);
    (peer.pid == claimant.pid).then(|| Confirmed {
        connection,
        is_equal: peer.uid == 0 || is_ours(),
    })
}
