//! Runs `pidfile-run stop FILE`: deletes the file, which makes its owner end, and waits for that.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FlockOperation, flock, unlinkat};
use rustix::io::Errno;

use super::status::objection;
use crate::cli;
use crate::location::{Location, Seen};
use crate::output::{Failure, quoted, say, shown, status};
use crate::owner::process::Process;
use crate::owner::{self, State};

pub fn run(asked: cli::Stop) -> Result<u8, Failure> {
    let path = asked.file.path();
    let timeout = asked.seconds.0;
    let look = owner::look(&path);
    owner::not_ourselves(&look, &path, status::NOT_DONE)?;
    match (&look.state, &look.location, &look.seen) {
        (State::Absent, ..) => {
            say(format_args!(
                "{}: nobody runs: there is no such file",
                shown(&path)
            ));
            Ok(status::DONE)
        }
        (State::Stale, Some(location), Some(seen)) => {
            remove_stale(location, seen)?;
            Ok(status::DONE)
        }
        (State::Owned(owner), Some(location), Some(seen)) => {
            may_be_removed(location, seen)?;
            // One that has ended meanwhile has removed its file.
            let Some(pid) = owner.pid else {
                remove(location, seen)?;
                return await_unlock(&path, seen, timeout, owner.named);
            };
            let Ok(process) = super::signal::open(&path, &look) else {
                return after_all(&path, location, seen);
            };
            remove(location, seen)?;
            await_end(&path, &process, timeout, asked.kill, pid)
        }
        (State::Unlocked(pid), ..) => {
            let why = format!("PID {pid} runs but does not watch the file");
            let help = format!("to stop it, pidfile-run signal TERM {}", quoted(&path));
            Err(Failure::new(status::NOT_DONE, shown(&path), why).help(help))
        }
        (state, ..) => Err(objection(&path, state)),
    }
}

/// Tells what has become of an owner that was not found again: it has ended, or another process is at the path.
fn after_all(path: &Path, location: &Location, seen: &Seen) -> Result<u8, Failure> {
    let look = owner::look(path);
    match look.state {
        State::Absent => Ok(status::DONE),
        State::Stale if location.is(&seen.stat) => {
            remove_stale(location, seen)?;
            Ok(status::DONE)
        }
        _ => {
            super::signal::open(path, &look)?;
            Err(
                Failure::new(status::NOT_DONE, shown(path), "has another owner by now")
                    .help("try again"),
            )
        }
    }
}

fn may_be_removed(location: &Location, seen: &Seen) -> Result<(), Failure> {
    if seen.stat.st_nlink > 1 {
        let why = "has more than one link, and is left alone";
        return Err(
            Failure::new(status::NOT_DONE, shown(&location.path), why).help(format_args!(
                "see what else it is: find / -xdev -inum {}",
                seen.stat.st_ino
            )),
        );
    }
    Ok(())
}

/// Removes a file that nobody owns. Its lock keeps others from taking it over in this moment.
fn remove_stale(location: &Location, seen: &Seen) -> Result<(), Failure> {
    may_be_removed(location, seen)?;
    if flock(&seen.file, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
        let why = "somebody has just locked it";
        return Err(Failure::new(status::NOT_DONE, shown(&location.path), why).help("try again"));
    }
    if crate::location::read(&seen.file, &seen.stat).0 != seen.content {
        let why = "somebody has just written it";
        return Err(Failure::new(status::NOT_DONE, shown(&location.path), why).help("try again"));
    }
    remove(location, seen)
}

/// Deletes the file, if it still is the one that was looked at.
fn remove(location: &Location, seen: &Seen) -> Result<(), Failure> {
    if !location.is(&seen.stat) {
        return Ok(());
    }
    match unlinkat(&location.directory, &location.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => {
            let why = format!("cannot be deleted: {}", crate::output::Errno(errno));
            Err(
                Failure::new(status::NOT_ALLOWED, shown(&location.path), why)
                    .help("do it as root, or as the owner of its directory"),
            )
        }
    }
}

fn await_end(
    path: &Path,
    process: &Process,
    timeout: Duration,
    kill: bool,
    pid: i32,
) -> Result<u8, Failure> {
    if process.wait(Some(timeout)) {
        return Ok(status::DONE);
    }
    if kill && let Some(signal) = crate::signals::signal(libc::SIGKILL) {
        let _ = process.signal(signal);
        // Nothing but the kernel holds it up now.
        if process.wait(Some(timeout.max(Duration::from_secs(10)))) {
            return Ok(status::DONE);
        }
    }
    Err(still_runs(path, timeout, pid).help(format_args!("give it more time, or kill -KILL {pid}")))
}

fn still_runs(path: &Path, timeout: Duration, pid: i32) -> Failure {
    let why = format!(
        "is deleted, and PID {pid} still runs after {} s",
        timeout.as_secs_f64()
    );
    Failure::new(status::NOT_DONE, shown(path), why)
}

/// Waits for the lock: all that is known here of a process that cannot be seen.
fn await_unlock(path: &Path, seen: &Seen, timeout: Duration, named: i32) -> Result<u8, Failure> {
    let deadline = Instant::now() + timeout;
    let file = seen.file.try_clone();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        if let Ok(file) = file {
            while flock(&file, FlockOperation::LockShared) == Err(Errno::INTR) {}
        }
        let _ = sender.send(());
    });
    let left = deadline.saturating_duration_since(Instant::now());
    match receiver.recv_timeout(left) {
        Ok(()) => Ok(status::DONE),
        Err(_) => {
            Err(still_runs(path, timeout, named).help("give it more time, or end it where it runs"))
        }
    }
}
