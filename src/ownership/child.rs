//! Describes a forked child that may still inherit, in the memory that all of them share.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::sys;

/// A forked child, of the owner or of a child, that has not decided yet what it will be.
#[repr(C)]
pub struct Child {
    /// The PID of the child and how far it is, in one: the place may be another child's while somebody looks at it.
    pub stage: AtomicU32,
    /// When it was forked, in nanoseconds since boot.
    pub born: AtomicU64,
}

/// What is in [`Child::stage`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stage(pub u32);

/// How far a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// About to be forked, by this process.
    Expected(libc::pid_t),
    /// Forked, as its parent knows; it has had no processor yet.
    Unseen,
    /// Forked.
    Undecided(libc::pid_t),
    /// Becoming a candidate.
    Deciding(libc::pid_t),
}

impl Progress {
    /// Returns the child, or 0 before it has told.
    pub fn pid(self) -> libc::pid_t {
        match self {
            Self::Expected(_) | Self::Unseen => 0,
            Self::Undecided(pid) | Self::Deciding(pid) => pid,
        }
    }
}

impl Stage {
    pub const NONE: Self = Self(0);
    pub const UNSEEN: Self = Self(5);
    /// The PID beside it is that of the process that forks.
    pub const EXPECTED: u32 = 1;
    pub const UNDECIDED: u32 = 2;
    pub const DECIDING: u32 = 3;
    /// The child is a candidate, or will not be one.
    pub const DECIDED: u32 = 4;
    /// PIDs are below 2^22 (proc(5), pid_max).
    const BITS: u32 = 3;

    pub fn of_this_process(is: u32) -> Self {
        Self((sys::getpid() as u32) << Self::BITS | is)
    }

    pub fn is(self, which: u32) -> bool {
        self.0 & ((1 << Self::BITS) - 1) == which
    }

    pub fn pid(self) -> libc::pid_t {
        (self.0 >> Self::BITS) as libc::pid_t
    }

    pub fn is_free(self) -> bool {
        self == Self::NONE || self.is(Self::DECIDED)
    }

    pub fn progress(self) -> Option<Progress> {
        if self.is(Self::EXPECTED) {
            Some(Progress::Expected(self.pid()))
        } else if self == Self::UNSEEN {
            Some(Progress::Unseen)
        } else if self.is(Self::UNDECIDED) {
            Some(Progress::Undecided(self.pid()))
        } else if self.is(Self::DECIDING) {
            Some(Progress::Deciding(self.pid()))
        } else {
            None
        }
    }
}

impl Child {
    pub fn stage(&self) -> Stage {
        Stage(self.stage.load(Ordering::SeqCst))
    }

    pub fn go_from(&self, from: Stage, to: Stage) -> bool {
        let order = Ordering::SeqCst;
        self.stage
            .compare_exchange(from.0, to.0, order, order)
            .is_ok()
    }
}
