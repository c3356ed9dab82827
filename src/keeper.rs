//! The keeper: the one thread that owns the file.
//!
//! Everybody else posts to its [`crate::mailbox`]. The keeper and the thread that `notify` starts
//! share the file under a mutex that no thread of the host ever takes, so our own removal can never
//! be taken for a deletion: who looks holds the lock, and who removes has taken the file out of its
//! place first.

use std::cell::UnsafeCell;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::attendance::Attendance;
use crate::mailbox::{self, phase};
use crate::pidfile::PidFile;
use crate::pidfile::acquire::{Lock, Refusal};
use crate::pidfile::location::Home;
use crate::settings::Watch;
use crate::settings::config::Config;
use crate::sys::{self, clock, futex, guard::guarded, procfs};
use crate::{credentials, deletion, handover, own_hands, private_table, report, unattended};

/// How long a start waits for the keeper. Only a file system that hangs takes so long.
const START: Duration = Duration::from_secs(5);

/// Bytes of stack; std adds what the host's static TLS needs.
const STACK: usize = 64 * 1024;

/// The file in phase `KEPT`.
pub static FILE: Place = Place(UnsafeCell::new(Mutex::new(None)));
/// The thread that is started for its stack alone; 0 once it has gone.
static SPARE: AtomicI32 = AtomicI32::new(0);
const SPARE_TO_COME: i32 = -1;

/// Why, in phase `REFUSED`.
static REFUSAL: Mutex<Option<Refusal>> = Mutex::new(None);

/// A mutex that a forked child can have anew: in its copy of the memory the parent's keeper may
/// hold the lock for ever.
pub struct Place(UnsafeCell<Mutex<Option<PidFile>>>);

// SAFETY: shared as a mutex is; see `renew` for the one exception.
unsafe impl Sync for Place {}

impl Place {
    pub fn lock(&self) -> MutexGuard<'_, Option<PidFile>> {
        // SAFETY: replaced only where no other thread can be here.
        lock(unsafe { &*self.0.get() })
    }

    /// # Safety
    ///
    /// The process was just forked, and this is its only thread. What the mutex held is not
    /// dropped: its descriptor's number means something else here, or nothing.
    unsafe fn renew(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.get().write(Mutex::new(None)) };
    }
}

/// How the file comes to us.
#[derive(Clone, Copy)]
pub enum Claim {
    /// Nobody has it, or a dead process.
    Fresh,
    /// This process had it before it called exec(2), and had put it there.
    Resume(Home),
}

impl Claim {
    pub fn make(self, config: &Config, lock: Lock) -> Result<PidFile, Refusal> {
        match self {
            Self::Fresh => PidFile::claim(&config.path, lock, &|id| {
                crate::guard::start_for(config, id)
            }),
            Self::Resume(home) => PidFile::resume(&config.path, lock, home),
        }
    }
}

/// Claims the file and has it kept. On success it names this process before this returns.
///
/// # Errors
///
/// Why the file is not ours.
pub fn start(config: &'static Config, claim: Claim) -> Result<(), Refusal> {
    mailbox::become_owner();
    own_hands::note_path(&config.path);
    let outcome = if config.watch == Watch::Off {
        unattended::claim(config, claim)
    } else {
        start_thread(config, claim)
    };
    if outcome.is_err() {
        mailbox::resign();
        mailbox::enter(phase::REFUSED);
    }
    outcome
}

fn start_thread(config: &'static Config, claim: Claim) -> Result<(), Refusal> {
    mailbox::enter(phase::STARTING);
    if let Err(error) = spawn(move || keep(config, claim)) {
        report::problem(config, &format!("is not watched: no thread: {error}"));
        return unattended::claim(config, claim);
    }
    mailbox::wait_beyond(phase::STARTING, START);
    match mailbox::phase() {
        phase::HOMELESS => {
            let why = "no private descriptor table: watched by polling, without a lock";
            report::problem(config, why);
            unattended::claim(config, claim)
        }
        phase::REFUSED => Err(lock(&REFUSAL).take().unwrap_or(Refusal::Lost)),
        phase::STARTING => {
            // The keeper may still come round; until then the host does not wait for it.
            report::problem(config, "the file system does not answer");
            Ok(())
        }
        _ => Ok(()),
    }
}

