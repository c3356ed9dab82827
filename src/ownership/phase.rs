//! Defines what this process is to the file: the phases, and who makes which transition.

/// What this process is to the file.
///
/// ```text
/// None ──► Starting ──► Kept ─► Releasing ──► Released
///             │  │        ├───────► Removing ────┤          (the keeper does not come round)
///             │  │        └─► Unmonitored ─► Removing         (threads stopped, or none)
///             │  ├─► NoFdTable ─► Unmonitored
///             │  └─► Refused
///             └─► Standby ─► Kept | Released                (a forked child)
/// ```
///
/// The keeper makes every transition but these: `None → Starting` and `→ Refused`, `→ Unmonitored` before main are the
/// host's first thread's, and `→ Removing → Released` the ending thread's. Who leaves `Kept` or `Unmonitored` for one of
/// the next two does it by compare-exchange ([`leave_for`](super::state::leave_for)), so that one thread alone gives up the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    /// This process has nothing to do with the file.
    None,
    /// The keeper is about to claim the file, or to open one that it may inherit.
    Starting,
    /// The keeper has no descriptor table of its own and waits for the file to be claimed without it.
    NoFdTable,
    /// The file could not be had.
    Refused,
    /// The keeper has the file.
    Kept,
    /// The file is ours, but nobody holds a descriptor of it: whoever ends the process removes it.
    Unmonitored,
    /// One of several threads that end the process at once is removing the file.
    Removing,
    /// The file is not ours any more.
    Released,
    /// The file is another process's, and the keeper waits for its lock.
    Standby,
    /// The keeper is giving up the file, or passing it on.
    Releasing,
}

impl Phase {
    const ALL: [Self; 10] = [
        Self::None,
        Self::Starting,
        Self::NoFdTable,
        Self::Refused,
        Self::Kept,
        Self::Unmonitored,
        Self::Removing,
        Self::Released,
        Self::Standby,
        Self::Releasing,
    ];

    /// Converts a stored value. Only values of the enum are stored; another one could come of a stray write by the host.
    pub(super) fn of(value: u32) -> Self {
        let known = Self::ALL.get(value as usize);
        known.copied().unwrap_or(Self::None)
    }
}
