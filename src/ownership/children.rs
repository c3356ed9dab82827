//! Lists the forked children that may still inherit, in the memory that all of them share.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use super::child::{Child, Progress, Stage};
use crate::sys::{clock, futex, procfs};

/// A child that is older is no child that somebody waits for.
const OLD: Duration = Duration::from_secs(3);
/// How many children can be undecided at the same time.
pub const CHILDREN: usize = 64;

/// The number of the place that this process holds, from 1; 0: none.
static OWN_PLACE: AtomicUsize = AtomicUsize::new(0);

/// The children of which it is not known yet whether they may inherit. All zeroes: none.
#[repr(C)]
pub struct Children {
    children: [Child; CHILDREN],
    /// Changes, and is woken, whenever a child has decided.
    news: AtomicU32,
}

impl Children {
    /// Takes a place for a child that is about to be forked, and returns its number. Takes again the places of children
    /// that are old, or have been reaped. Returns nothing if all are taken: nobody waits for such a child.
    ///
    /// Context: host thread. Opens nothing.
    pub fn expect(&self) -> Option<usize> {
        let place = self.free_place().or_else(|| {
            for child in &self.children {
                let stage = child.stage();
                let is_gone = stage.pid() != 0 && !procfs::is_alive(stage.pid());
                if is_gone || clock::age(child.born.load(Ordering::SeqCst)) > OLD {
                    child.go_from(stage, Stage::NONE);
                }
            }
            self.free_place()
        })?;
        self.children[place]
            .born
            .store(clock::nanoseconds(), Ordering::SeqCst);
        Some(place)
    }

    /// Frees the place of a child that could not be forked.
    pub fn expect_none(&self, place: usize) {
        self.go_from_expected(place, Stage::NONE);
    }

    /// Records that the fork has returned in the parent. The child may have told more by then.
    pub fn set_forked(&self, place: usize) {
        self.go_from_expected(place, Stage::UNSEEN);
    }

    fn go_from_expected(&self, place: usize, to: Stage) {
        if let Some(child) = self.children.get(place) {
            let stage = child.stage();
            if stage.is(Stage::EXPECTED) {
                child.go_from(stage, to);
            }
        }
    }

    /// Takes a place that no child has.
    fn free_place(&self) -> Option<usize> {
        let expected = Stage::of_this_process(Stage::EXPECTED);
        self.children.iter().position(|child| {
            let stage = child.stage();
            stage.is_free() && child.go_from(stage, expected)
        })
    }

    /// Makes this process, a forked child, undecided.
    pub fn hold(&self, place: usize) {
        OWN_PLACE.store(place + 1, Ordering::SeqCst);
        let undecided = Stage::of_this_process(Stage::UNDECIDED);
        if let Some(child) = self.children.get(place) {
            child.stage.store(undecided.0, Ordering::SeqCst);
        }
    }

    /// Returns when this process was forked, as its parent has noted before, in nanoseconds since boot; or the time now.
    pub fn own_birth(&self) -> u64 {
        let place = OWN_PLACE.load(Ordering::SeqCst).checked_sub(1);
        let child = place.and_then(|place| self.children.get(place));
        child.map_or_else(clock::nanoseconds, |child| {
            child.born.load(Ordering::SeqCst)
        })
    }

    /// Records that this process is about to be a candidate. That takes a while, in which it sleeps too.
    pub fn set_deciding(&self) {
        self.go_to(OWN_PLACE.load(Ordering::SeqCst), Stage::DECIDING);
    }

    /// Records that this process is a candidate now, or will not be one.
    pub fn decide(&self) {
        if self.go_to(OWN_PLACE.swap(0, Ordering::SeqCst), Stage::DECIDED) {
            self.tell();
        }
    }

    /// Wakes the owner if it waits for news.
    fn tell(&self) {
        self.news.fetch_add(1, Ordering::SeqCst);
        futex::wake_all_shared(&self.news);
    }

    /// Moves this process on to another stage. Its place may be another child's by now, if it took very long.
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

    /// Forgets a child that has decided in a way that nobody tells of: it has ended, or called exec(2).
    pub fn forget(&self, place: usize, progress: Progress) {
        if let Some(child) = self.children.get(place) {
            let stage = child.stage();
            if stage.progress() == Some(progress) {
                child.go_from(stage, Stage::NONE);
            }
        }
    }

    /// Sleeps until the number of news is not `known` any more; gives up after `timeout`.
    pub fn wait_for_news(&self, known: u32, timeout: Duration) {
        futex::wait_shared(&self.news, known, timeout);
    }

    /// Returns a number that changes with each piece of news.
    pub fn news(&self) -> u32 {
        self.news.load(Ordering::SeqCst)
    }
}
