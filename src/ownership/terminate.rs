//! The file was deleted: the host is asked to end.

use std::ffi::c_int;
use std::sync::MutexGuard;

use crate::ownership::state::{self, Requests};
use crate::pidfile::PidFile;
use crate::report;
use crate::settings::config::Config;
use crate::sys;

/// The file was deleted: the host is asked to end.
pub fn terminate(config: &Config) {
    report::deleted(config);
    kill_host(config.signal);
    expect_end(config);
}

/// The same for who holds the lock of the file. The signal does not wait for the message to be
/// delivered: an end that we see waits for the keeper, and the keeper for the lock, so the message
/// is not lost. Nothing waits after SIGKILL.
pub fn terminate_at_once(config: &Config, _: &MutexGuard<'_, Option<PidFile>>) {
    if config.signal == libc::SIGKILL {
        return terminate(config);
    }
    kill_host(config.signal);
    report::deleted(config);
    expect_end(config);
}

fn expect_end(config: &Config) {
    if config.kill_after.is_some() {
        state::post(Requests::DELETED);
    }
}

/// To the process, never by raise(3): that would be our own thread, in which all is blocked.
pub fn kill_host(signal: c_int) {
    // SAFETY: the host's own PID.
    unsafe { libc::kill(sys::getpid(), signal) };
}
