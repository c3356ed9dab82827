//! The keeper: the one thread that owns the file.
//!
//! Everybody else posts to its [`crate::mailbox`]. The keeper and the thread that `notify` starts
//! share the file under a mutex that no thread of the host ever takes, so our own removal can never
//! be taken for a deletion: who looks holds the lock, and who removes has taken the file out of its
//! place first.

use std::cell::UnsafeCell;
use std::ffi::CString;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use crate::claim::{Lock, Refusal};
use crate::config::{Config, POLL, Watch};
use crate::mailbox::{self, phase, request};
use crate::paths::{Home, numbers_in};
use crate::pidfile::{PidFile, Sight};
use crate::watch::Watcher;
use crate::{
    credentials, last_thread, main_thread, own_hands, private_table, procfs, report, succession,
    sys, unattended,
};

/// How long a start waits for the keeper. Only a file system that hangs takes so long.
const START: Duration = Duration::from_secs(5);
/// The watch is armed so long after the start: a process that lives for milliseconds never pays
/// for it (closing an inotify instance takes the kernel up to 20 ms). A look after arming finds a
/// deletion that came before.
const ARMING: Duration = Duration::from_millis(10);
/// How long a file that has replaced ours may take to name a process: the host may be writing it.
const SETTLING: Duration = Duration::from_secs(2);
const SETTLING_LOOKS: Duration = Duration::from_millis(10);

/// Bytes of stack; std adds what the host's static TLS needs.
const STACK: usize = 64 * 1024;
/// Of the thread (pthread_setname_np(3)).
const NAME: &str = "libpidfile";

/// The file in phase `KEPT`.
static FILE: Place = Place(UnsafeCell::new(Mutex::new(None)));
/// The thread that is started for its stack alone; 0 once it has gone.
static SPARE: AtomicI32 = AtomicI32::new(0);
const SPARE_TO_COME: i32 = -1;

/// Why, in phase `REFUSED`.
static REFUSAL: Mutex<Option<Refusal>> = Mutex::new(None);

/// A mutex that a forked child can have anew: in its copy of the memory the parent's keeper may
/// hold the lock for ever.
struct Place(UnsafeCell<Mutex<Option<PidFile>>>);

// SAFETY: shared as a mutex is; see `renew` for the one exception.
unsafe impl Sync for Place {}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Option<PidFile>> {
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
            Self::Fresh => PidFile::claim(&config.path, lock),
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
    let keeper = thread::Builder::new().name(NAME.to_owned());
    keeper.stack_size(STACK).spawn(|| sys::guarded((), life))?;
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
fn wait_for_the_spare_to_go() {
    let end = sys::now() + START;
    loop {
        let spare = SPARE.load(Ordering::SeqCst);
        if spare == 0 || spare != SPARE_TO_COME && !sys::is_thread(spare) || sys::now() > end {
            return SPARE.store(0, Ordering::SeqCst);
        }
        sys::pause(succession::MOMENT);
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
        if let Some(file) = succession::wait_for_baton(config) {
            own_hands::note(&file);
            *FILE.lock() = Some(file);
            mailbox::become_owner();
            mailbox::enter(phase::KEPT);
            succession::taken();
            report::detail(
                config,
                &format!("names PID {} now: handed over", sys::getpid()),
            );
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
    mailbox::phase() == phase::STANDBY && last_thread::count().is_ok_and(|all| all == 2)
}

/// Whether a process has a keeper; where that cannot be seen, it has.
pub fn is_in(pid: libc::pid_t) -> bool {
    let threads = CString::new(format!("/proc/{pid}/task")).unwrap_or_default();
    let Ok(threads) = numbers_in(&threads) else {
        return true;
    };
    let name_of = |thread| fs::read(format!("/proc/{pid}/task/{thread}/comm"));
    let mut names = threads.into_iter().flat_map(name_of);
    names.any(|name| name.trim_ascii_end() == NAME.as_bytes())
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
            terminate(config);
            mailbox::enter(phase::GONE);
        }
        Err(refusal) => {
            *lock(&REFUSAL) = Some(refusal);
            return mailbox::enter(phase::REFUSED);
        }
    }
    Attendance::new(config).run();
}

/// What the keeper has to think of while it owns the file.
struct Attendance {
    config: &'static Config,
    armed: bool,
    watcher: Option<Watcher>,
    /// Between two looks, where events cannot be relied on.
    interval: Option<Duration>,
    /// Until when something unfinished at the path is given time.
    settling: Option<Duration>,
    /// When SIGKILL is due.
    kill: Option<Duration>,
    /// Whether the main thread has left.
    counting: bool,
    /// Whether it has ended without a word. The others may go on for long.
    leaderless: bool,
}

impl Attendance {
    fn new(config: &'static Config) -> Self {
        Self {
            config,
            armed: false,
            watcher: None,
            interval: None,
            settling: None,
            kill: None,
            counting: false,
            leaderless: false,
        }
    }

