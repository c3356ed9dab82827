//! The file without a keeper: no thread, or none that may have descriptors of its own.
//!
//! Nobody holds the lock then. The thread that ends the process removes the file itself.

use std::time::Duration;

use once_cell::sync::OnceCell;

use crate::deletion;
use crate::keeper::Claim;
use crate::mailbox::{self, phase, request};
use crate::own_hands;
use crate::pidfile::acquire::{Lock, Refusal};
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
            own_hands::note(&file);
            set(config, file);
            Ok(())
        }
        Err(Refusal::Deleted) => {
            mailbox::enter(phase::GONE);
            deletion::terminate(config);
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
        mailbox::enter(phase::UNATTENDED);
    }
}

/// Removes the file. Of several threads that end the process at once one does, and the others wait
/// for it, with a bound.
///
/// Async-signal-safe.
pub fn remove() {
    if mailbox::leave_for(phase::UNATTENDED, phase::REMOVING) {
        if let Some(file) = FILE.get() {
            let fate = file.remove();
            if let Some(last_words) = LAST_WORDS.get() {
                last_words.say(fate.in_words());
            }
        }
        mailbox::enter(phase::GONE);
    } else {
        mailbox::wait_beyond(phase::REMOVING, REMOVING);
    }
}

/// The life of a keeper that has no descriptor table of its own: nothing may be opened, so there is
/// only the path to look at.
pub fn poll(config: &Config) {
    let interval = match config.watch {
        Watch::Poll(interval) => interval,
        _ => POLL,
    };
    while mailbox::phase() == phase::UNATTENDED {
        let Some(file) = FILE.get() else { return };
        if file.look() == Sight::Deleted
            && !own_hands::has_removed()
            && mailbox::leave_for(phase::UNATTENDED, phase::GONE)
        {
            deletion::terminate(config);
            if let Some(after) = config.kill_after {
                wait(after);
                report::killed(config);
                deletion::kill_host(libc::SIGKILL);
            }
            return;
        }
        if wait(interval) & (request::MAIN_LEFT | request::DISSOLVE) != 0 {
            return;
        }
    }
}

fn wait(time: Duration) -> u32 {
    mailbox::take_requests(Some(time)) & !request::DELETED
}
