//! The page that an owner shares with what it forks: who of them may inherit, and who has not
//! decided yet.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::succession::{AT_ONCE, MOMENT};
use crate::{procfs, sys};

/// For so long after it was forked the owner's end waits for a child that has neither begun a
/// session nor called exec. One that is older is a worker.
const UNDECIDED: Duration = Duration::from_secs(1);
/// The same for one that was given hardly any processor yet.
const STARVED: Duration = Duration::from_secs(3);
/// Of which this is more, in clock ticks.
const SOME_PROCESSOR: u64 = 5;
/// A child that sleeps for so long has come to rest: it is a worker too. On its way to a session a child
/// is busy.
pub const REST: Duration = Duration::from_millis(20);
/// A leader that was made just now gets so long to fork a second, and then so long to leave: the file
/// shall not name a process that is about to end, if that can be helped.
const FORKING_ON: Duration = Duration::from_millis(1);
const LEAVING: Duration = Duration::from_millis(50);
const CHILDREN: usize = 16;
const CANDIDATES: usize = 16;

/// Shared by the owner and what it forks.
#[repr(C)]
pub struct Page {
    pub children: [Child; CHILDREN],
    pub candidates: [Candidate; CANDIDATES],
    /// To whom the owner is passing the file on.
    pub offered: AtomicI32,
    /// The heir that has the lock. The owner sleeps until it is set.
    pub taken: AtomicU32,
    /// The owner was about to pass the file on, and has found it deleted.
    pub deleted: AtomicU32,
    /// The host has removed or renamed the file itself.
    pub by_host: AtomicU32,
}

/// A forked child, of the owner or of a leader, that has not decided yet what it will be. It holds
/// the mutex, which is robust: the kernel tells who waits for it when the child calls exec or dies.
#[repr(C)]
pub struct Child {
    pub mutex: UnsafeCell<libc::pthread_mutex_t>,
    pub state: AtomicU32,
    pub pid: AtomicI32,
    /// When it was forked, in nanoseconds since boot.
    pub born: AtomicU64,
    /// Since when whoever waits for it has found it asleep, likewise; 0: it was not.
    asleep: AtomicU64,
}

mod child {
    pub const NONE: u32 = 0;
    /// About to be forked.
    pub const EXPECTED: u32 = 1;
    /// Forked, and holding the mutex until it has decided.
    pub const UNDECIDED: u32 = 2;
    /// Becoming a candidate, which it is when it lets go of the mutex.
    pub const DECIDING: u32 = 3;
}

#[repr(C)]
pub struct Candidate {
    pub pid: AtomicI32,
    pub kind: AtomicU32,
    pub since: AtomicU64,
    /// The same in clock ticks.
    started_by: AtomicU64,
}

pub mod kind {
    pub const LEADER: u32 = 1;
    pub const SECOND: u32 = 2;
    /// A leader beside another one. It does not stand by, and makes the case unclear.
    pub const OTHER_LEADER: u32 = 4;
    /// With `PIDFILE_FOLLOW=fork`: any forked child.
    pub const FORKED: u32 = 3;
}

/// The place that this process holds, or -1.
static HELD: AtomicI32 = AtomicI32::new(-1);

pub fn nanoseconds() -> u64 {
    sys::now().as_nanos() as u64
}

pub fn age(since: u64) -> Duration {
    Duration::from_nanos(nanoseconds().saturating_sub(since))
}

