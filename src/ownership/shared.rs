//! The page that an owner shares with what it forks: who of them may inherit, and who has not
//! decided yet.

use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, futex, procfs};

/// A leader that forks a second and leaves does both at once. Between setsid and fork, and between
/// fork and the end, there is no more time than this; in the life of a daemon there is.
pub const AT_ONCE: Duration = Duration::from_secs(1);
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
const CHILDREN: usize = 64;
const CANDIDATES: usize = 16;

/// Shared by the owner and what it forks, also if that has dropped root. So there are numbers in it, and
/// nothing by which one process could lead another one astray: no pointer, no lock of libc's.
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

/// A forked child, of the owner or of a leader, that has not decided yet what it will be.
#[repr(C)]
pub struct Child {
    /// Its PID and how far it is, in one: the place may be another child's while somebody looks at it.
    stage: AtomicU32,
    /// When it was forked, in nanoseconds since boot.
    born: AtomicU64,
    /// Since when whoever waits for it has found it asleep, likewise; 0: it was not.
    asleep: AtomicU64,
}

/// What is in [`Child::stage`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stage(u32);

impl Stage {
    const NONE: Self = Self(0);
    /// About to be forked.
    const EXPECTED: Self = Self(1);
    /// Forked.
    const UNDECIDED: u32 = 2;
    /// Becoming a candidate.
    const DECIDING: u32 = 3;
    /// It is a candidate, or will not be one. Whoever waits looks for an heir once more: the child may
    /// have become one since.
    const DECIDED: u32 = 4;
    /// PIDs are below 2^22 (proc(5), pid_max).
    const BITS: u32 = 3;

    fn of_this_process(is: u32) -> Self {
        Self((sys::getpid() as u32) << Self::BITS | is)
    }

    fn is(self, which: u32) -> bool {
        self.0 & ((1 << Self::BITS) - 1) == which
    }

    fn pid(self) -> libc::pid_t {
        (self.0 >> Self::BITS) as libc::pid_t
    }

    fn is_free(self) -> bool {
        self == Self::NONE || self.is(Self::DECIDED)
    }
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

/// The number of the place that this process holds, from 1; 0: none.
static HELD: AtomicUsize = AtomicUsize::new(0);

static PAGE: AtomicPtr<Page> = AtomicPtr::new(std::ptr::null_mut());

/// The page of this process, if it has one.
pub fn page() -> Option<&'static Page> {
    // SAFETY: null, or a mapping that is never removed.
    unsafe { PAGE.load(Ordering::SeqCst).as_ref() }
}

/// Makes the page. Called once, before main; answers whether there is one.
pub fn make_page() -> bool {
    let page = Page::map();
    PAGE.store(page.unwrap_or(std::ptr::null_mut()), Ordering::SeqCst);
    page.is_some()
}

/// The host has removed or renamed the file itself, or not.
pub fn set_removed_by_host(it_has: bool) {
    if let Some(page) = page() {
        page.by_host.store(u32::from(it_has), Ordering::SeqCst);
    }
}

pub fn is_removed_by_host() -> bool {
    page().is_some_and(|page| page.by_host.load(Ordering::SeqCst) != 0)
}

pub fn nanoseconds() -> u64 {
    clock::now().as_nanos() as u64
}

pub fn age(since: u64) -> Duration {
    Duration::from_nanos(nanoseconds().saturating_sub(since))
}

impl Page {
    /// A page that this process shares with what it forks from now on.
    fn map() -> Option<*mut Self> {
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
        // All of it is valid as it is, zeroed.
        Some(page.cast())
    }

