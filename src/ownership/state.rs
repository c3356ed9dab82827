//! What this process is to the file, and what its keeper is asked for: all that signal handlers and exit
//! paths touch.
//!
//! Who wants something of the keeper posts a bit and waits, with a bound, for the phase to change.
//! That is a handful of atomic operations and futex(2) calls, and so async-signal-safe throughout.
//!
//! After fork(2) the child has this memory and no keeper. It never acts for its parent, since every
//! path asks first whether it [`is_owner`], or a candidate with a keeper of its own.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::time::Duration;

use crate::sys::{self, futex};

/// The PID of the owner: compared with getpid() on every path, so that children of fork(2),
/// vfork(2) and clone(2) are bystanders without any hook.
static OWNER: AtomicI32 = AtomicI32::new(0);
static PHASE: AtomicU32 = AtomicU32::new(Phase::None as u32);
/// The number of the keeper's thread.
static KEEPER: AtomicI32 = AtomicI32::new(0);
/// Whether the keeper waits for requests.
static RESTS: AtomicBool = AtomicBool::new(false);
static REQUESTS: AtomicU32 = AtomicU32::new(0);
static THREADED: AtomicBool = AtomicBool::new(false);

/// What this process is to the file.
///
/// ```text
/// None ──► Starting ──► Kept ─► Releasing ──► Released
///             │  │        ├───────► Removing ────┤          (the keeper does not come round)
///             │  │        └─► Unattended ─► Removing         (threads stopped, or none)
///             │  ├─► NoFdTable ─► Unattended
///             │  └─► Refused
///             └─► Standby ─► Kept | Released                (a forked child)
/// ```
///
/// The keeper makes every transition but these: `None → Starting` and `→ Refused`, `→ Unattended` before main are the
/// host's first thread's, and `→ Removing → Released` the ending thread's. Who leaves `Kept` or `Unattended` for one of
/// the next two does it by compare-exchange ([`leave_for`]), so that one thread alone gives up the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Phase {
    None,
    /// The keeper is about to claim the file, or to open one that it may inherit.
    Starting,
    /// The keeper has no descriptor table of its own and waits for the file to be claimed without it.
    NoFdTable,
    Refused,
    /// The keeper has the file.
    Kept,
    /// The file is ours, but nobody holds a descriptor of it: whoever ends the process removes it.
    Unattended,
    /// One of several threads that end the process at once is removing the file.
    Removing,
    /// The file is not ours any more.
    Released,
    /// The file is another process's, and the keeper waits for its lock.
    Standby,
    /// The keeper is giving up the file, or passing it on.
    Releasing,
}

impl Phase {
    const ALL: [Self; 10] = [
        Self::None,
        Self::Starting,
        Self::NoFdTable,
        Self::Refused,
        Self::Kept,
        Self::Unattended,
        Self::Removing,
        Self::Released,
        Self::Standby,
        Self::Releasing,
    ];

    /// Only values of the enum are ever stored; another one could come of a stray write by the host.
    fn of(value: u32) -> Self {
        let known = Self::ALL.get(value as usize);
        known.copied().unwrap_or(Self::None)
    }
}

/// What the keeper is asked for: a set of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requests(u32);

impl Requests {
    /// Give up the file: the process ends by a signal.
    pub const FATAL_SIGNAL: Self = Self(1);
    /// The process ends of its own accord: give up the file, or pass it on.
    pub const EXIT: Self = Self(2);
    /// Something is at the path that needs more than a glance.
    pub const CHECK: Self = Self(4);
    /// The file was deleted, the host has been told.
    pub const DELETED: Self = Self(8);
    /// The main thread has left by pthread_exit(3), and a stand-in waits for the others.
    pub const MAIN_LEFT: Self = Self(16);
    /// The main thread has left without a stand-in: our threads have to go.
    pub const STOP_THREADS: Self = Self(32);
    /// The host changes its user or group.
    pub const CREDENTIALS: Self = Self(64);
    /// The main thread has ended, and libc does not know.
    pub const MAIN_ENDED: Self = Self(128);

