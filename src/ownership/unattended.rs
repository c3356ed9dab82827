//! The file without a keeper: no thread, or none that may have descriptors of its own.
//!
//! Nobody holds the lock then. The thread that ends the process removes the file itself.

use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::guard;
use crate::ownership::host_file;
use crate::ownership::owned_file::Claim;
use crate::ownership::removal;
use crate::ownership::state::{self, Phase, Requests};
use crate::ownership::terminate;
use crate::pidfile::acquire::Lock;
use crate::pidfile::refusal::Refusal;
use crate::pidfile::{PidFile, Sight};
use crate::report::{self, Prepared};
use crate::settings::config::Config;
use crate::settings::{POLL, Watch};

/// How long a thread waits for another one that is removing the file.
const REMOVING: Duration = Duration::from_secs(2);

static FILE: OnceCell<PidFile> = OnceCell::new();
/// The end may come in a signal handler.
static LAST_WORDS: OnceCell<Prepared> = OnceCell::new();

/// Claims the file in the calling thread.
///
/// # Errors
///
/// Why the file is not ours.
pub fn claim(config: &Config, claim: Claim) -> Result<(), Refusal> {
    match claim.make(config, Lock::Dropped) {
        Ok(file) => {
            host_file::note(&file);
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

/// From now on nobody attends to the file.
pub fn set(config: &Config, file: PidFile) {
    if let Some(last_words) = Prepared::new(config) {
        let _ = LAST_WORDS.set(last_words);
    }
    if FILE.set(file).is_ok() {
        state::enter(Phase::Unattended);
    }
}

/// Removes the file. Of several threads that end the process at once one does, and the others wait
/// for it, with a bound.
///
/// Async-signal-safe.
pub fn remove() {
    if state::leave_for(Phase::Unattended, Phase::Removing) {
        let fate = removal::remove();
        guard::stop();
        if let Some(last_words) = LAST_WORDS.get() {
            last_words.say(fate.in_words());
        }
        state::enter(Phase::Released);
    } else {
        state::wait_beyond(Phase::Removing, REMOVING);
    }
}

/// The life of a keeper that has no descriptor table of its own: nothing may be opened, so there is
/// only the path to look at.
pub fn poll(config: &Config) {
    let interval = match config.watch {
        Watch::Poll(interval) => interval,
        _ => POLL,
    };
    while state::phase() == Phase::Unattended {
        let Some(file) = FILE.get() else { return };
        if file.look() == Sight::Deleted
            && !host_file::has_removed()
            && state::leave_for(Phase::Unattended, Phase::Released)
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

fn wait(time: Duration) -> Requests {
    state::take_requests(time)
}