    /// A place for a child that is about to be forked; one for which there is none is not waited for.
    /// Those of children that are old, or have been reaped, are used again.
    ///
    /// Called in a thread of the host: nothing may be opened.
    pub fn expect_child(&self) -> Option<usize> {
        let place = self.free_place().or_else(|| {
            for child in &self.children {
                let stage = child.stage();
                let is_gone = stage != Stage::EXPECTED && !procfs::is_alive(stage.pid());
                if is_gone || age(child.born.load(Ordering::SeqCst)) > STARVED {
                    child.go_from(stage, Stage::NONE);
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
        self.children[place].go_from(Stage::EXPECTED, Stage::NONE);
    }

    fn free_place(&self) -> Option<usize> {
        self.children.iter().position(|child| {
            let stage = child.stage();
            stage.is_free() && child.go_from(stage, Stage::EXPECTED)
        })
    }

    /// In the child: it is undecided from now on.
    pub fn hold(&self, place: usize) {
        HELD.store(place + 1, Ordering::SeqCst);
        let undecided = Stage::of_this_process(Stage::UNDECIDED);
        self.children[place]
            .stage
            .store(undecided.0, Ordering::SeqCst);
    }

    /// In the child: it is about to be a candidate. That takes a while, in which it sleeps too.
    pub fn is_deciding(&self) {
        self.go_to(HELD.load(Ordering::SeqCst), Stage::DECIDING);
    }

    /// In the child: it is a candidate now, or will not be one.
    pub fn decide(&self) {
        if let Some(child) = self.go_to(HELD.swap(0, Ordering::SeqCst), Stage::DECIDED) {
            futex::wake_all_shared(&child.stage);
        }
    }

    /// The place of one that took very long may be another's by now.
    fn go_to(&self, held: usize, to: u32) -> Option<&Child> {
        let child = self.children.get(held.checked_sub(1)?)?;
        let (stage, to) = (child.stage(), Stage::of_this_process(to));
        (stage.pid() == to.pid() && child.go_from(stage, to)).then_some(child)
    }

    /// Waits for a young child that is still undecided; `false` if there is none.
    pub fn wait_for_decision(&self) -> bool {
        let young = self.children.iter().filter_map(|child| {
            let stage = child.stage();
            if stage == Stage::NONE {
                return None;
            }
            if stage.is(Stage::DECIDED) {
                return Some((child, stage, Duration::ZERO));
            }
            let age = age(child.born.load(Ordering::SeqCst));
            let left = stage.bound().checked_sub(age)?;
            (!child.is_at_rest(stage)).then_some((child, stage, left))
        });
        // A look at each of them: they come to rest at the same time.
        let Some((child, stage, left)) = young.max_by_key(|(_, _, left)| *left) else {
            return false;
        };
        // Not for longer: meanwhile another one may have become the heir.
        child.wait(stage, left.min(5 * POLL_INTERVAL));
        true
    }

    /// When the children were forked of which it is not known yet what they will be.
    pub fn births(&self) -> impl Iterator<Item = u64> {
        let young = self.children.iter();
        let young = young.filter(|child| child.stage() != Stage::NONE);
        young.map(|child| child.born.load(Ordering::SeqCst))
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
            let now = clock::ticks();
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

    /// Returns whether `pid` is one of the processes that may inherit the file.
    pub fn knows(&self, pid: libc::pid_t) -> bool {
        let mut pids = self.candidates.iter();
        pids.any(|candidate| candidate.pid.load(Ordering::SeqCst) == pid)
    }

    pub fn living(&self, kind: u32, except: libc::pid_t) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(move |candidate| {
            let pid = candidate.pid.load(Ordering::SeqCst);
            let is_it = candidate.kind.load(Ordering::SeqCst) == kind && pid != except;
            is_it && candidate.is_running(pid)
        })
    }
}

impl Candidate {
    /// Whether it runs; not so if its PID is another one's by now.
    fn is_running(&self, pid: libc::pid_t) -> bool {
        procfs::is_running_since(pid, self.started_by.load(Ordering::SeqCst))
    }
}

impl Stage {
    fn bound(self) -> Duration {
        let has_hardly_run =
            || procfs::processor_ticks(self.pid()).is_some_and(|ticks| ticks < SOME_PROCESSOR);
        let starves = self == Self::EXPECTED
            || self.is(Self::DECIDING)
            || self.is(Self::UNDECIDED) && has_hardly_run();
        if starves { STARVED } else { UNDECIDED }
    }
}

impl Child {
    fn stage(&self) -> Stage {
        Stage(self.stage.load(Ordering::SeqCst))
    }

    fn go_from(&self, from: Stage, to: Stage) -> bool {
        let order = Ordering::SeqCst;
        self.stage
            .compare_exchange(from.0, to.0, order, order)
            .is_ok()
    }

    fn is_at_rest(&self, stage: Stage) -> bool {
        if !stage.is(Stage::UNDECIDED) || !procfs::is_asleep(stage.pid()) {
            self.asleep.store(0, Ordering::SeqCst);
            return false;
        }
        let (now, order) = (nanoseconds(), Ordering::SeqCst);
        let since = self.asleep.compare_exchange(0, now, order, order);
        since.is_err_and(|since| age(since) >= REST)
    }

    /// Waits, with a bound, until the child has decided. Of its end, or its exec, nobody is told.
    fn wait(&self, stage: Stage, bound: Duration) {
        let is_expected = stage == Stage::EXPECTED;
        if stage.is(Stage::DECIDED) || !is_expected && !procfs::is_as_forked(stage.pid()) {
            self.go_from(stage, Stage::NONE);
        } else {
            let bound = if is_expected { POLL_INTERVAL } else { bound };
            futex::wait_shared(&self.stage, stage.0, bound);
        }
    }
}