    fn run(mut self) {
        loop {
            let requests = mailbox::take_requests(self.bound());
            if requests & (request::RELEASE | request::LEAVE) != 0 {
                self.give_up(requests & request::RELEASE == 0);
            }
            if requests & request::DISSOLVE != 0 {
                return self.dissolve();
            }
            if requests & request::CREDENTIALS != 0 {
                credentials::answer(|| self.host_is_alone(), || self.rouse_watcher());
            }
            self.leaderless |= requests & request::MAIN_ENDED != 0;
            if self.leaderless && self.only_we_are_left() {
                self.give_up(false);
                main_thread::end_likewise();
                return self.dissolve();
            }
            self.counting |= requests & request::MAIN_LEFT != 0;
            if self.counting && last_thread::check(self.threads()).is_err() {
                return self.dissolve();
            }
            if requests & request::DELETED != 0 {
                self.kill = self.config.kill_after.map(|after| sys::now() + after);
            }
            if !self.armed {
                self.armed = true;
                self.arm();
            }
            self.look();
            if self.kill.is_some_and(|when| sys::now() >= when) {
                self.kill = None;
                report::killed(self.config);
                send(libc::SIGKILL);
            }
        }
    }

    /// How long to sleep at most: for ever, while nothing is expected.
    fn bound(&self) -> Option<Duration> {
        let arming = (!self.armed).then_some(ARMING);
        let settling = self.settling.map(|_| SETTLING_LOOKS);
        let kill = self.kill.map(|when| when.saturating_sub(sys::now()));
        let counting = (self.counting || self.leaderless).then_some(last_thread::COUNTING);
        let bounds = [arming, self.interval, settling, kill, counting];
        bounds.into_iter().flatten().min()
    }

    /// The process ends; of its own accord, if `orderly`: then the file may pass to an heir.
    fn give_up(&mut self, orderly: bool) {
        if let Some(file) = FILE.lock().take() {
            if orderly && let Some(heir) = succession::pass_on(&file) {
                report::detail(self.config, &format!("handed over to PID {heir}"));
            } else {
                report::detail(self.config, file.remove().in_words());
            }
        }
        mailbox::enter(phase::GONE);
    }

    /// The keeper, the stand-in, and the thread of `notify`.
    fn threads(&self) -> usize {
        2 + usize::from(self.watcher.is_some())
    }

    /// Whether the host has but its main thread.
    fn host_is_alone(&self) -> bool {
        wait_for_the_spare_to_go();
        let ours = 1 + usize::from(self.watcher.is_some());
        last_thread::count().is_ok_and(|all| all == 1 + ours)
    }

    /// Whether all that is left of the host is its main thread, which has ended.
    fn only_we_are_left(&self) -> bool {
        !self.counting && self.host_is_alone()
    }

    /// Makes the thread of `notify` see an event; tells whether there is such a thread.
    fn rouse_watcher(&self) -> bool {
        self.watcher.is_some() && FILE.lock().as_ref().is_some_and(PidFile::touch)
    }

    /// Ends our threads, so that the host's last one is the last. The file is then removed by
    /// whoever ends the process; its lock goes, and nothing watches it.
    fn dissolve(self) {
        match FILE.lock().take() {
            Some(file) => unattended::set(self.config, file.unattended()),
            None => mailbox::enter(phase::GONE),
        }
        if let Some(watcher) = self.watcher {
            watcher.stop();
        }
    }

