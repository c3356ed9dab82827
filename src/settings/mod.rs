//! From the environment and the command line to a [`config::Config`].

pub mod config;
pub mod env;
pub mod exec_state;
#[cfg(test)]
mod properties;
mod values;

use std::time::Duration;

/// To whom the file passes when the program ends and a child goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// To a child that has made itself a daemon, see `handover`.
    Auto,
    /// To any forked child, for daemons that never call setsid(2).
    Fork,
    /// To nobody.
    Off,
}

/// How a deletion is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// inotify; polling where it cannot serve.
    Auto,
    /// inotify or nothing.
    Inotify,
    /// Looking at the file once in this time.
    Poll(Duration),
    /// Not at all: no thread, and no lock, since a lock needs a descriptor to live in.
    Off,
}

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Problems and the deletion only: stderr, or the system log where stderr leads nowhere.
    Auto,
    /// Every event, to stderr.
    Stderr,
    /// Every event, to the system log.
    Syslog,
    Off,
}

/// Seconds between two looks where polling is in use.
pub const POLL: Duration = Duration::from_secs(1);

/// Paths longer than this cannot be opened anyway (`PATH_MAX` counts the final zero byte).
pub const LONGEST_PATH: usize = libc::PATH_MAX as usize - 1;
