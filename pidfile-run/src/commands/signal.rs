//! Runs `pidfile-run signal NAME FILE`: sends the owner a signal.
//!
//! ```text
//! look who holds the lock
//! open that process                   from here on it is this one, whoever gets the PID
//! look again: does it still hold it?  then the process that was opened is the owner
//! signal what was opened
//! ```

use std::path::Path;

use rustix::io::Errno;

use super::status::objection;
use crate::cli;
use crate::output::{Failure, quoted, shown, status};
use crate::owner::process::{Process, has_lock_open};
use crate::owner::{self, Look, State};
use crate::signals;

pub fn run(asked: cli::Signal) -> Result<u8, Failure> {
    let path = asked.file.path();
    let number = signals::number(&asked.name).unwrap_or_default();
    let Some(signal) = signals::signal(number) else {
        return Err(Failure::new(
            status::USAGE,
            shown(&asked.name),
            "is no signal: kill -l lists them",
        ));
    };
    let look = owner::look(&path);
    owner::not_ourselves(&look, &path, status::NOT_DONE)?;
    let process = open(&path, &look)?;
    let pid = process.pid;
    process.signal(signal).map_err(|errno| match errno {
        Errno::SRCH => has_ended(&path),
        _ => Failure::new(
            status::NOT_ALLOWED,
            shown(&path),
            format!("PID {pid} is another user's"),
        )
        .help("send it as root"),
    })?;
    Ok(status::DONE)
}

fn has_ended(path: &Path) -> Failure {
    Failure::new(status::NOT_RUNNING, shown(path), "its owner has just ended")
        .help(format_args!("see pidfile-run status {}", quoted(path)))
}

/// Opens the process that the file is about.
///
/// # Errors
///
/// There is none, or it is not known to be the one.
pub fn open(path: &Path, look: &Look) -> Result<Process, Failure> {
    let nobody = |why: &str| {
        Failure::new(
            status::NOT_RUNNING,
            shown(path),
            format!("nobody runs: {why}"),
        )
    };
    let pid = match &look.state {
        State::Owned(owner) => owner.pid.ok_or_else(|| {
            let why = format!("its owner, PID {} in a container or another PID namespace, cannot be seen from here", owner.named);
            Failure::new(status::NOT_DONE, shown(path), why).help("send it there")
        })?,
        State::Unlocked(pid) => *pid,
        State::Absent => {
            return Err(nobody("there is no such file")
                .help(format_args!("to start: pidfile-run -p {} -- COMMAND", quoted(path))));
        }
        State::Stale => {
            return Err(nobody("the file is left over, and the next start takes it over"));
        }
        state => return Err(objection(path, state)),
    };
    let process = Process::open(pid).ok_or_else(|| has_ended(path))?;
    let again = owner::look(path);
    // While what was opened runs its PID is nobody else's, and so the second look was at it.
    if !is_same(&look.state, &again.state) || !process.is_running() {
        return Err(has_ended(path));
    }
    // A lock outlives the process that took it where a child has inherited the descriptor; the kernel's table goes on naming
    // that PID, which may be anybody's by now.
    if let (State::Owned(_), Some(seen)) = (&again.state, &again.seen)
        && has_lock_open(pid, seen.stat.st_ino) == Some(false)
    {
        // Or it has closed its descriptors since, because it ends.
        if !is_same(&owner::look(path).state, &again.state) {
            return Err(has_ended(path));
        }
        let why =
            format!("PID {pid} has taken its lock, and another process holds its lock by now");
        return Err(Failure::new(status::NOT_DONE, shown(path), why)
            .help(format_args!("see who has it open: fuser {}", quoted(path))));
    }
    Ok(process)
}

/// Returns whether two looks have found the same process.
fn is_same(one: &State, other: &State) -> bool {
    match (one, other) {
        (State::Owned(one), State::Owned(other)) => one == other,
        (State::Unlocked(one), State::Unlocked(other)) => one == other,
        _ => false,
    }
}
