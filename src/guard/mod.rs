//! Starts and ends the guard, a process that removes the file when its owner ends without doing so.
//!
//! No handler sees SIGKILL, a raw `exit_group(2)` or a stack overflow, so the file would stay behind. With
//! `PIDFILE_GUARD=1` a second process waits for the owner's end and looks at the path then:
//!
//! ```text
//! the path leads to no file, or to another process's file    → the guard ends
//! the same inode names another live process (hand-over)      → it guards that one
//! the file names the process that has ended                  → it locks, looks again, removes
//! ```
//!
//! It never sends a signal and never writes a PID. It waits on a pidfd (Linux 5.3), not on the lock, so no other
//! process can keep it from its work, and it never stands in a successor's way.
//!
//! # What the host sees of it
//!
//! Nothing that it does not look for. [`start`] runs before the file gets its name, so there is no moment in which a
//! file is unguarded. The guard is made by clone(2) with no exit signal: wait(2) returns it only to who asks with
//! `__WALL` or `__WCLONE`, and its end sends no SIGCHLD. It has a session and a process group of its own, an empty
//! descriptor table, `/` as its directory, and every signal blocked. It keeps none of the host's memory: it unmaps all
//! but this library and the page of its command line. It is made by a short-lived process in between, which shares the
//! host's memory and so has no rseq(2) area. Otherwise the kernel would write to that area after it is unmapped. That
//! process uses `CLONE_PARENT`, and the keeper reaps it.

mod leave;
mod orders;
mod process;

use std::ffi::c_int;
use std::io;
use std::time::Duration;

use crate::report;
use crate::settings::config::Config;
use crate::sys::fs::FileId;
use crate::sys::futex;
use orders::Orders;

/// How often a guard that was killed is looked for, and the pauses in between: they double from the first to the longest,
/// a second in all. A guard ends at once unless a debugger, a frozen control group or a real-time thread on every processor
/// keeps it from that. Then whoever becomes its parent reaps it.
const LOOKS: u32 = 1000;
const FIRST_PAUSE: Duration = Duration::from_micros(16);
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// Starts the guard, if the settings ask for one; where it cannot be had, that is reported and all goes on without.
///
/// A claim that finds the path taken at the last moment tries again with another file, and calls this again. The guard
/// of the file that got no name goes.
///
/// Context: the thread that claims the file, with every signal blocked.
pub fn start_for(config: &Config, id: FileId) {
    if !config.guard {
        return;
    }
    stop();
    let started = Orders::new(&config.path, id).and_then(start);
    if let Err(why) = started {
        let what = format!("is not guarded: {why}; if the program is killed the file stays");
        report::problem(config, &what);
    }
}

/// Starts the process in between and reaps it.
fn start(orders: Orders) -> io::Result<()> {
    let between = process::start(orders);
    let Ok(pid) = libc::pid_t::try_from(between) else {
        return Err(io::ErrorKind::Other.into());
    };
    if pid < 0 {
        return Err(io::Error::from_raw_os_error(-pid));
    }
    // It has ended: see `process::start`.
    match reap(pid, 0).1 {
        Some(0) | None => Ok(()),
        Some(errno) => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Ends the guard that this process itself has started, if there is one, and waits until it has ended; gives up after a
/// second. At an orderly end the guard is gone before the process is. A guard that came with a hand-over or an exec sees
/// the end by itself.
///
/// Async-signal-safe.
pub fn stop() {
    let guard = process::take_pid();
    if guard > 0 {
        // SAFETY: takes numbers only. The PID is that of a child that nobody has reaped: see `reap`.
        unsafe { libc::kill(guard, libc::SIGKILL) };
        let mut pause = FIRST_PAUSE;
        for _ in 0..LOOKS {
            // It runs as long as there is nothing to reap.
            if reap(guard, libc::WNOHANG).0 != 0 {
                break;
            }
            futex::pause(pause);
            pause = LONGEST_PAUSE.min(2 * pause);
        }
    }
}

/// Waits for the end of a child without an exit signal, which a wait(2) of the host without `__WALL` passes over.
/// Returns what waitpid(2) returns, and the status with which the child has exited.
fn reap(child: libc::pid_t, options: c_int) -> (libc::pid_t, Option<c_int>) {
    let mut status = 0;
    // SAFETY: `status` is writable for the whole call.
    let reaped = unsafe { libc::waitpid(child, &mut status, libc::__WALL | options) };
    let has_exited = reaped == child && libc::WIFEXITED(status);
    (reaped, has_exited.then(|| libc::WEXITSTATUS(status)))
}
