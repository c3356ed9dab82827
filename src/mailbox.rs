//! The keeper's mailbox: all that signal handlers and exit paths touch.
//!
//! Who wants something of the keeper posts a bit and waits, with a bound, for the phase to change.
//! That is a handful of atomic operations and futex(2) calls, and so async-signal-safe throughout.
//!
//! After fork(2) the child has this memory and no keeper. It never acts for its parent, since every
//! path asks first whether it [`is_owner`], or a candidate with a keeper of its own.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::time::Duration;

use crate::main_thread;
use crate::sys::{self, futex};

/// How long an ending waits for the keeper.
const RELEASE: Duration = Duration::from_secs(2);
/// The same where the file may pass to an heir, which has to be waited for.
const LEAVE: Duration = Duration::from_secs(5);

/// The PID of the owner: compared with getpid() on every path, so that children of fork(2),
/// vfork(2) and clone(2) are bystanders without any hook.
static OWNER: AtomicI32 = AtomicI32::new(0);
static PHASE: AtomicU32 = AtomicU32::new(phase::NONE);
static REQUESTS: AtomicU32 = AtomicU32::new(0);
static THREADED: AtomicBool = AtomicBool::new(false);

pub mod phase {
    pub const NONE: u32 = 0;
    /// The keeper is about to claim the file, or to open one that it may inherit.
    pub const STARTING: u32 = 1;
    /// The keeper has no table of its own and waits for the file to be claimed without it.
    pub const HOMELESS: u32 = 2;
    pub const REFUSED: u32 = 3;
    /// The keeper has the file.
    pub const KEPT: u32 = 4;
    /// The file is ours, but nobody holds a descriptor of it: whoever ends the process removes it.
    pub const UNATTENDED: u32 = 5;
    /// The file is not ours any more.
    pub const GONE: u32 = 6;
    /// The file is another process's, and the keeper waits for its lock.
    pub const STANDBY: u32 = 7;
    /// One of several threads that end the process at once is removing it.
    pub const REMOVING: u32 = 8;
}

pub mod request {
    /// Give up the file: the process ends by a signal.
    pub const RELEASE: u32 = 1;
    /// The process ends of its own accord: give up the file, or pass it on.
    pub const LEAVE: u32 = 2;
    /// Something is at the path that needs more than a glance.
    pub const LOOK: u32 = 4;
    /// The file was deleted, the host has been told.
    pub const DELETED: u32 = 8;
    /// The main thread has left by pthread_exit(3), and a stand-in waits for the others.
    pub const MAIN_LEFT: u32 = 16;
    /// It has left without one: our threads have to go.
    pub const DISSOLVE: u32 = 32;
    /// The host changes its user or group.
    pub const CREDENTIALS: u32 = 64;
    /// The main thread has ended, and libc does not know.
    pub const MAIN_ENDED: u32 = 128;
}

/// A word that the kernel sets to zero in every forked child (madvise(2), MADV_WIPEONFORK). The
/// PID alone does not tell: the first process of a PID namespace may fork the first one of another.
static ORIGINAL: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// Whether the calling process is the one whose PID is in the file.
pub fn is_owner() -> bool {
    let owner = owner();
    // Only then at the page of that word: in a forked child the kernel would have to make it first.
    owner != 0 && owner == sys::getpid() && is_original()
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

pub fn phase() -> u32 {
    PHASE.load(Ordering::SeqCst)
}

/// Whether the file is this process's, unless it has just been deleted.
pub fn has_file() -> bool {
    matches!(phase(), phase::KEPT | phase::UNATTENDED)
}

pub fn enter(phase: u32) {
    PHASE.store(phase, Ordering::SeqCst);
    futex::wake_all(&PHASE);
}

/// Leaves one phase for another, if it is still that one: of several who try, one succeeds.
pub fn leave_for(from: u32, to: u32) -> bool {
    let left = PHASE.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
    futex::wake_all(&PHASE);
    left.is_ok()
}

/// Waits until the phase is another one.
pub fn wait_beyond(phase: u32, bound: Duration) {
    futex::wait_until(&PHASE, bound, |now| now != phase);
}

/// Asks the keeper to give up the file, or to pass it on if `orderly`; waits until that is done.
pub fn wait_for_release(orderly: bool) {
    let (request, bound) = if orderly {
        (request::LEAVE, LEAVE)
    } else {
        (request::RELEASE, RELEASE)
    };
    post(request);
    futex::wait_until(&PHASE, bound, |phase| {
        phase == phase::GONE || phase == phase::REFUSED
    });
}

pub fn post(request: u32) {
    REQUESTS.fetch_or(request, Ordering::SeqCst);
    futex::wake_all(&REQUESTS);
}

/// Takes what was posted, waiting for something for at most `bound`.
pub fn take_requests(bound: Option<Duration>) -> u32 {
    match bound {
        Some(bound) => {
            futex::wait_until(&REQUESTS, bound, |requests| requests != 0);
        }
        None => {
            while REQUESTS.load(Ordering::SeqCst) == 0 {
                if main_thread::wait_beside(&REQUESTS) {
                    REQUESTS.fetch_or(request::MAIN_ENDED, Ordering::SeqCst);
                }
            }
        }
    }
    REQUESTS.swap(0, Ordering::SeqCst)
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
    PHASE.store(phase::STARTING, Ordering::SeqCst);
}
