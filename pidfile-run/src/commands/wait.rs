//! Runs `pidfile-run wait FILE`: waits until its owner has ended.

use std::os::fd::AsFd;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

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
            // A child that has ended already, and was not asked for its status yet.
            if let Some(status) = look.named.and_then(status_of_child) {
                return Ok(status);
            }
            say(format_args!("{}: nobody runs", shown(&path)));
            return Ok(status::DONE);
        }
        State::Foreign { .. } | State::NotAPidFile | State::Unknown(_) => {
            return Err(objection(&path, &look.state));
        }
        State::Owned(_) | State::Unlocked(_) => {}
    }
    // The PID of a child is nobody else's until this process has asked for its status: there is no need for a second look.
    let child = look.pid().filter(|pid| is_child(*pid));
    let process = match child.and_then(Process::open) {
        Some(child) => child,
        None => match super::signal::open(&path, &look) {
            Ok(process) => process,
            // It has ended between two looks.
            Err(failure) if failure.status == status::NOT_RUNNING => return Ok(status::DONE),
            Err(failure) => return Err(failure),
        },
    };
    if process.wait(timeout) {
        let fd = process.fd().map(AsFd::as_fd);
        let status = fd.and_then(|fd| status_of(WaitId::PidFd(fd)));
        return Ok(status.unwrap_or(status::DONE));
    }
    let seconds = timeout.unwrap_or_default().as_secs_f64();
    let why = format!("PID {} still runs after {seconds} s", process.pid);
    Err(Failure::new(status::NOT_DONE, shown(&path), why).help("give it more time with -t SECONDS"))
}

/// Returns whether a process is a child of this one that it has not waited for yet.
fn is_child(pid: i32) -> bool {
    let asked = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Pid::from_raw(pid).is_some_and(|pid| waitid(WaitId::Pid(pid), asked).is_ok())
}

/// Returns the exit status of a child that has ended, by its PID.
fn status_of_child(pid: i32) -> Option<u8> {
    status_of(WaitId::Pid(Pid::from_raw(pid)?))
}

/// Returns the exit status of a child of this process that has ended, as a shell has it; `None` for who is no child.
fn status_of(child: WaitId) -> Option<u8> {
    let ended = waitid(child, WaitIdOptions::EXITED | WaitIdOptions::NOHANG).ok()??;
    let signal = ended.terminating_signal().map(|signal| 128 + signal);
    u8::try_from(ended.exit_status().or(signal)?).ok()
}
