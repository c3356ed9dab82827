//! Holds the phase of this process and the requests to its keeper: all that signal handlers and exit paths touch.
//!
//! A thread that needs something of the keeper posts a bit, and waits for the phase to change, with a timeout. These are a
//! few atomic operations and futex(2) calls, so everything here is async-signal-safe.
//!
//! After fork(2) the child has this memory and no keeper. It never acts for its parent: each path asks first whether the
//! process [`is_owner`], or a candidate with a keeper of its own.
//!
//! All accesses are sequentially consistent, because several words are read together: the phase, the owner and the
//! requests. Loads cost no more that way (on x86-64), and stores are rare.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::sys::{self, clock, futex, memory, raw};

pub use super::phase::Phase;
pub use super::request::Requests;

/// The PID of the owner; 0: this process has not been one. Each path compares it with getpid(), so children of fork(2),
/// vfork(2) and clone(2) do nothing without any hook.
///
/// This word and [`PHASE`] lie where the loader has written, and so in pages that a forked child has from the start. Each child
/// that ends looks at them: in pages of zeroes that nobody has written, it would have to ask the kernel for one.
#[unsafe(link_section = ".data")]
static OWNER: AtomicI32 = AtomicI32::new(0);
/// A [`Phase`]. Threads wait for it to change.
#[unsafe(link_section = ".data")]
static PHASE: AtomicU32 = AtomicU32::new(Phase::None as u32);
/// The thread ID of the keeper.
static KEEPER: AtomicI32 = AtomicI32::new(0);
/// Whether the keeper waits for requests.
static RESTS: AtomicBool = AtomicBool::new(false);
/// The [`Requests`] that the keeper has not taken yet. It waits for them.
static REQUESTS: AtomicU32 = AtomicU32::new(0);
/// Whether libc counts threads of ours among the host's.
static THREADED: AtomicBool = AtomicBool::new(false);

/// A word that the kernel sets to zero in every forked child (madvise(2), MADV_WIPEONFORK). The PID alone does not tell a
/// child from its parent: the first process of a PID namespace may fork the first one of another.
static ORIGINAL: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());

/// Returns whether this process is the owner.
pub fn is_owner() -> bool {
    // The system call comes last: no forked child makes it, which may be in a sandbox that knows no getpid(2).
    may_be_owner() && owner() == sys::getpid() && !(owner() == 1 && is_first_of_another_namespace())
}

/// Returns whether this process is one that the owner, PID 1, has started by clone(2) with `CLONE_VM` and `CLONE_NEWPID`: it has
/// the same memory and the same PID. libc names the kernel a word for each thread that it starts (set_tid_address(2)); a child
/// with the same memory has none.
///
/// Async-signal-safe, and without thread-local storage.
fn is_first_of_another_namespace() -> bool {
    /// linux/prctl.h.
    const PR_GET_TID_ADDRESS: usize = 40;
    let mut word = 1_usize;
    let room = &raw mut word as usize;
    // A thread that somebody else has started may have no such word, but another ID.
    sys::gettid() == 1 && {
        // SAFETY: the kernel writes an address to `word`, or fails where it was built without this call.
        unsafe { raw::call(libc::SYS_prctl, [PR_GET_TID_ADDRESS, room]) == 0 && word == 0 }
    }
}

/// Returns whether this process has the memory of the owner: it is the owner, or a vfork child of it. Makes no system call.
#[inline(always)]
pub fn may_be_owner() -> bool {
    owner() != 0 && is_original()
}

/// Returns whether this process is no forked child; true before Linux 4.14, which does not tell.
#[inline(always)]
fn is_original() -> bool {
    // SAFETY: null, or a word in a mapping that is never removed.
    let word = unsafe { ORIGINAL.load(Ordering::SeqCst).as_ref() };
    word.is_none_or(|word| word.load(Ordering::SeqCst) != 0)
}

/// Returns the PID of the owner as this process knows it; 0 for none.
pub fn owner() -> libc::pid_t {
    OWNER.load(Ordering::SeqCst)
}

/// The PID of this process while it stands by for the file; else 0.
static CANDIDATE: AtomicI32 = AtomicI32::new(0);

/// Returns whether this process stands by for the file.
pub fn is_candidate() -> bool {
    let candidate = CANDIDATE.load(Ordering::SeqCst);
    candidate != 0 && candidate == sys::getpid()
}

/// Records whether this process stands by for the file.
pub fn set_candidate(it_is: bool) {
    CANDIDATE.store(if it_is { sys::getpid() } else { 0 }, Ordering::SeqCst);
}

/// When this process has become the owner, in nanoseconds since boot.
static SINCE: AtomicU64 = AtomicU64::new(0);

/// Since when this process ends of its own accord, in nanoseconds since boot; 0: it does not.
static ENDS_SINCE: AtomicU64 = AtomicU64::new(0);

/// Returns for how long this image of the process has been the owner.
pub fn owner_age() -> Duration {
    let since = Duration::from_nanos(SINCE.load(Ordering::SeqCst));
    clock::now().saturating_sub(since)
}

/// Makes this process the owner.
pub fn become_owner() {
    SINCE.store(clock::now().as_nanos() as u64, Ordering::SeqCst);
    ENDS_SINCE.store(0, Ordering::SeqCst);
    let mut word = ORIGINAL.load(Ordering::SeqCst);
    if word.is_null() {
        word = wiped_on_fork();
        ORIGINAL.store(word, Ordering::SeqCst);
    }
    // SAFETY: null, or a word in a mapping that is never removed.
    if let Some(word) = unsafe { word.as_ref() } {
        word.store(1, Ordering::SeqCst);
    }
    OWNER.store(sys::getpid(), Ordering::SeqCst);
}

