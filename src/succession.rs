//! Who inherits the file: fork, setsid, daemon.
//!
//! A program that daemonizes leaves its work to a child and ends. The file must follow, but only to
//! that child: workers, helpers and terminal sessions must never get it. How real daemons do it:
//! the child of the launcher begins a session (setsid(2)); often it forks once more and leaves at
//! once, and the grandchild is the daemon. So there are two kinds of candidates:
//!
//! - a *leader*: a forked child of the owner that has called setsid;
//! - a *second*: the first child that a leader forks, if that is the first thing it does.
//!
//! A candidate has a standby keeper from the moment it becomes one, while it may still open the
//! file: it blocks in flock(2). The lock is the baton. It costs one sleeping thread, works across
//! exec (the mark tells the new image to stand by again), and cannot be lost: the kernel wakes the
//! standby when the owner ends in whatever way. It then looks whose PID is in the file.
//!
//! The owner stays the owner for as long as it lives. When it ends of its own accord and there is
//! exactly one candidate, it writes the heir's PID into the file, lets go of the lock, and ends when
//! the heir has it. Where there are several the case is not clear, and the file is removed.
//!
//! What the processes have to tell each other lies in a page that they share since the claim.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::baton::{Baton, Found};
use crate::config::{Config, Follow};
use crate::mailbox::{self, phase};
use crate::mark::{self, Role};
use crate::pidfile::{PidFile, Sight};
use crate::sys::SignalsBlocked;
use crate::{keeper, private_table, sys};

/// For so long after it was forked the owner's end waits for a child that has neither begun a
/// session nor called exec. One that is older is a worker.
const UNDECIDED: Duration = Duration::from_secs(1);
/// A leader that forks a second and leaves does both at once. Between setsid and fork, and between
/// fork and the end, there is no more time than this; in the life of a daemon there is.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A leader that was made just now gets so long to fork a second, and then so long to leave: the file
/// shall not name a process that is about to end, if that can be helped.
const FORKING_ON: Duration = Duration::from_millis(1);
const LEAVING: Duration = Duration::from_millis(50);
/// How long an heir may take to notice that the baton is its.
const TAKING: Duration = Duration::from_secs(2);
/// How long an owner may take to notice that its heir has ended.
const TAKING_BACK: Duration = Duration::from_millis(300);
/// In which another process may do its part.
const MOMENT: Duration = Duration::from_micros(200);

const CHILDREN: usize = 16;
const CANDIDATES: usize = 16;

/// Shared by the owner and what it forks.
#[repr(C)]
struct Page {
    children: [Child; CHILDREN],
    candidates: [Candidate; CANDIDATES],
    /// To whom the owner is passing the file on.
    offered: AtomicI32,
    /// The heir that has the lock.
    taken: AtomicI32,
    /// The file was removed by its owner, or its deletion was seen by it: no candidate needs to ask
    /// itself why it is gone.
    removed: AtomicU32,
    /// The host has removed or renamed the file itself.
    by_host: AtomicU32,
}

/// A forked child, of the owner or of a leader, that has not decided yet what it will be. It holds the mutex, which
/// is robust: the kernel tells who waits for it when the child calls exec or dies.
#[repr(C)]
struct Child {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    state: AtomicU32,
    /// When it was forked, in nanoseconds since boot.
    born: AtomicU64,
}

mod child {
    pub const NONE: u32 = 0;
    /// About to be forked.
    pub const EXPECTED: u32 = 1;
    /// Forked, and holding the mutex until it has decided.
    pub const UNDECIDED: u32 = 2;
}

#[repr(C)]
struct Candidate {
    pid: AtomicI32,
    kind: AtomicU32,
    since: AtomicU64,
}

mod kind {
    pub const LEADER: u32 = 1;
    pub const SECOND: u32 = 2;
    /// A leader beside another one. It does not stand by, and makes the case unclear.
    pub const OTHER_LEADER: u32 = 4;
    /// With `PIDFILE_FOLLOW=fork`: any forked child.
    pub const FORKED: u32 = 3;
}