    /// Whether one of `others` is among them.
    pub fn any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl std::ops::BitOr for Requests {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A word that the kernel sets to zero in every forked child (madvise(2), MADV_WIPEONFORK). The
/// PID alone does not tell: the first process of a PID namespace may fork the first one of another.
static ORIGINAL: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// Whether the calling process is the one whose PID is in the file.
pub fn is_owner() -> bool {
    // The system call comes last: no forked child makes it, which may be in a sandbox that knows no getpid(2).
    may_be_owner() && owner() == sys::getpid()
}

/// Returns whether this process has the memory of the owner: the owner itself, or a vfork child of it. Asks memory
/// only, no system call.
pub fn may_be_owner() -> bool {
    owner() != 0 && is_original()
}

fn is_original() -> bool {
    // SAFETY: null, or a mapping that is never removed.
    let word = unsafe { ORIGINAL.load(Ordering::SeqCst).as_ref() };
    word.is_none_or(|word| word.load(Ordering::SeqCst) != 0)
}

/// The owner, as far as this process knows; 0 for none.
pub fn owner() -> libc::pid_t {
    OWNER.load(Ordering::SeqCst)
}

/// Set in a process that stands by.
static CANDIDATE: AtomicI32 = AtomicI32::new(0);

/// Whether this process stands by for the file.
pub fn is_candidate() -> bool {
    let candidate = CANDIDATE.load(Ordering::SeqCst);
    candidate != 0 && candidate == sys::getpid()
}

/// This process stands by from now on, or does not.
pub fn set_candidate(it_is: bool) {
    CANDIDATE.store(if it_is { sys::getpid() } else { 0 }, Ordering::SeqCst);
}

/// From now on this process is the owner.
pub fn become_owner() {
    let mut word = ORIGINAL.load(Ordering::SeqCst);
    if word.is_null() {
        word = wiped_on_fork();
        ORIGINAL.store(word, Ordering::SeqCst);
    }
    // SAFETY: null, or a mapping that is never removed.
    if let Some(word) = unsafe { word.as_ref() } {
        word.store(1, Ordering::SeqCst);
    }
    OWNER.store(sys::getpid(), Ordering::SeqCst);
}

/// It is not the owner after all.
pub fn resign() {
    OWNER.store(0, Ordering::SeqCst);
}

fn wiped_on_fork() -> *mut AtomicU32 {
    let (size, none) = (size_of::<AtomicU32>(), std::ptr::null_mut());
    let (access, kind) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    // SAFETY: an anonymous mapping at a place of the kernel's choice, seen by nobody else yet.
    unsafe {
        let page = libc::mmap64(none, size, access, kind, -1, 0);
        if page == libc::MAP_FAILED {
            return none.cast();
        }
        // Linux 4.14. Without it the PID has to do.
        libc::madvise(page, size, libc::MADV_WIPEONFORK);
        page.cast()
    }
}

pub fn phase() -> Phase {
    Phase::of(PHASE.load(Ordering::SeqCst))
}

/// Whether the file is this process's, unless it has just been deleted.
pub fn has_file() -> bool {
    matches!(phase(), Phase::Kept | Phase::Unattended)
}

pub fn enter(phase: Phase) {
    PHASE.store(phase as u32, Ordering::SeqCst);
    futex::wake_all(&PHASE);
}

/// Leaves one phase for another, if it is still that one: of several who try, one succeeds.
pub fn leave_for(from: Phase, to: Phase) -> bool {
    let (from, to, order) = (from as u32, to as u32, Ordering::SeqCst);
    let left = PHASE.compare_exchange(from, to, order, order);
    futex::wake_all(&PHASE);
    left.is_ok()
}

/// Waits until the phase is another one.
pub fn wait_beyond(phase: Phase, bound: Duration) {
    futex::wait_until(&PHASE, bound, |now| now != phase as u32);
}

/// Waits until `done` holds for the phase; returns whether it did before `timeout`.
pub fn wait_for(timeout: Duration, done: impl Fn(Phase) -> bool) -> bool {
    futex::wait_until(&PHASE, timeout, |phase| done(Phase::of(phase)))
}

pub fn post(request: Requests) {
    REQUESTS.fetch_or(request.0, Ordering::SeqCst);
    futex::wake_all(&REQUESTS);
}

/// Takes what was posted, waiting for something for at most `bound`.
pub fn take_requests(bound: Duration) -> Requests {
    RESTS.store(true, Ordering::SeqCst);
    futex::wait_until(&REQUESTS, bound, |requests| requests != 0);
    RESTS.store(false, Ordering::SeqCst);
    Requests(REQUESTS.swap(0, Ordering::SeqCst))
}

/// Takes what was posted, waiting for something for as long as it takes. `wait` sleeps while the word is 0,
/// and returns true when the main thread has ended meanwhile.
pub fn await_requests(wait: impl Fn(&AtomicU32) -> bool) -> Requests {
    RESTS.store(true, Ordering::SeqCst);
    while REQUESTS.load(Ordering::SeqCst) == 0 {
        if wait(&REQUESTS) {
            REQUESTS.fetch_or(Requests::MAIN_ENDED.0, Ordering::SeqCst);
        }
    }
    RESTS.store(false, Ordering::SeqCst);
    Requests(REQUESTS.swap(0, Ordering::SeqCst))
}

/// Whether the keeper has nothing to do, or has not been given a processor since. Otherwise it is at work, and may be
/// stuck in a file system that does not answer.
pub fn keeper_rests() -> bool {
    RESTS.load(Ordering::SeqCst)
}

/// Whether something was posted that the keeper has not taken yet.
pub fn is_posted(request: Requests) -> bool {
    Requests(REQUESTS.load(Ordering::SeqCst)).any(request)
}

/// Whether the calling thread is the keeper.
pub fn is_keeper() -> bool {
    KEEPER.load(Ordering::SeqCst) == sys::gettid()
}

/// The calling thread is the keeper.
pub fn set_keeper() {
    KEEPER.store(sys::gettid(), Ordering::SeqCst);
}

/// Whether threads of ours count as the host's.
pub fn is_threaded() -> bool {
    THREADED.load(Ordering::SeqCst)
}

pub fn set_threaded() {
    THREADED.store(true, Ordering::SeqCst);
}

/// In a forked child, which is to have a keeper of its own: forgets what the parent's was told.
pub fn renew() {
    REQUESTS.store(0, Ordering::SeqCst);
    RESTS.store(false, Ordering::SeqCst);
    PHASE.store(Phase::Starting as u32, Ordering::SeqCst);
}
