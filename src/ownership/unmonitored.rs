//! Claims and removes an unmonitored file: with `PIDFILE_WATCH=off`, or where no thread of ours may have descriptors of
//! its own.
//!
//! Nobody has a descriptor of the file then, and so nobody has its lock. The thread that ends the process removes it.

use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::guard;
use crate::ownership::host_file;
use crate::ownership::owned_file::Claim;
use crate::ownership::removal;
use crate::ownership::state::{self, Phase, Requests};
use crate::ownership::terminate;
use crate::pidfile::PidFile;
use crate::pidfile::acquire::Lock;
use crate::pidfile::refusal::Refusal;
use crate::pidfile::status::FileStatus;
use crate::report::{self, PreformattedMessage};
use crate::settings::config::Config;
use crate::settings::{POLL, Watch};

/// How long a thread that ends the process waits for another one that is removing the file. Then it ends the process all
/// the same: the file system does not answer.
const REMOVING: Duration = Duration::from_secs(1);

/// The file, since phase [`Phase::Unmonitored`].
static UNMONITORED_FILE: OnceCell<PidFile> = OnceCell::new();
/// The message at the end, which may have to be sent by a signal handler.
static EXIT_MESSAGE: OnceCell<PreformattedMessage> = OnceCell::new();

/// Claims the file in the calling thread.
///
/// # Errors
///
/// Why the file is not ours.
pub fn claim(config: &Config, claim: Claim) -> Result<(), Refusal> {
    match claim.make(config, Lock::Dropped) {
        Ok(file) => {
            host_file::set_file(&file);
            set(config, file);
            Ok(())
        }
        Err(Refusal::Deleted) => {
            state::enter(Phase::Released);
            terminate::terminate(config);
            Ok(())
        }
        Err(refusal) => Err(refusal),
    }
}

/// Leaves the file unmonitored from now on.
pub fn set(config: &Config, file: PidFile) {
    if let Some(message) = PreformattedMessage::new(config) {
        let _ = EXIT_MESSAGE.set(message);
    }
    if UNMONITORED_FILE.set(file).is_ok() {
        state::enter(Phase::Unmonitored);
    }
}

/// Removes the file. Of several threads that end the process at the same time one does that; the others wait for it, at
/// most for `REMOVING`.
///
/// Context: signal handler | exit path. Async-signal-safe.
pub fn remove() {
    if state::leave_for(Phase::Unmonitored, Phase::Removing) {
        let outcome = removal::remove();
        guard::stop();
        if let Some(message) = EXIT_MESSAGE.get() {
            message.say(outcome.in_words());
        }
        state::enter(Phase::Released);
    } else {
        state::wait_beyond(Phase::Removing, REMOVING);
    }
}

/// Watches an unmonitored file by its path, until it is deleted or the keeper has to end. Nothing may be opened, because
/// the thread has the host's descriptor table.
///
/// Context: keeper without a descriptor table of its own.
pub fn poll(config: &Config) {
    let interval = match config.watch {
        Watch::Poll(interval) => interval,
        _ => POLL,
    };
    while state::phase() == Phase::Unmonitored {
        let Some(file) = UNMONITORED_FILE.get() else {
            return;
        };
        if file.look() == FileStatus::Deleted
            && !host_file::has_removed()
            && state::leave_for(Phase::Unmonitored, Phase::Released)
        {
            terminate::terminate(config);
            if let Some(after) = config.kill_after {
                wait(after);
                report::killed(config);
                terminate::kill_host(libc::SIGKILL);
            }
            return;
        }
        if wait(interval).any(Requests::MAIN_LEFT | Requests::STOP_THREADS) {
            return;
        }
    }
}

/// Waits for a request, at most for `time`.
fn wait(time: Duration) -> Requests {
    state::take_requests(time)
}