static PAGE: AtomicPtr<Page> = AtomicPtr::new(std::ptr::null_mut());
static CONFIG: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
/// This process, as far as fork(2) handlers have seen it: in a vfork child, or after a raw
/// clone(2), it is another than getpid(), and nothing may be changed.
static SELF: AtomicI32 = AtomicI32::new(0);
/// Set in a process that stands by.
static CANDIDATE: AtomicI32 = AtomicI32::new(0);
/// When this process has begun a session, in nanoseconds since boot; 0: it has not.
static SESSION: AtomicU64 = AtomicU64::new(0);
/// How many children it has forked since.
static FORKED_SINCE: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Between the handlers around a fork, how many are under way: a signal handler may fork too.
    static FORKING: Cell<u32> = const { Cell::new(0) };
    /// The place of the child that is forked.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
}

fn page() -> Option<&'static Page> {
    // SAFETY: null, or a mapping that is never removed.
    unsafe { PAGE.load(Ordering::SeqCst).as_ref() }
}

fn config() -> Option<&'static Config> {
    // SAFETY: null, or the configuration, which lives as long as the process.
    unsafe { CONFIG.load(Ordering::SeqCst).as_ref() }
}

fn nanoseconds() -> u64 {
    sys::now().as_nanos() as u64
}

fn age(since: u64) -> Duration {
    Duration::from_nanos(nanoseconds().saturating_sub(since))
}

/// Called before main in a process that owns the file or may inherit it.
pub fn register(config: &'static Config) {
    SELF.store(sys::getpid(), Ordering::SeqCst);
    if config.follow == Follow::Off {
        return;
    }
    // SAFETY: an anonymous mapping at a place of the kernel's choice.
    let page = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size_of::<Page>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if page == libc::MAP_FAILED {
        return;
    }
    let page: *mut Page = page.cast();
    // SAFETY: the mapping is large enough, zeroed, and seen by nobody else yet. All of `Page` is
    // valid when zeroed but for the mutexes, which are initialised here.
    unsafe {
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        libc::pthread_mutexattr_init(attributes.as_mut_ptr());
        libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED);
        libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
        for child in &(*page).children {
            libc::pthread_mutex_init(child.mutex.get(), attributes.as_ptr());
        }
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
        CONFIG.store(std::ptr::from_ref(config).cast_mut(), Ordering::SeqCst);
        PAGE.store(page, Ordering::SeqCst);
        libc::pthread_atfork(
            Some(before_fork),
            Some(after_fork_parent),
            Some(after_fork_child),
        );
    }
}

// ---- around a fork ----

unsafe extern "C" fn before_fork() {
    sys::guarded((), || {
        let takes_part = mailbox::is_owner() || CANDIDATE.load(Ordering::SeqCst) == sys::getpid();
        PLACE.set(None);
        if !takes_part {
            return;
        }
        if FORKING.replace(FORKING.get() + 1) == 0 {
            crate::heap_lock();
        }
        if mailbox::is_owner() || may_leave_to_next_child() {
            PLACE.set(page().and_then(Page::expect_child));
        }
    });
}