impl Page {
    /// A page that this process shares with what it forks from now on.
    pub fn map() -> Option<*mut Self> {
        // SAFETY: an anonymous mapping at a place of the kernel's choice.
        let page = unsafe {
            libc::mmap64(
                std::ptr::null_mut(),
                size_of::<Self>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            return None;
        }
        let page: *mut Self = page.cast();
        // SAFETY: the mapping is large enough, zeroed, and seen by nobody else yet. All of `Page` is
        // valid when zeroed but for the mutexes, which are initialised here.
        unsafe {
            let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
            libc::pthread_mutexattr_init(attributes.as_mut_ptr());
            libc::pthread_mutexattr_setpshared(
                attributes.as_mut_ptr(),
                libc::PTHREAD_PROCESS_SHARED,
            );
            libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
            for child in &(*page).children {
                libc::pthread_mutex_init(child.mutex.get(), attributes.as_ptr());
            }
            libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
        }
        Some(page)
    }

    /// A place for a child that is about to be forked. Those of children that have ended are used
    /// again; a child for which there is none is not waited for.
    pub fn expect_child(&self) -> Option<usize> {
        let place = self.free_place().or_else(|| {
            for child in &self.children {
                match child.state.load(Ordering::SeqCst) {
                    // The fork has failed.
                    child::EXPECTED if age(child.born.load(Ordering::SeqCst)) > 10 * UNDECIDED => {
                        child.clear(child::EXPECTED);
                    }
                    child::UNDECIDED | child::DECIDING => {
                        child.has_decided(Duration::ZERO);
                    }
                    _ => {}
                }
            }
            self.free_place()
        })?;
        let child = &self.children[place];
        child.asleep.store(0, Ordering::SeqCst);
        child.born.store(nanoseconds(), Ordering::SeqCst);
        Some(place)
    }

    /// The fork has failed.
    pub fn expect_no_child(&self, place: usize) {
        self.children[place].clear(child::EXPECTED);
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
    pub fn hold(&self, place: usize) {
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
        child.pid.store(sys::getpid(), Ordering::SeqCst);
        child.state.store(child::UNDECIDED, Ordering::SeqCst);
    }

    /// In the child: it is about to be a candidate. That takes a while, in which it sleeps too.
    pub fn is_deciding(&self) {
        if let Ok(place) = usize::try_from(HELD.load(Ordering::SeqCst)) {
            let state = &self.children[place].state;
            state.store(child::DECIDING, Ordering::SeqCst);
        }
    }

    /// In the child: it is a candidate now, or will not be one.
    pub fn decide(&self) {
        if let Ok(place) = usize::try_from(HELD.swap(-1, Ordering::SeqCst)) {
            // SAFETY: held by this thread since the fork; by another one the call only fails.
            unsafe { libc::pthread_mutex_unlock(self.children[place].mutex.get()) };
        }
    }

    /// Waits for a young child that is still undecided; `false` if there is none.
    pub fn wait_for_decision(&self) -> bool {
        let young = self.children.iter().filter_map(|child| {
            let left = child
                .bound()
                .checked_sub(age(child.born.load(Ordering::SeqCst)))?;
            let is_there = child.state.load(Ordering::SeqCst) != child::NONE;
            (is_there && !child.is_at_rest()).then_some((child, left))
        });
        // A look at each of them: they come to rest at the same time.
        let Some((child, left)) = young.max_by_key(|(_, left)| *left) else {
            return false;
        };
        if child.state.load(Ordering::SeqCst) == child::EXPECTED {
            sys::futex_wait_shared(&child.state, child::EXPECTED, MOMENT);
        } else {
            // Not for longer: meanwhile another one may have become the heir.
            child.has_decided(left.min(5 * MOMENT));
        }
        true
    }

    pub fn add(&self, kind: u32) {
        let pid = sys::getpid();
        let free = |candidate: &&Candidate| {
            let known = candidate.pid.load(Ordering::SeqCst);
            !procfs::is_running(known)
                && candidate
                    .pid
                    .compare_exchange(known, pid, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
        };
        if let Some(candidate) = self.candidates.iter().find(free) {
            candidate.since.store(nanoseconds(), Ordering::SeqCst);
            let now = sys::ticks();
            candidate.started_by.store(now, Ordering::SeqCst);
            candidate.kind.store(kind, Ordering::SeqCst);
        }
    }

    pub fn forget(&self, pid: libc::pid_t) {
        for candidate in &self.candidates {
            let order = Ordering::SeqCst;
            let _ = candidate.pid.compare_exchange(pid, 0, order, order);
        }
    }

    pub fn living(&self, kind: u32, except: libc::pid_t) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(move |candidate| {
            let pid = candidate.pid.load(Ordering::SeqCst);
            let is_it = candidate.kind.load(Ordering::SeqCst) == kind && pid != except;
            is_it && candidate.is_running(pid)
        })
    }

    /// Whether an heir is a leader that may be about to leave its work to a second.
    pub fn may_move_on(&self, heir: &Candidate) -> bool {
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
            // One that sleeps has other things to do.
            None => age(since) < FORKING_ON && !procfs::is_asleep(heir.pid.load(Ordering::SeqCst)),
        }
    }

    /// To whom the file of this process, which ends, may pass. A leader tells how many children it
    /// has forked.
    pub fn heir(&self, as_leader: Option<u32>) -> Option<&Candidate> {
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
        if as_leader.is_some_and(|forked| forked != 1) {
            return None;
        }
        let mut seconds = self.living(kind::SECOND, ourselves).filter(|second| {
            as_leader.is_none() || age(second.since.load(Ordering::SeqCst)) <= AT_ONCE
        });
        let second = seconds.next()?;
        seconds.next().is_none().then_some(second)
    }
}

impl Candidate {
    /// Whether it runs; not so if its PID is another one's by now.
    fn is_running(&self, pid: libc::pid_t) -> bool {
        procfs::is_running_since(pid, self.started_by.load(Ordering::SeqCst))
    }
}

impl Child {
    fn bound(&self) -> Duration {
        let starves = match self.state.load(Ordering::SeqCst) {
            child::EXPECTED | child::DECIDING => true,
            child::UNDECIDED => procfs::processor_ticks(self.pid.load(Ordering::SeqCst))
                .is_some_and(|ticks| ticks < SOME_PROCESSOR),
            _ => false,
        };
        if starves { STARVED } else { UNDECIDED }
    }

    fn is_at_rest(&self) -> bool {
        let is_undecided = self.state.load(Ordering::SeqCst) == child::UNDECIDED;
        if !is_undecided || !procfs::is_asleep(self.pid.load(Ordering::SeqCst)) {
            self.asleep.store(0, Ordering::SeqCst);
            return false;
        }
        let (now, order) = (nanoseconds(), Ordering::SeqCst);
        let since = self.asleep.compare_exchange(0, now, order, order);
        since.is_err_and(|since| age(since) >= REST)
    }

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
            self.clear(child::DECIDING);
            libc::pthread_mutex_unlock(self.mutex.get());
        }
        true
    }

    fn clear(&self, from: u32) {
        let (none, order) = (child::NONE, Ordering::SeqCst);
        let _ = self.state.compare_exchange(from, none, order, order);
    }
}
