//! What an owner shares with the processes that it forks: who of them may inherit, and who has not decided
//! yet.
//!
//! Every descendant can write here, also one that has dropped root. So all of it is a hint. It may delay an
//! exit by a bounded time, or have nobody inherit; who does inherit is what the kernel says ([`confirm`]).

use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::ownership::state;
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, futex, procfs};

use super::candidate::Candidate;
pub use super::candidate::{Claimant, Kind, confirm};
pub use super::child::Progress;
use super::child::{Child, Stage};

/// Within this time of forking its second a leader leaves. In the life of a daemon there is more between its first child and
/// its end. Where the leader has no handler for a signal it is not a service yet, and has [`LAUNCH`]: it may have been frozen.
pub const AT_ONCE: Duration = Duration::from_secs(1);
/// Within this time of forking its daemon a launcher leaves, and the daemon begins its session. What is later
/// is a service that ends, and a helper of it.
pub const LAUNCH: Duration = Duration::from_secs(10);
/// A child that is older is no child that somebody waits for.
const OLD: Duration = Duration::from_secs(3);
const CHILDREN: usize = 64;
const CANDIDATES: usize = 16;

/// Numbers only, each of which is valid whatever it is: no pointer, no lock of libc's.
#[repr(C)]
pub struct Page {
    children: [Child; CHILDREN],
    candidates: [Candidate; CANDIDATES],
    /// Changes, and is woken, whenever a child has decided.
    news: AtomicU32,
    /// The candidate whose host has removed or renamed the file itself.
    removed_by: AtomicI32,
    /// The candidate of which the owner has seen that.
    removal_seen: AtomicU32,
    /// The candidate that the owner is just passing the file on to.
    offered: AtomicI32,
    /// When the owner has ended of its own accord, and there was nobody to inherit, in nanoseconds since boot.
    abandoned: AtomicU64,
    /// The first child that has begun its session after that.
    late: AtomicI32,
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

/// The candidate of which this process, the owner, has found confirmed that it has removed the file; 0: none.
static CONFIRMED_REMOVER: AtomicI32 = AtomicI32::new(0);

/// Records whether the host of this process has removed or renamed the file itself.
pub fn set_removed_by_host(it_has: bool) {
    CONFIRMED_REMOVER.store(0, Ordering::SeqCst);
    if let Some(page) = page() {
        let pid = if it_has { sys::getpid() } else { 0 };
        page.removed_by.store(pid, Ordering::SeqCst);
    }
}

/// Returns whether a candidate has removed or renamed the file, one that the kernel confirms. That counts also when it has
/// ended since.
pub fn is_removed_by_host() -> bool {
    let Some(page) = page() else { return false };
    let pid = page.removed_by.load(Ordering::SeqCst);
    if pid == 0 || pid == sys::getpid() || pid == CONFIRMED_REMOVER.load(Ordering::SeqCst) {
        return pid != 0;
    }
    let all = page.claimants();
    let is_confirmed = all
        .filter(|claimant| claimant.pid == pid)
        .any(|claimant| confirm(claimant).is_some_and(|confirmed| confirmed.is_equal));
    if is_confirmed {
        CONFIRMED_REMOVER.store(pid, Ordering::SeqCst);
        page.removal_seen.store(pid as u32, Ordering::SeqCst);
        futex::wake_all_shared(&page.removal_seen);
    }
    is_confirmed
}

/// Waits until the owner has seen that this process, a candidate that ends, has removed the file, if it has: of one that is
/// gone the owner could not confirm it. Gives up after a second.
///
/// Async-signal-safe.
pub fn await_removal_seen(page: &Page) {
    const SEEING: Duration = Duration::from_secs(1);
    let pid = sys::getpid();
    if page.removed_by.load(Ordering::SeqCst) != pid {
        return;
    }
    let end = clock::now() + SEEING;
    loop {
        let seen = page.removal_seen.load(Ordering::SeqCst);
        let now = clock::now();
        if seen == pid as u32 || now >= end || !procfs::is_alive(state::owner()) {
            return;
        }
        futex::wait_shared(&page.removal_seen, seen, end - now);
    }
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
                let is_gone = stage.pid() != 0 && !procfs::is_alive(stage.pid());
                if is_gone || age(child.born.load(Ordering::SeqCst)) > OLD {
                    child.go_from(stage, Stage::NONE);
                }
            }
            self.free_place()
        })?;
        self.children[place]
            .born
            .store(nanoseconds(), Ordering::SeqCst);
        Some(place)
    }

    /// The fork has failed.
    pub fn expect_no_child(&self, place: usize) {
        if let Some(child) = self.children.get(place) {
            child.go_from(Stage::EXPECTED, Stage::NONE);
        }
    }

    /// Records that the fork has returned in the parent. The child may have told more by then.
    pub fn child_is_forked(&self, place: usize) {
        if let Some(child) = self.children.get(place) {
            child.go_from(Stage::EXPECTED, Stage::UNSEEN);
        }
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
        if let Some(child) = self.children.get(place) {
            child.stage.store(undecided.0, Ordering::SeqCst);
        }
    }

    /// In the child: it is about to be a candidate. That takes a while, in which it sleeps too.
    pub fn is_deciding(&self) {
        self.go_to(HELD.load(Ordering::SeqCst), Stage::DECIDING);
    }

    /// In the child: it is a candidate now, or will not be one.
    pub fn decide(&self) {
        if self.go_to(HELD.swap(0, Ordering::SeqCst), Stage::DECIDED) {
            self.tell();
        }
    }

    fn tell(&self) {
        self.news.fetch_add(1, Ordering::SeqCst);
        futex::wake_all_shared(&self.news);
    }

    /// The place of one that took very long may be another's by now.
    fn go_to(&self, held: usize, to: u32) -> bool {
        let child = held.checked_sub(1).and_then(|at| self.children.get(at));
        child.is_some_and(|child| {
            let (stage, to) = (child.stage(), Stage::of_this_process(to));
            stage.pid() == to.pid() && child.go_from(stage, to)
        })
    }

    /// Returns the children that have not decided, each with the number of its place, and when it was forked.
    pub fn undecided(&self) -> impl Iterator<Item = (usize, Progress, u64)> {
        let all = self.children.iter().enumerate();
        all.filter_map(|(place, child)| {
            let born = child.born.load(Ordering::SeqCst);
            Some((place, child.stage().progress()?, born))
        })
    }

    /// A child has decided in a way that nobody tells of: it has ended, or called exec(2).
    pub fn has_decided(&self, place: usize, progress: Progress) {
        if let Some(child) = self.children.get(place) {
            let stage = child.stage();
            if stage.progress() == Some(progress) {
                child.go_from(stage, Stage::NONE);
            }
        }
    }

    /// Sleeps until a child tells something new, or for `bound`.
    pub fn wait_for_news(&self, known: u32, bound: Duration) {
        futex::wait_shared(&self.news, known, bound);
    }

    /// Returns a number that changes with each piece of news.
    pub fn news(&self) -> u32 {
        self.news.load(Ordering::SeqCst)
    }

    /// This process is a candidate from now on.
    pub fn add(&self, kind: Kind, address: u32) {
        let pid = sys::getpid();
        let free = |candidate: &&Candidate| {
            let known = candidate.pid.load(Ordering::SeqCst);
            let order = Ordering::SeqCst;
            let exchange = || candidate.pid.compare_exchange(known, -1, order, order);
            !procfs::is_running(known) && exchange().is_ok()
        };
        if let Some(candidate) = self.candidates.iter().find(free) {
            candidate.since.store(nanoseconds(), Ordering::SeqCst);
            candidate.started_by.store(clock::ticks(), Ordering::SeqCst);
            candidate.address.store(address, Ordering::SeqCst);
            candidate.kind.store(kind as u32, Ordering::SeqCst);
            // At last: who reads it before finds none.
            candidate.pid.store(pid, Ordering::SeqCst);
        }
    }

    pub fn forget(&self, pid: libc::pid_t) {
        for candidate in &self.candidates {
            let order = Ordering::SeqCst;
            let _ = candidate.pid.compare_exchange(pid, 0, order, order);
        }
    }

    /// Returns whether there is, or was, a candidate, or a child that has not decided. Looks at memory alone.
    pub fn has_children(&self) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|candidate| candidate.pid.load(Ordering::SeqCst) != 0)
            || self.undecided().next().is_some()
    }

    /// Returns whether `pid` is one of the processes that may inherit the file.
    pub fn knows(&self, pid: libc::pid_t) -> bool {
        let mut pids = self.candidates.iter();
        pids.any(|candidate| candidate.pid.load(Ordering::SeqCst) == pid)
    }

    /// The owner is about to make the file name this candidate. Returns whether that one has not begun to end: one that
    /// begins later sees the offer, and waits.
    pub fn offer(&self, pid: libc::pid_t) -> bool {
        self.offered.store(pid, Ordering::SeqCst);
        self.knows(pid)
    }

    /// The offer is over, or was none.
    pub fn withdraw_offer(&self) {
        self.offered.store(0, Ordering::SeqCst);
    }

    /// Returns whether the owner is just passing the file on to this process.
    pub fn is_offered(&self) -> bool {
        self.offered.load(Ordering::SeqCst) == sys::getpid()
    }

    /// Returns the other processes that say that they are candidates, and that live.
    pub fn claimants(&self) -> impl Iterator<Item = Claimant> {
        let ourselves = sys::getpid();
        self.candidates.iter().filter_map(move |candidate| {
            let pid = candidate.pid.load(Ordering::SeqCst);
            let latest = candidate.started_by.load(Ordering::SeqCst);
            let lives = || procfs::is_running_since(pid, latest);
            (pid > 0 && pid != ourselves && lives()).then_some(())?;
            Some(Claimant {
                pid,
                kind: Kind::of(candidate.kind.load(Ordering::SeqCst))?,
                since: candidate.since.load(Ordering::SeqCst),
                address: candidate.address.load(Ordering::SeqCst),
            })
        })
    }

    /// Returns how many session leaders there are among the candidates.
    pub fn leaders(&self) -> usize {
        let is_leader = |claimant: &Claimant| {
            let kinds = [Kind::Leader, Kind::GrandchildLeader, Kind::ExtraLeader];
            kinds.contains(&claimant.kind)
        };
        self.claimants().filter(is_leader).count()
    }

    /// The owner ends of its own accord, and leaves the path to a child that decides only now.
    pub fn abandon(&self) {
        self.abandoned.store(nanoseconds(), Ordering::SeqCst);
    }

    /// Returns whether this process, which was forked and has begun its session at these times, may take the
    /// path that the owner has left to its children. Only one may.
    pub fn may_come_late(&self, (born, session): (u64, u64)) -> bool {
        let abandoned = self.abandoned.load(Ordering::SeqCst);
        let time = |one: u64, other: u64| Duration::from_nanos(one.abs_diff(other));
        let order = Ordering::SeqCst;
        abandoned != 0
            // It may have got its first processor only then.
            && time(born, abandoned) <= LAUNCH
            && session >= abandoned
            && time(session, abandoned) <= LAUNCH
            && self
                .late
                .compare_exchange(0, sys::getpid(), order, order)
                .is_ok()
    }
}

/// Pause between two looks at children that have not decided.
pub const LOOK: Duration = POLL_INTERVAL.saturating_mul(5);