unsafe extern "C" fn after_fork_parent() {
    sys::guarded((), || {
        let forks = FORKING.get();
        if forks > 0 {
            FORKING.set(forks - 1);
            if forks == 1 {
                crate::heap_unlock();
            }
            FORKED_SINCE.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// Whether the child that is forked now would be a second.
fn may_leave_to_next_child() -> bool {
    let session = SESSION.load(Ordering::SeqCst);
    session != 0 && FORKED_SINCE.load(Ordering::SeqCst) == 0 && age(session) <= AT_ONCE
}

/// In the child, which has one thread now. Nothing is allocated and no lock is taken, unless this
/// child becomes a candidate.
unsafe extern "C" fn after_fork_child() {
    sys::guarded((), || {
        if FORKING.replace(0) == 0 {
            SELF.store(sys::getpid(), Ordering::SeqCst);
            return;
        }
        crate::heap_unlock();
        let parent = SELF.swap(sys::getpid(), Ordering::SeqCst);
        let parent_owned = mailbox::owner() == parent;
        let is_second = may_leave_to_next_child();
        SESSION.store(0, Ordering::SeqCst);
        FORKED_SINCE.store(0, Ordering::SeqCst);
        CANDIDATE.store(0, Ordering::SeqCst);
        let (Some(page), Some(config)) = (page(), config()) else {
            return;
        };
        if let Some(place) = PLACE.take() {
            page.hold(place);
        }
        if is_second {
            become_candidate(page, config, kind::SECOND);
        } else if parent_owned && config.follow == Follow::Fork {
            become_candidate(page, config, kind::FORKED);
        }
    });
}

/// This process has called setsid(2).
pub fn session_begun() {
    // SAFETY: takes nothing.
    let parent = unsafe { libc::getppid() };
    let (Some(page), Some(config)) = (page(), config()) else {
        return;
    };
    if SELF.load(Ordering::SeqCst) != sys::getpid() {
        return;
    }
    SESSION.store(nanoseconds(), Ordering::SeqCst);
    FORKED_SINCE.store(0, Ordering::SeqCst);
    // A second candidate would make the case unclear, so there is no need for it to stand by: the
    // backends of a database must not each pay for a thread.
    if parent == mailbox::owner() && CANDIDATE.load(Ordering::SeqCst) == 0 {
        if page.living(kind::LEADER, parent).next().is_some() {
            page.add(kind::OTHER_LEADER);
        } else {
            become_candidate(page, config, kind::LEADER);
        }
    }
    page.decide();
}

fn become_candidate(page: &'static Page, config: &'static Config, kind: u32) {
    let _blocked = SignalsBlocked::new();
    if config.watch == crate::config::Watch::Off || keeper::stand_by(config).is_err() {
        return;
    }
    CANDIDATE.store(sys::getpid(), Ordering::SeqCst);
    mark::rewrite(Role::Await);
    page.add(kind);
    page.decide();
}

/// After exec(2): this process was a candidate before.
pub fn resume(config: &'static Config) {
    // The page of the owner is no longer seen: why the file is gone, if it goes, cannot be known.
    note_removal();
    if keeper::stand_by(config).is_ok() {
        CANDIDATE.store(sys::getpid(), Ordering::SeqCst);
    }
}

impl Page {
    /// A place for a child that is about to be forked. Those of children that have ended are used
    /// again; a child for which there is none is not waited for.
    fn expect_child(&self) -> Option<usize> {
        let place = self.free_place().or_else(|| {
            for child in &self.children {
                match child.state.load(Ordering::SeqCst) {
                    // The fork has failed.
                    child::EXPECTED if age(child.born.load(Ordering::SeqCst)) > 10 * UNDECIDED => {
                        child.clear(child::EXPECTED);
                    }
                    child::UNDECIDED => {
                        child.has_decided(Duration::ZERO);
                    }
                    _ => {}
                }
            }
            self.free_place()
        })?;
        self.children[place]
            .born
            .store(nanoseconds(), Ordering::SeqCst);
        Some(place)
    }

    fn free_place(&self) -> Option<usize> {
        self.children.iter().position(|child| {
            let (free, expected) = (child::NONE, child::EXPECTED);
            let taken =
                child
                    .state
                    .compare_exchange(free, expected, Ordering::SeqCst, Ordering::SeqCst);
            taken.is_ok()
        })
    }

    /// In the child: holds the mutex until it has decided, calls exec, or dies.
    fn hold(&self, place: usize) {
        let child = &self.children[place];
        // SAFETY: an initialised mutex in the shared page. Nobody else has it for longer than it
        // takes to look at it.
        unsafe {
            for _ in 0..100 {
                match libc::pthread_mutex_trylock(child.mutex.get()) {
                    libc::EBUSY => sys::pause(MOMENT / 10),
                    libc::EOWNERDEAD => {
                        libc::pthread_mutex_consistent(child.mutex.get());
                        break;
                    }
                    _ => break,
                }
            }
        }
        HELD.store(place as i32, Ordering::SeqCst);
        child.state.store(child::UNDECIDED, Ordering::SeqCst);
    }

    /// In the child: it is a candidate now, or will not be one.
    fn decide(&self) {
        if let Ok(place) = usize::try_from(HELD.swap(-1, Ordering::SeqCst)) {
            // SAFETY: held by this thread since the fork; by another one the call only fails.
            unsafe { libc::pthread_mutex_unlock(self.children[place].mutex.get()) };
        }
    }

    /// Waits for a young child that is still undecided; `false` if there is none.
    fn wait_for_decision(&self) -> bool {
        let Some((child, left)) = self.children.iter().find_map(|child| {
            let left = UNDECIDED.checked_sub(age(child.born.load(Ordering::SeqCst)))?;
            (child.state.load(Ordering::SeqCst) != child::NONE).then_some((child, left))
        }) else {
            return false;
        };
        if child.state.load(Ordering::SeqCst) == child::EXPECTED {
            sys::futex_wait_shared(&child.state, child::EXPECTED, Duration::from_millis(1));
        } else {
            // Not for longer: meanwhile another one may have become the heir.
            child.has_decided(left.min(5 * MOMENT));
        }
        true
    }

    fn add(&self, kind: u32) {
        let pid = sys::getpid();
        let free = |candidate: &&Candidate| {
            let known = candidate.pid.load(Ordering::SeqCst);
            !sys::is_running(known)
                && candidate
                    .pid
                    .compare_exchange(known, pid, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
        };
        if let Some(candidate) = self.candidates.iter().find(free) {
            candidate.since.store(nanoseconds(), Ordering::SeqCst);
            candidate.kind.store(kind, Ordering::SeqCst);
        }
    }

    fn forget(&self, pid: libc::pid_t) {
        for candidate in &self.candidates {
            let order = Ordering::SeqCst;
            let _ = candidate.pid.compare_exchange(pid, 0, order, order);
        }
    }

    fn living(&self, kind: u32, except: libc::pid_t) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(move |candidate| {
            let pid = candidate.pid.load(Ordering::SeqCst);
            candidate.kind.load(Ordering::SeqCst) == kind && pid != except && sys::is_running(pid)
        })
    }

    /// Whether an heir is a leader that may be about to leave its work to a second.
    fn may_move_on(&self, heir: &Candidate) -> bool {
        if heir.kind.load(Ordering::SeqCst) != kind::LEADER {
            return false;
        }
        let since = heir.since.load(Ordering::SeqCst);
        let seconds = self.living(kind::SECOND, sys::getpid());
        let seconds = seconds.map(|second| second.since.load(Ordering::SeqCst));
        let young = self
            .children
            .iter()
            .filter(|child| child.state.load(Ordering::SeqCst) != child::NONE);
        let young = young.map(|child| child.born.load(Ordering::SeqCst));
        match seconds.chain(young).filter(|born| *born > since).max() {
            Some(born) => age(born) < LEAVING,
            None => age(since) < FORKING_ON,
        }
    }

    /// To whom the file of this process, which ends, may pass.
    fn heir(&self) -> Option<&Candidate> {
        let ourselves = sys::getpid();
        if let Some(forked) = self
            .living(kind::FORKED, ourselves)
            .max_by_key(|candidate| candidate.since.load(Ordering::SeqCst))
        {
            return Some(forked);
        }
        let mut leaders = self.living(kind::LEADER, ourselves);
        let others = self.living(kind::OTHER_LEADER, ourselves).count();
        if let Some(leader) = leaders.next() {
            return (others == 0 && leaders.next().is_none()).then_some(leader);
        }
        if others != 0 {
            return None;
        }
        // A leader leaves the file to its second only at once, and forks no other child; a launcher
        // may have waited until the second was ready.
        let is_leader = SESSION.load(Ordering::SeqCst) != 0;
        if is_leader && FORKED_SINCE.load(Ordering::SeqCst) != 1 {
            return None;
        }
        let mut seconds = self
            .living(kind::SECOND, ourselves)
            .filter(|second| !is_leader || age(second.since.load(Ordering::SeqCst)) <= AT_ONCE);
        let second = seconds.next()?;
        seconds.next().is_none().then_some(second)
    }
}

/// The place that this process holds, or -1.
static HELD: AtomicI32 = AtomicI32::new(-1);

impl Child {
    /// Whether the child has decided, called exec or died; waits for that for at most `bound`. Its
    /// place is free then.
    fn has_decided(&self, bound: Duration) -> bool {
        let mut until = MaybeUninit::<libc::timespec>::zeroed();
        // SAFETY: an initialised mutex in the shared page; room for the time.
        unsafe {
            libc::clock_gettime(libc::CLOCK_REALTIME, until.as_mut_ptr());
            let mut until = until.assume_init();
            let nanoseconds = until.tv_nsec as u128 + bound.as_nanos();
            until.tv_sec += (nanoseconds / 1_000_000_000) as libc::time_t;
            until.tv_nsec = (nanoseconds % 1_000_000_000) as libc::c_long;
            match libc::pthread_mutex_timedlock(self.mutex.get(), &until) {
                0 => {}
                libc::EOWNERDEAD => {
                    libc::pthread_mutex_consistent(self.mutex.get());
                }
                _ => return false,
            }
            // Only then is it the child's place no more; a child that is expected has yet to come.
            self.clear(child::UNDECIDED);
            libc::pthread_mutex_unlock(self.mutex.get());
        }
        true
    }

    fn clear(&self, from: u32) {
        let (none, order) = (child::NONE, Ordering::SeqCst);
        let _ = self.state.compare_exchange(from, none, order, order);
    }
}

// ---- the baton ----

/// The keeper of an owner that ends of its own accord: passes the file on, if there is an heir.
pub fn pass_on(file: &PidFile) -> Option<libc::pid_t> {
    let page = page()?;
    loop {
        if let Some(heir) = page.heir() {
            if page.may_move_on(heir) {
                sys::pause(MOMENT);
                continue;
            }
            let pid = heir.pid.load(Ordering::SeqCst);
            page.taken.store(0, Ordering::SeqCst);
            // Either the heir's end sees this, or we see that it has withdrawn.
            page.offered.store(pid, Ordering::SeqCst);
            if heir.pid.load(Ordering::SeqCst) != pid {
                continue;
            }
            let wait = || {
                sys::pause(MOMENT);
                page.taken.load(Ordering::SeqCst) == pid
            };
            if file.hand_over(pid, TAKING, wait) {
                return Some(pid);
            }
            heir.pid.store(0, Ordering::SeqCst);
        } else if !page.wait_for_decision() {
            return None;
        }
    }
}

/// A process ends. If it is a candidate it is not one any more; whether the owner is just passing the
/// file on to it, so that it has to wait until it has it.
///
/// Async-signal-safe.
pub fn withdraw() -> bool {
    let pid = sys::getpid();
    let Some(page) = page().filter(|_| CANDIDATE.load(Ordering::SeqCst) == pid) else {
        return false;
    };
    page.forget(pid);
    page.offered.load(Ordering::SeqCst) == pid
}

/// The keeper of an owner that removes the file.
pub fn note_removal() {
    if let Some(page) = page() {
        page.removed.store(1, Ordering::SeqCst);
    }
}

/// Whether this process stands by for the file.
pub fn is_candidate() -> bool {
    let candidate = CANDIDATE.load(Ordering::SeqCst);
    candidate != 0 && candidate == sys::getpid()
}

/// The host has removed or renamed the file itself, or not; and whether it has.
pub fn set_removed_by_host(it_has: bool) {
    if let Some(page) = page() {
        page.by_host.store(u32::from(it_has), Ordering::SeqCst);
    }
}

pub fn is_removed_by_host() -> bool {
    page().is_some_and(|page| page.by_host.load(Ordering::SeqCst) != 0)
}

/// The keeper of an heir that has the lock.
pub fn taken() {
    mark::rewrite(Role::Owner);
    if let Some(page) = page() {
        page.forget(sys::getpid());
        page.removed.store(0, Ordering::SeqCst);
        page.taken.store(sys::getpid(), Ordering::SeqCst);
    }
}

/// The keeper of a candidate: opens the file and waits for its lock. Answers the file if it is
/// ours then, or nothing if it will never be.
pub fn wait_for_baton(config: &Config) -> Option<PidFile> {
    private_table::enter().ok()?;
    let baton = Baton::open(&config.path)?;
    mailbox::enter(phase::STANDBY);
    let mut pause = 10 * MOMENT;
    let mut stale = None;
    loop {
        match baton.wait().ok()? {
            Found::Ours => return Some(baton.take()),
            // It was let go for somebody else, or for an instant: by exec(2), or by one who tried.
            Found::Others => {
                baton.let_go();
                sys::pause(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            // An owner that is passing it on finds that its heir has ended, and takes it back; but
            // if the owner was killed, nobody else will take the file away.
            Found::Stale => {
                let since = *stale.get_or_insert(sys::now());
                if sys::now().saturating_sub(since) > TAKING_BACK {
                    baton.take().remove_stale();
                    return None;
                }
                baton.let_go();
                sys::pause(5 * MOMENT);
            }
            Found::Removed => {
                // By whom? If it was the owner it has said so, and this process goes on without a
                // file. Else this host has replaced it by one of its own, or somebody has deleted
                // it just when the owner ended.
                let mut file = baton.take();
                let sight = file.look();
                if sight == Sight::Replaced && file.adopt().is_ok() {
                    return Some(file);
                }
                if sight == Sight::Deleted
                    && !is_removed_by_host()
                    && page().is_some_and(|page| page.removed.load(Ordering::SeqCst) == 0)
                {
                    keeper::terminate(config);
                }
                return None;
            }
        }
    }
}
