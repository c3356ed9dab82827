//! To whom the file may pass.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::ownership::shared::{AT_ONCE, Candidate, Page, age, kind, nanoseconds};
use crate::sys::{self, procfs};

/// A leader that was made just now gets so long to fork a second, and then so long to leave: the file
/// shall not name a process that is about to end, if that can be helped.
const FORKING_ON: Duration = Duration::from_millis(1);
const LEAVING: Duration = Duration::from_millis(50);

/// When this process has begun a session, in nanoseconds since boot; 0: it has not.
static SESSION: AtomicU64 = AtomicU64::new(0);
/// How many children it has forked since.
static FORKED_SINCE: AtomicU32 = AtomicU32::new(0);

/// This process leads a session from now on.
pub fn begin_session() {
    SESSION.store(nanoseconds(), Ordering::SeqCst);
    FORKED_SINCE.store(0, Ordering::SeqCst);
}

/// This process was just forked.
pub fn forget_session() {
    SESSION.store(0, Ordering::SeqCst);
    FORKED_SINCE.store(0, Ordering::SeqCst);
}

/// This process has forked a child.
pub fn count_child() {
    FORKED_SINCE.fetch_add(1, Ordering::SeqCst);
}

/// How many children this process has forked since it has begun a session, if it has.
pub fn forked_as_leader() -> Option<u32> {
    let is_leader = SESSION.load(Ordering::SeqCst) != 0;
    is_leader.then(|| FORKED_SINCE.load(Ordering::SeqCst))
}

/// Whether the child that is forked now would be a second.
pub fn may_leave_to_next_child() -> bool {
    let session = SESSION.load(Ordering::SeqCst);
    session != 0 && FORKED_SINCE.load(Ordering::SeqCst) == 0 && age(session) <= AT_ONCE
}

/// Whether an heir is a leader that may be about to leave its work to a second.
pub fn may_move_on(page: &Page, heir: &Candidate) -> bool {
    if heir.kind.load(Ordering::SeqCst) != kind::LEADER {
        return false;
    }
    let since = heir.since.load(Ordering::SeqCst);
    let seconds = page.living(kind::SECOND, sys::getpid());
    let seconds = seconds.map(|second| second.since.load(Ordering::SeqCst));
    let young = page.births();
    match seconds.chain(young).filter(|born| *born > since).max() {
        Some(born) => age(born) < LEAVING,
        // One that sleeps has other things to do.
        None => age(since) < FORKING_ON && !procfs::is_asleep(heir.pid.load(Ordering::SeqCst)),
    }
}

/// To whom the file of this process, which ends, may pass. A leader tells how many children it
/// has forked.
pub fn heir(page: &Page, as_leader: Option<u32>) -> Option<&Candidate> {
    let ourselves = sys::getpid();
    if let Some(forked) = page
        .living(kind::FORKED, ourselves)
        .max_by_key(|candidate| candidate.since.load(Ordering::SeqCst))
    {
        return Some(forked);
    }
    let mut leaders = page.living(kind::LEADER, ourselves);
    let others = page.living(kind::OTHER_LEADER, ourselves).count();
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
    let mut seconds = page.living(kind::SECOND, ourselves).filter(|second| {
        as_leader.is_none() || age(second.since.load(Ordering::SeqCst)) <= AT_ONCE
    });
    let second = seconds.next()?;
    seconds.next().is_none().then_some(second)
}
