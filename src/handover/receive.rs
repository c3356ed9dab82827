//! The side of a process that stands by.

use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crate::isolation::fd_table;
use crate::ownership::host_file;
use crate::ownership::shared::{AT_ONCE, page};
use crate::ownership::state::{self, Phase};
use crate::ownership::terminate;
use crate::pidfile::content::names_us_at;
use crate::pidfile::standby::{Baton, Found};
use crate::pidfile::{PidFile, Sight};
use crate::settings::config::Config;
use crate::settings::exec_state::{self, Role};
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, futex, procfs};

/// How long an owner may take to notice that its heir has ended.
const TAKING_BACK: Duration = Duration::from_millis(300);

/// Set in one that stood by before exec(2) already.
static RESUMED: AtomicI32 = AtomicI32::new(0);

/// After exec(2): this process was a candidate before.
pub fn note_exec() {
    RESUMED.store(sys::getpid(), Ordering::SeqCst);
}

/// A process ends. If it is a candidate it is not one any more; whether the owner is just passing the
/// file on to it, so that it has to wait until it has it.
///
/// Async-signal-safe.
pub fn withdraw() -> bool {
    let pid = sys::getpid();
    let Some(page) = page().filter(|_| state::is_candidate()) else {
        return false;
    };
    page.forget(pid);
    page.offered.load(Ordering::SeqCst) == pid || has_called_exec() && is_named()
}

/// Whether this process was a candidate before exec(2): then it shares no page with the owner.
fn has_called_exec() -> bool {
    RESUMED.load(Ordering::SeqCst) == sys::getpid()
}

/// Whether the owner has begun to pass the file on to this process.
fn is_named() -> bool {
    host_file::path().is_some_and(names_us_at)
}

/// The keeper of an heir that has the lock.
pub fn taken() {
    exec_state::take(Role::Owner);
    if let Some(page) = page() {
        page.forget(sys::getpid());
        page.taken.store(sys::getpid() as u32, Ordering::SeqCst);
        futex::wake_all_shared(&page.taken);
    }
}

/// The owner has found the file deleted when it was about to pass it on.
fn owner_has_found_it_deleted() -> bool {
    page().is_some_and(|page| page.deleted.load(Ordering::SeqCst) != 0)
}

/// The same for a candidate that came too late to open the file: its owner may be at its end.
fn owner_finds_it_deleted() -> bool {
    let start = clock::now();
    while procfs::is_running(state::owner()) && clock::now() - start < AT_ONCE {
        if owner_has_found_it_deleted() {
            return true;
        }
        futex::pause(POLL_INTERVAL);
    }
    owner_has_found_it_deleted()
}

/// The keeper of a candidate: opens the file and waits for its lock. Answers the file if it is
/// ours then, or nothing if it will never be.
pub fn wait_for_baton(config: &Config) -> Option<PidFile> {
    fd_table::enter().ok()?;
    let Some(baton) = Baton::open(&config.path) else {
        state::enter(Phase::Released);
        if owner_finds_it_deleted() {
            terminate::terminate(config);
        }
        return None;
    };
    state::enter(Phase::Standby);
    let mut pause = 10 * POLL_INTERVAL;
    let mut stale = None;
    loop {
        match baton.wait().ok()? {
            Found::Ours => return Some(baton.take()),
            // It was let go for somebody else, or for an instant: by exec(2), or by one who tried.
            Found::Others => {
                baton.let_go();
                futex::pause(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            // An owner that is passing it on finds that its heir has ended, and takes it back; but
            // if the owner was killed, nobody else will take the file away.
            Found::Stale => {
                let since = *stale.get_or_insert(clock::now());
                if clock::now().saturating_sub(since) > TAKING_BACK {
                    baton.take().remove_stale();
                    return None;
                }
                baton.let_go();
                futex::pause(5 * POLL_INTERVAL);
            }
            Found::Removed => {
                // By the owner, or by one who has taken over the file of an owner that was killed:
                // then this process goes on without a file. Or this host has put one of its own in
                // its place. That it was deleted only the owner knows, as long as it names the owner.
                let mut file = baton.take();
                if file.look_patiently() == Sight::Replaced && file.adopt().is_ok() {
                    return Some(file);
                }
                let sight = file.look_patiently();
                let has_named_us =
                    file.names_us() && sight == Sight::Deleted && !host_file::has_removed();
                if has_named_us || owner_has_found_it_deleted() {
                    terminate::terminate(config);
                }
                return None;
            }
        }
    }
}