    fn arm(&mut self) {
        let file = FILE.lock();
        let Some((path, remote)) = file
            .as_ref()
            .map(|file| (file.path().to_owned(), file.is_remote()))
        else {
            return;
        };
        drop(file);
        let config = self.config;
        if let Watch::Poll(interval) = config.watch {
            self.interval = Some(interval);
            return;
        }
        // Its stack is what the thread of `notify` is to have: see `spawn`.
        wait_for_the_spare_to_go();
        match Watcher::arm(&mut self.watcher, &path, move || glance(config)) {
            // Changes made elsewhere send no events here.
            Ok(()) if remote => {
                self.interval = Some(POLL);
                let why = "is polled too: the file system may be changed from elsewhere";
                report::detail(config, why);
            }
            Ok(()) => self.interval = None,
            // It has gone before it could be watched: the look that follows says so.
            Err(_) if !self.is_present() => self.interval = Some(POLL),
            Err(why) if config.watch == Watch::Inotify => {
                self.interval = None;
                report::problem(config, &format!("is not watched: {why}"));
            }
            Err(why) => {
                self.interval = Some(POLL);
                report::detail(config, &format!("is watched by polling: {why}"));
            }
        }
    }

    fn is_present(&self) -> bool {
        let place = FILE.lock();
        place
            .as_ref()
            .is_some_and(|file| file.look() == Sight::Present)
    }

    /// Looks at the file, and does what follows.
    fn look(&mut self) {
        let mut place = FILE.lock();
        let Some(file) = place.as_mut() else {
            // Nothing is ours any more, so nothing is to be looked for.
            self.interval = None;
            self.settling = None;
            return;
        };
        match file.look() {
            Sight::Present => self.settling = None,
            Sight::Deleted if !own_hands::has_removed() => {
                *place = None;
                terminate_at_once(self.config, &place);
            }
            Sight::Deleted | Sight::Replaced => match file.adopt() {
                Ok(()) => {
                    own_hands::note(file);
                    self.settling = None;
                    drop(place);
                    self.arm();
                    // It may have gone again before the watch was on it.
                    mailbox::post(request::LOOK);
                }
                Err(pid) => {
                    let until = *self.settling.get_or_insert(sys::now() + SETTLING);
                    let other = pid.filter(|pid| procfs::is_alive(*pid));
                    if other.is_some() || sys::now() >= until {
                        *place = None;
                        self.lose(other);
                    }
                }
            },
        }
    }

    /// Somebody else's file is there now, or the host has removed its own for good.
    fn lose(&self, other: Option<libc::pid_t>) {
        if own_hands::has_removed() {
            report::detail(self.config, "was removed by the program itself");
        } else if let Some(pid) = other {
            report::problem(
                self.config,
                &format!("names PID {pid} now; it is left alone"),
            );
        } else {
            report::problem(
                self.config,
                "was replaced by another file; it is left alone",
            );
        }
    }
}

/// What happens on an event, in the thread of `notify`: from there to the signal are no further
/// context switches. All but a plain deletion is left to the keeper.
fn glance(config: &Config) {
    credentials::follow();
    let mut place = FILE.lock();
    match place.as_ref().map(PidFile::look) {
        None | Some(Sight::Present) => {}
        Some(Sight::Deleted) if !own_hands::has_removed() => {
            *place = None;
            terminate_at_once(config, &place);
        }
        Some(Sight::Deleted | Sight::Replaced) => mailbox::post(request::LOOK),
    }
}

/// The file was deleted: the host is asked to end.
pub fn terminate(config: &Config) {
    report::deleted(config);
    send(config.signal);
    expect_end(config);
}

/// The same for who holds the lock of the file. The signal does not wait for the message to be
/// delivered: an end that we see waits for the keeper, and the keeper for the lock, so the message
/// is not lost. Nothing waits after SIGKILL.
fn terminate_at_once(config: &Config, _: &MutexGuard<'_, Option<PidFile>>) {
    if config.signal == libc::SIGKILL {
        return terminate(config);
    }
    send(config.signal);
    report::deleted(config);
    expect_end(config);
}

fn expect_end(config: &Config) {
    if config.kill_after.is_some() {
        mailbox::post(request::DELETED);
    }
}

/// To the process, never by raise(3): that would be our own thread, in which all is blocked.
pub fn send(signal: i32) {
    // SAFETY: the host's own PID.
    unsafe { libc::kill(sys::getpid(), signal) };
}
