//! Reads a [`config::Config`] from the environment and the command line. Nothing here can fail the host.

mod boot;
pub mod config;
pub mod env;
pub mod exec_state;
#[cfg(test)]
mod properties;
pub mod values;

use std::time::Duration;

/// Which child gets the file when the program ends (`PIDFILE_FOLLOW`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// A child that has made itself a daemon; the module `handover` says how that is seen.
    Auto,
    /// Any forked child, for daemons that never call setsid(2).
    Fork,
    /// No child.
    Off,
}

/// How a deletion is noticed (`PIDFILE_WATCH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// By inotify(7), or by polling where inotify has no instance left or is blind.
    Auto,
    /// By inotify(7), or not at all.
    Inotify,
    /// By a look at the file each time this time is over.
    Poll(Duration),
    /// Not at all. There is no thread, and so no lock: a lock needs a descriptor, which the host would see.
    Off,
}

/// Where messages go (`PIDFILE_LOG`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Problems and the deletion only: stderr, or the system log where stderr leads nowhere.
    Auto,
    /// Every event, to stderr.
    Stderr,
    /// Every event, to the system log.
    Syslog,
    /// Nowhere.
    Off,
}

/// Time between two looks at a file that is polled, unless `PIDFILE_WATCH=poll:SECONDS` says another.
pub const POLL: Duration = Duration::from_secs(1);

/// Longest path in bytes that open(2) takes: `PATH_MAX` (linux/limits.h) counts the final zero byte.
pub const LONGEST_PATH: usize = libc::PATH_MAX as usize - 1;
