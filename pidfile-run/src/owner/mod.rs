//! Finds the owner of a PID file: whoever holds its lock, flock(2).
//!
//! ```text
//! look:  no file                                          Absent
//!        locked, and the holder is the process it names   Owned
//!        locked otherwise                                 Unknown
//!        content is no PID file's                         NotAPidFile
//!        names a process that runs, whose environment
//!          says that this is its file                     Unlocked
//!        names a process that runs                        Foreign
//!        else                                             Stale
//! ```
//!
//! Three moments are no answer yet, and are looked at again. In a hand-over the file names the successor before that has
//! the lock, and exec(2) drops the lock of an owner for an instant. After the end of an owner its guard has the lock until
//! it has removed the file; the table of locks shows the owner, or nobody.

pub mod content;
pub mod locks;
pub mod process;

use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::location::{At, Location, Seen, absolute};
use crate::output::{Failure, shown, status};
use content::Content;
use locks::Locks;

/// Between two looks.
pub const PAUSE: Duration = Duration::from_millis(20);
/// How many looks such a moment gets.
const LOOKS: usize = 5;

#[derive(Clone, Debug)]
pub enum State {
    Absent,
    /// The owner runs.
    Owned(Owner),
    /// The process runs, says that this is its file, and holds no lock.
    Unlocked(i32),
    /// A process with the PID in the file runs, and holds no lock: it may have written the file, or have nothing to do with it.
    Foreign {
        pid: i32,
        may_be_seen: bool,
    },
    /// Nobody owns it.
    Stale,
    NotAPidFile,
    Unknown(Failure),
}

/// The process that holds the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// As it is known here; `None` if it cannot be seen from here.
    pub pid: Option<i32>,
    /// As the file has it: another one in a container.
    pub named: i32,
}

/// A look at a path.
pub struct Look {
    pub state: State,
    /// The PID in the file.
    pub named: Option<i32>,
    pub location: Option<Location>,
    pub seen: Option<Seen>,
}

impl Look {
    fn at(state: State) -> Self {
        Self {
            state,
            named: None,
            location: None,
            seen: None,
        }
    }

    /// Returns the process that the file means, if one runs.
    pub fn pid(&self) -> Option<i32> {
        match self.state {
            State::Owned(owner) => owner.pid,
            State::Unlocked(pid) | State::Foreign { pid, .. } => Some(pid),
            _ => None,
        }
    }
}

/// Looks at a path, until the answer is one.
pub fn look(path: &Path) -> Look {
    let mut last = None;
    for attempt in 1..=LOOKS {
        let (look, is_sure) = look_once(path, &Locks::unread());
        if is_sure || attempt == LOOKS {
            return look;
        }
        last = Some(look);
        std::thread::sleep(PAUSE);
    }
    last.unwrap_or_else(|| Look::at(State::Absent))
}

/// Looks at a path once; the answer, and whether it would be the same in a moment.
pub fn look_once(path: &Path, locks: &Locks) -> (Look, bool) {
    let location = match Location::open(path) {
        Ok(Some(location)) => location,
        Ok(None) => return (Look::at(State::Absent), true),
        Err(failure) => return (Look::at(State::Unknown(failure)), true),
    };
    let seen = match location.look() {
        Ok(At::File(seen)) => seen,
        Ok(At::Nothing) => {
            let mut look = Look::at(State::Absent);
            look.location = Some(location);
            return (look, true);
        }
        Err(failure) => return (Look::at(State::Unknown(failure)), true),
    };
    let named = seen.named;
    let (state, is_sure) = judge(&location, &seen, named, locks);
    let look = Look {
        state,
        named,
        location: Some(location),
        seen: Some(seen),
    };
    (look, is_sure)
}

fn judge(location: &Location, seen: &Seen, named: Option<i32>, locks: &Locks) -> (State, bool) {
    let holder_in = |locks: &Locks| {
        let taker = locks.holder(&seen.stat, named);
        // Who has ended has left the lock to another process: an owner to its guard.
        taker.filter(|pid| process::is_running(*pid))
    };
    let mut holder = holder_in(locks);
    // Who is in the table holds the lock, and need not be disturbed by a probe.
    if holder.is_none() {
        match is_locked(&seen.file) {
            Ok(false) => return judge_unlocked(location, seen, named),
            Ok(true) => holder = holder_in(&Locks::unread()),
            Err(errno) => {
                let why = format!(
                    "cannot be asked for its lock: {}",
                    crate::output::Errno(errno)
                );
                let failure = Failure::new(status::NOT_KNOWN, shown(&location.path), why);
                return (State::Unknown(failure), true);
            }
        }
    }
    match (holder, named) {
        (None, Some(named)) => (State::Owned(Owner { pid: None, named }), false),
        (Some(pid), Some(named)) if pid == named || process::inner_pid(pid) == Some(named) => {
            let owner = Owner {
                pid: Some(pid),
                named,
            };
            (State::Owned(owner), true)
        }
        _ => {
            let by = holder.map_or("a process that cannot be seen".into(), |pid| {
                format!("PID {pid}")
            });
            let names = named.map_or("nobody".into(), |pid| pid.to_string());
            let why = format!("is locked by {by}, but names {names}");
            let failure = Failure::new(status::NOT_KNOWN, shown(&location.path), why);
            let failure = match holder {
                Some(pid) => failure.help(format_args!("see what that is: ps -p {pid}")),
                None => failure,
            };
            (State::Unknown(failure), false)
        }
    }
}

fn judge_unlocked(location: &Location, seen: &Seen, named: Option<i32>) -> (State, bool) {
    if !location.is(&seen.stat) {
        return (State::Absent, false);
    }
    if seen.content == Content::Other {
        return (State::NotAPidFile, true);
    }
    let Some(pid) = named.filter(|pid| process::is_running(*pid)) else {
        return (State::Stale, true);
    };
    match process::environment(pid) {
        Err(_) => (
            State::Foreign {
                pid,
                may_be_seen: false,
            },
            false,
        ),
        Ok(environment) if is_named_in(&environment, &location.path) => {
            (State::Unlocked(pid), false)
        }
        Ok(_) => (
            State::Foreign {
                pid,
                may_be_seen: true,
            },
            false,
        ),
    }
}

/// Returns whether a process was started with a setting that leads to this path.
fn is_named_in(environment: &[Vec<u8>], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let real = std::fs::canonicalize(path).ok();
    [absolute(path).ok(), real]
        .into_iter()
        .flatten()
        .any(|path| {
            let path = path.as_os_str().as_bytes();
            environment.iter().any(|entry| {
                [b"PIDFILE=".as_slice(), b"PIDFILE_PATH="]
                    .iter()
                    .any(|name| entry.strip_prefix(*name) == Some(path))
            })
        })
}

/// Returns whether somebody holds the exclusive lock of an open file.
///
/// # Errors
///
/// A file system without locks.
fn is_locked(file: impl AsFd) -> rustix::io::Result<bool> {
    // Shared: two who ask do not take each other for the owner.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let _ = flock(&file, FlockOperation::Unlock);
            Ok(false)
        }
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// Fails if this very process has become the owner, since the library is in the environment of this command.
///
/// # Errors
///
/// If it has.
pub fn not_ourselves(look: &Look, path: &Path, status: u8) -> Result<(), Failure> {
    if look.pid() != Some(std::process::id() as i32) {
        return Ok(());
    }
    let why = "was taken by this very command, since LD_PRELOAD and PIDFILE are set here";
    Err(Failure::new(status, shown(path), why).help("unset LD_PRELOAD, and try again"))
}
