//! Records how this process descends from the owner, as far as that matters for who inherits.
//!
//! Private to the process: it is what its own fork handlers and setsid(2) have seen.

use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use crate::ownership::candidate::Kind;
use crate::ownership::shared::LAUNCH;
use crate::ownership::state;
use crate::sys::{self, clock};

/// What a forked child is to the owner of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Birth {
    /// Nothing: it will never inherit.
    Bystander,
    /// The owner has forked it.
    OfOwner,
    /// The first child of one that the owner has forked, and that has begun no session.
    OfChild,
    /// The first child of one that the owner has forked, and that has begun a session just before.
    OfLeader,
}

impl Birth {
    pub fn of(value: u32) -> Self {
        let known = [Self::OfOwner, Self::OfChild, Self::OfLeader];
        let found = known.into_iter().find(|birth| *birth as u32 == value);
        found.unwrap_or(Self::Bystander)
    }
}

static BIRTH: AtomicU32 = AtomicU32::new(Birth::Bystander as u32);
/// Who has forked this process.
static PARENT: AtomicI32 = AtomicI32::new(0);
/// When this process was forked, in nanoseconds since boot.
static BORN: AtomicU64 = AtomicU64::new(0);
/// When this process has begun a session; 0: it has not.
static SESSION: AtomicU64 = AtomicU64::new(0);
/// How many children it has forked since it was forked, or since it has begun a session.
static FORKED: AtomicU32 = AtomicU32::new(0);

/// Returns what a child that is forked now will be. `known` is the PID that the fork handlers have seen last.
pub fn next_birth(known: libc::pid_t) -> Birth {
    let forked = FORKED.load(Ordering::SeqCst);
    let session = SESSION.load(Ordering::SeqCst);
    let is_leaving = session != 0 && forked == 0 && clock::age(session) <= LAUNCH;
    if state::is_owner() {
        return if is_leaving {
            Birth::OfLeader
        } else {
            Birth::OfOwner
        };
    }
    let is_of_owner = BIRTH.load(Ordering::SeqCst) == Birth::OfOwner as u32;
    if !is_of_owner || forked != 0 || sys::getpid() != known {
        return Birth::Bystander;
    }
    // SAFETY: getsid(2) takes a number; 0 is the calling process.
    if session == 0 && unsafe { libc::getsid(0) } == known {
        // By a function that the library does not see.
        SESSION.store(clock::nanoseconds(), Ordering::SeqCst);
        return Birth::OfLeader;
    }
    match session {
        0 => Birth::OfChild,
        _ if is_leaving => Birth::OfLeader,
        _ => Birth::Bystander,
    }
}

/// Returns whether this process, a child of the owner, leads a session and has forked one child since. `known` is the PID that
/// the fork handlers have seen last.
pub fn has_forked_one_as_leader(known: libc::pid_t) -> bool {
    BIRTH.load(Ordering::SeqCst) == Birth::OfOwner as u32
        && forked_as_leader() == Some(1)
        && sys::getpid() == known
}

/// Records that this process was just forked.
pub fn be_born(birth: Birth, parent: libc::pid_t) {
    PARENT.store(parent, Ordering::SeqCst);
    BIRTH.store(birth as u32, Ordering::SeqCst);
    BORN.store(clock::nanoseconds(), Ordering::SeqCst);
    SESSION.store(0, Ordering::SeqCst);
    FORKED.store(0, Ordering::SeqCst);
}

/// Records that this process has forked a child.
pub fn count_child() {
    FORKED.fetch_add(1, Ordering::SeqCst);
}

/// Records that this process leads a session from now on. Returns as what it may inherit.
pub fn begin_session() -> Option<Kind> {
    SESSION.store(clock::nanoseconds(), Ordering::SeqCst);
    FORKED.store(0, Ordering::SeqCst);
    match Birth::of(BIRTH.load(Ordering::SeqCst)) {
        Birth::OfOwner => Some(Kind::SessionLeader),
        Birth::OfChild => Some(Kind::GrandchildSessionLeader),
        Birth::OfLeader | Birth::Bystander => None,
    }
}

/// Returns who has forked this process; 0 if nobody of whom the fork handlers know.
pub fn parent() -> libc::pid_t {
    PARENT.load(Ordering::SeqCst)
}

/// Returns how many children this process has forked since it has begun a session, if it has.
pub fn forked_as_leader() -> Option<u32> {
    let is_leader = SESSION.load(Ordering::SeqCst) != 0;
    is_leader.then(|| FORKED.load(Ordering::SeqCst))
}

/// Returns when this process was forked, and when it has begun its session; 0: never.
pub fn times() -> (u64, u64) {
    (BORN.load(Ordering::SeqCst), SESSION.load(Ordering::SeqCst))
}