fn spawn(life: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let keeper = thread::Builder::new().name(procfs::KEEPER.to_owned());
    keeper.stack_size(STACK).spawn(|| guarded((), life))?;
    mailbox::set_threaded();
    // glibc keeps the stacks of threads that have ended, with what it has allocated for their TLS,
    // and gives the next thread such a one. Without this one the keeper itself would have to
    // allocate when `notify` starts its thread, and would open an arena of the host's malloc for it:
    // 64 MiB of address space. It costs no time, since the keeper is at work meanwhile.
    SPARE.store(SPARE_TO_COME, Ordering::SeqCst);
    let spare = || SPARE.store(sys::gettid(), Ordering::SeqCst);
    if thread::Builder::new()
        .stack_size(STACK)
        .spawn(spare)
        .is_err()
    {
        SPARE.store(0, Ordering::SeqCst);
    }
    Ok(())
}

/// Waits until that thread is gone: until then it counts as one of the host's, and has its stack.
pub fn wait_for_the_spare_to_go() {
    let end = clock::now() + START;
    loop {
        let spare = SPARE.load(Ordering::SeqCst);
        if spare == 0 || spare != SPARE_TO_COME && !sys::is_thread(spare) || clock::now() > end {
            return SPARE.store(0, Ordering::SeqCst);
        }
        futex::pause(futex::POLL_INTERVAL);
    }
}

/// In a forked child, or after exec(2): stands by for a file that another process owns. Returns
/// when the file is open, since soon the host may have given up the right to open it.
///
/// # Errors
///
/// If there can be no keeper.
pub fn stand_by(config: &'static Config) -> io::Result<()> {
    // SAFETY: called in the only thread of a new process.
    unsafe { FILE.renew() };
    mailbox::renew();
    spawn(move || {
        if let Some(file) = handover::receive::wait_for_baton(config) {
            own_hands::note(&file);
            *FILE.lock() = Some(file);
            mailbox::become_owner();
            mailbox::enter(phase::KEPT);
            handover::receive::taken();
            report::detail(
                config,
                &format!("names PID {} now: handed over", sys::getpid()),
            );
            credentials::catch_up();
            Attendance::new(config).run();
        } else {
            mailbox::enter(phase::GONE);
        }
    })?;
    mailbox::wait_beyond(phase::STARTING, START);
    if mailbox::phase() == phase::STANDBY || mailbox::phase() == phase::KEPT {
        let heir = sys::getpid();
        report::detail(
            config,
            &format!("may pass to PID {heir}, which waits for it"),
        );
        Ok(())
    } else {
        Err(io::ErrorKind::Other.into())
    }
}

/// Whether this process has one thread beside its keeper, which waits for the lock.
pub fn waits_beside_one_thread() -> bool {
    wait_for_the_spare_to_go();
    mailbox::phase() == phase::STANDBY && procfs::thread_count().is_ok_and(|all| all == 2)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of ours elsewhere does not make the file less ours.
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The keeper's life.
fn keep(config: &'static Config, claim: Claim) {
    if private_table::enter().is_err() {
        mailbox::enter(phase::HOMELESS);
        mailbox::wait_beyond(phase::HOMELESS, START);
        return unattended::poll(config);
    }
    match claim.make(config, Lock::Kept) {
        Ok(file) => {
            own_hands::note(&file);
            *FILE.lock() = Some(file);
            mailbox::enter(phase::KEPT);
        }
        Err(Refusal::Deleted) => {
            // First: the host's first thread takes no signals before main.
            deletion::terminate(config);
            mailbox::enter(phase::GONE);
        }
        Err(refusal) => {
            *lock(&REFUSAL) = Some(refusal);
            return mailbox::enter(phase::REFUSED);
        }
    }
    Attendance::new(config).run();
}
