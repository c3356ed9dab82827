//! Defines what other threads ask the keeper for.

/// What the keeper is asked for: a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests(pub(super) u32);

impl Requests {
    /// Give up the file: the process ends by a signal.
    pub const FATAL_SIGNAL: Self = Self(1);
    /// The process ends of its own accord: give up the file, or pass it on.
    pub const EXIT: Self = Self(2);
    /// Something is at the path that needs a closer look.
    pub const CHECK: Self = Self(4);
    /// The file was deleted, the host has been told.
    pub const DELETED: Self = Self(8);
    /// The main thread has left by pthread_exit(3), and an exit thread waits for the others.
    pub const MAIN_LEFT: Self = Self(16);
    /// The main thread has left without an exit thread: our threads have to go.
    pub const STOP_THREADS: Self = Self(32);
    /// The host changes its user or group.
    pub const CREDENTIALS: Self = Self(64);
    /// The main thread has ended, and libc does not know.
    pub const MAIN_ENDED: Self = Self(128);

    /// Returns whether one of `others` is in the set.
    pub fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl std::ops::BitOr for Requests {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
