//! `pidfile-run wait FILE`: until its owner has ended.

use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use std::os::fd::AsFd;

use super::status::objection;
use crate::cli;
use crate::output::{Failure, say, shown, status};
use crate::owner::process::Process;
use crate::owner::{self, State};

pub fn run(asked: cli::Wait) -> Result<u8, Failure> {
    let path = asked.file.path();
    let timeout = asked.seconds.map(|seconds| seconds.0);
    let look = owner::look(&path);
    owner::not_ourselves(&look, &path, status::NOT_DONE)?;
    match look.state {
        State::Absent | State::Stale => {
            say(format_args!("{}: nobody runs", shown(&path)));
            return Ok(status::DONE);
        }
        State::Foreign { .. } | State::NotAPidFile | State::Unknown(_) => {
            return Err(objection(&path, &look.state));
        }
        State::Owned(_) | State::Unlocked(_) => {}
    }
    let process = match super::signal::open(&path, &look) {
        Ok(process) => process,
        // It has ended between two looks.
        Err(failure) if failure.status == status::NOT_RUNNING => return Ok(status::DONE),
        Err(failure) => return Err(failure),
    };
    if process.wait(timeout) {
        return Ok(status_of(&process).unwrap_or(status::DONE));
    }
    let why = format!(
        "PID {} still runs after {} s",
        process.pid,
        timeout.unwrap_or_default().as_secs_f64()
    );
    Err(Failure::new(status::NOT_DONE, shown(&path), why).help("give it more time with -t SECONDS"))
}

/// Returns the exit status of a child of this process, as a shell has it; who is no child's stays unknown.
fn status_of(process: &Process) -> Option<u8> {
    let fd = process.fd()?;
    let ended = loop {
        match waitid(WaitId::PidFd(fd.as_fd()), WaitIdOptions::EXITED) {
            Err(Errno::INTR) => {}
            Err(_) | Ok(None) => return None,
            Ok(Some(ended)) => break ended,
        }
    };
    let signal = ended.terminating_signal().map(|signal| 128 + signal);
    u8::try_from(ended.exit_status().or(signal)?).ok()
}
