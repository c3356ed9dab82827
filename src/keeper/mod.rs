//! Starts and runs the keeper, the one thread that owns the file.
//!
//! Everybody else posts to its [`crate::ownership::state`]. The keeper and the thread that `notify` starts share the file
//! under a mutex that no thread of the host ever takes. A thread that looks holds the mutex. A thread that removes the
//! file has first taken it out of the mutex. So our own removal is never taken for a deletion.

pub mod credentials;
mod event_loop;
mod file_check;
mod file_watch;
mod threads;
mod watcher;

use std::sync::{Mutex, MutexGuard};

use crate::isolation::fd_table;
use crate::isolation::stacks;
use crate::ownership::host_file;
use crate::ownership::owned_file::{Claim, OWNED_FILE};
use crate::ownership::state::{self, Phase};
use crate::ownership::{terminate, unmonitored};
use crate::pidfile::Remark;
use crate::pidfile::acquire::Lock;
use crate::pidfile::refusal::Refusal;
use crate::settings::Watch;
use crate::settings::config::Config;
use crate::sys::{self, Errno, entry::guarded, procfs};
use crate::{handover, report};

use credentials::following;
use event_loop::EventLoop;
use threads::{START_TIMEOUT, spawn, wait_for_start, wait_until_alone};

/// Why, in phase `Refused`.
static REFUSAL: Mutex<Option<Refusal>> = Mutex::new(None);

/// Claims the file and has it kept. On success it names this process before this returns. `prepare` is called before anybody
/// can see the file, in the thread that claims it.
///
/// # Errors
///
/// Why the file is not ours.
pub fn start(
    config: &'static Config,
    claim: Claim,
    prepare: impl Fn() + Send + Copy + 'static,
) -> Result<(), Refusal> {
    state::become_owner();
    host_file::set_path(&config.path);
    let outcome = if config.watch == Watch::Off {
        let mut outcome = Err(Refusal::Lost);
        // SAFETY: before main, in a process that will have no keeper.
        unsafe {
            stacks::run_on_keepers_stack(|| {
                outcome = guarded(Err(Refusal::Lost), || {
                    prepare();
                    unmonitored::claim(config, claim)
                });
            });
        }
        outcome
    } else {
        start_thread(config, claim, prepare)
    };
    if outcome.is_err() {
        state::resign();
        state::enter(Phase::Refused);
    }
    outcome
}

fn start_thread(
    config: &'static Config,
    claim: Claim,
    prepare: impl Fn() + Send + Copy + 'static,
) -> Result<(), Refusal> {
    state::enter(Phase::Starting);
    if let Err(error) = spawn(config.watch, move || keep(config, claim, prepare)) {
        report::problem(config, &format!("is not watched: no thread: {error}"));
        prepare();
        return unmonitored::claim(config, claim);
    }
    wait_for_start();
    match state::phase() {
        Phase::NoFdTable => {
            let why = "no private descriptor table: watched by polling, without a lock";
            report::problem(config, why);
            prepare();
            unmonitored::claim(config, claim)
        }
        Phase::Refused => {
            wait_until_alone();
            Err(lock(&REFUSAL).take().unwrap_or(Refusal::Lost))
        }
        Phase::Starting => {
            // The keeper may still come round; until then the host does not wait for it.
            report::problem(config, "the file system does not answer");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Stands by for a file that another process owns. Returns when the file is open, since soon the host may have given up the
/// right to open it.
///
/// Context: forked child; host thread before main, after exec(2).
///
/// # Errors
///
/// If there can be no keeper.
pub fn stand_by(config: &'static Config) -> Result<(), Errno> {
    // SAFETY: called in the only thread of a new process.
    unsafe { OWNED_FILE.renew() };
    host_file::renew();
    state::renew();
    following::renew();
    procfs::renew();
    spawn(config.watch, move || {
        if let Some(inheritance) = handover::receive::wait(config) {
            let (file, owner) = inheritance.into_parts();
            host_file::set_file(&file);
            *OWNED_FILE.lock() = Some(file);
            state::become_owner();
            state::enter(Phase::Kept);
            following::inherit();
            handover::receive::acknowledge(owner.as_ref());
            drop(owner);
            report::detail(
                config,
                &format!("names PID {} now: handed over", sys::getpid()),
            );
            EventLoop::new(config).run();
        } else {
            state::enter(Phase::Released);
        }
    })?;
    wait_for_start();
    if state::phase() == Phase::Standby || state::phase() == Phase::Kept {
        let successor = sys::getpid();
        report::detail(
            config,
            &format!("may pass to PID {successor}, which waits for it"),
        );
        Ok(())
    } else {
        Err(Errno(libc::ENOENT))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of ours elsewhere does not make the file less ours.
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Claims the file, and runs until the process ends or the keeper has to.
fn keep(config: &'static Config, claim: Claim, prepare: impl Fn()) {
    if fd_table::enter().is_err() {
        state::enter(Phase::NoFdTable);
        state::wait_beyond(Phase::NoFdTable, START_TIMEOUT);
        return unmonitored::poll(config);
    }
    prepare();
    match claim.make(config, Lock::Kept) {
        Ok(mut file) => {
            let remark = file.remark.take();
            host_file::set_file(&file);
            *OWNED_FILE.lock() = Some(file);
            match remark {
                Some(Remark::TakenOver(pid)) => report::problem(
                    config,
                    &format!("named PID {pid}, which runs, but is not known to own it: taken over"),
                ),
                Some(Remark::Event(what)) => report::detail(config, what),
                None => {}
            }
            state::enter(Phase::Kept);
        }
        Err(Refusal::Deleted) => {
            // First: the host's first thread takes no signals before main.
            terminate::terminate(config);
            state::enter(Phase::Released);
        }
        Err(refusal) => {
            *lock(&REFUSAL) = Some(refusal);
            return state::enter(Phase::Refused);
        }
    }
    EventLoop::new(config).run();
}