/// Makes this process an owner no more: it was refused the file.
pub fn resign() {
    OWNER.store(0, Ordering::SeqCst);
}

/// Maps a word that is zero in every forked child; null if there is no memory.
fn wiped_on_fork() -> *mut AtomicU32 {
    let size = size_of::<AtomicU32>();
    let Some(word) = memory::map(size, libc::MAP_PRIVATE) else {
        return std::ptr::null_mut();
    };
    // Since Linux 4.14. Before, the PID alone has to tell.
    // SAFETY: the mapping was just made, and nothing else knows of it yet.
    unsafe { libc::madvise(word.as_ptr(), size, libc::MADV_WIPEONFORK) };
    word.as_ptr().cast()
}

/// Returns the phase.
pub fn phase() -> Phase {
    Phase::of(PHASE.load(Ordering::SeqCst))
}

/// Returns whether the file belongs to this process, unless it has just been deleted.
pub fn has_file() -> bool {
    matches!(phase(), Phase::Kept | Phase::Unmonitored)
}

/// Changes the phase, and wakes those who wait for that.
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

/// Waits until the phase is another one than `phase`; gives up after `timeout`.
pub fn wait_beyond(phase: Phase, timeout: Duration) {
    futex::wait_until(&PHASE, timeout, |now| now != phase as u32);
}

/// Waits until `done` holds for the phase; returns whether it did before `timeout`. A time in which all threads are frozen
/// (cgroups(7)) counts little.
pub fn wait_for(timeout: Duration, done: impl Fn(Phase) -> bool) -> bool {
    /// As often a thread that waits looks.
    const SLICES: u32 = 32;
    (0..SLICES).any(|_| futex::wait_until(&PHASE, timeout / SLICES, |phase| done(Phase::of(phase))))
}

/// Returns since when this process ends of its own accord, in nanoseconds since boot.
pub fn ends_since() -> u64 {
    match ENDS_SINCE.load(Ordering::SeqCst) {
        0 => clock::nanoseconds(),
        since => since,
    }
}

/// Records that this process ends from now on, and asks the keeper to give up the file.
pub fn post_end(request: Requests) {
    ENDS_SINCE.store(clock::nanoseconds(), Ordering::SeqCst);
    post(request);
}

/// Asks the keeper for something.
pub fn post(request: Requests) {
    REQUESTS.fetch_or(request.0, Ordering::SeqCst);
    futex::wake_all(&REQUESTS);
}

/// Takes the requests, and waits for one at most for `timeout`.
///
/// Context: keeper.
pub fn take_requests(timeout: Duration) -> Requests {
    RESTS.store(true, Ordering::SeqCst);
    futex::wait_until(&REQUESTS, timeout, |requests| requests != 0);
    RESTS.store(false, Ordering::SeqCst);
    Requests(REQUESTS.swap(0, Ordering::SeqCst))
}

/// Takes the requests, and waits for one without a timeout. `wait` sleeps while the word is 0, and returns true when the
/// main thread has ended meanwhile.
///
/// Context: keeper.
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

/// Returns whether the keeper waits for requests, or has one and has not been scheduled since. Otherwise it is at work, and
/// may be stuck in a file system that does not answer.
pub fn keeper_rests() -> bool {
    RESTS.load(Ordering::SeqCst)
}

/// Returns the CPU time that the keeper has used, in seconds and nanoseconds: while that changes it is stuck nowhere.
///
/// Async-signal-safe.
pub fn keeper_cpu_time() -> (i64, i64) {
    /// include/linux/posix-timers_types.h: CPUCLOCK_PERTHREAD_MASK and CPUCLOCK_SCHED.
    const OF_THREAD: i32 = 4 | 2;
    let clock = !KEEPER.load(Ordering::SeqCst) << 3 | OF_THREAD;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let room = &raw mut time as usize;
    // SAFETY: the kernel fills in `time`, or leaves it where there is no such thread.
    unsafe { raw::call(libc::SYS_clock_gettime, [clock as usize, room]) };
    (time.tv_sec, time.tv_nsec)
}

/// Returns whether the keeper has had a processor since it was started.
pub fn has_keeper_begun() -> bool {
    KEEPER.load(Ordering::SeqCst) != 0
}

/// Returns whether the keeper has not taken a request yet.
pub fn is_posted(request: Requests) -> bool {
    Requests(REQUESTS.load(Ordering::SeqCst)).any(request)
}

/// Returns whether the calling thread is the keeper.
pub fn is_keeper() -> bool {
    KEEPER.load(Ordering::SeqCst) == sys::gettid()
}

/// Returns whether the keeper's thread is still there.
pub fn has_keeper_thread() -> bool {
    sys::is_thread(KEEPER.load(Ordering::SeqCst))
}

/// Makes the calling thread the keeper.
pub fn set_keeper() {
    KEEPER.store(sys::gettid(), Ordering::SeqCst);
}

/// Returns whether libc counts threads of ours among the host's.
pub fn is_threaded() -> bool {
    THREADED.load(Ordering::SeqCst)
}

/// Records that libc counts threads of ours among the host's.
pub fn set_threaded() {
    THREADED.store(true, Ordering::SeqCst);
}

/// Forgets what the parent's keeper was asked for.
///
/// Context: forked child that is about to have a keeper of its own.
pub fn renew() {
    KEEPER.store(0, Ordering::SeqCst);
    REQUESTS.store(0, Ordering::SeqCst);
    RESTS.store(false, Ordering::SeqCst);
    PHASE.store(Phase::Starting as u32, Ordering::SeqCst);
}
