//! To whom the file may pass, and whether it is too early to tell.
//!
//! What processes say of themselves is a hint ([`crate::ownership::shared`]). Here it is held against what the
//! kernel says: who leads a session, whose child it is, what it runs.

use std::time::Duration;

use crate::handover::lineage;
use crate::ownership::shared::{self, AT_ONCE, Claimant, Kind, LAUNCH, LOOK, Page, Progress, age};
use crate::ownership::state;
use crate::pidfile::fd_passing::Connection;
use crate::pidfile::instance;
use crate::sys::fs::FileId;
use crate::sys::{self, procfs};

/// How many looks in a row find a child that does not run, until it counts as one that has come to rest: on
/// its way to a session, or to its end, a child is busy.
const REST: u32 = 20;
/// How many looks in a row find a child that does not run and cannot be interrupted: a busy disk may take that long.
const BLOCKED: u32 = 60;
/// CPU time in nanoseconds above which a child counts as at work: on its way to a session it uses less.
const AT_WORK: u64 = 50_000_000;
/// How many looks a thread of the host gets for a fork(2) that is under way.
const FORKING: u32 = 50;
/// A leader that was made just now gets so long to fork a second, and then so long to leave: the file
/// shall not name a process that is about to end, if that can be helped. If not, that one hands it on.
const FORKING_ON: Duration = Duration::from_millis(1);
const LEAVING: Duration = Duration::from_millis(50);

/// What there is to do.
pub enum Choice {
    /// There is no successor.
    Nobody,
    /// There are some, and it is not clear which.
    Unclear,
    /// Somebody may be about to change the answer.
    Wait,
    Successor(Claimant, Gift),
}

/// What a successor gets.
pub enum Gift {
    /// The descriptor of the file, with its lock and the right to write, and the name in the file.
    File(Connection),
    /// The name alone. It has the file open itself, and takes the lock when this process has ended.
    Name,
}

/// The owner that ends, as far as it matters for its successor.
#[derive(Clone, Copy)]
pub struct Leaving {
    pub file: FileId,
    pub ending: Ending,
}

/// What is left of an owner that ends, as far as it matters for its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It has no handler for a signal by which one ends programs: it may be a launcher.
    Plain,
    /// It has a handler for SIGINT or SIGQUIT, or waits for one of them.
    OfInteractive,
    /// It has a handler for SIGTERM, or waits for that.
    OfService,
}

/// What was seen of children that have not decided.
pub struct Looks {
    /// In a row, how often the child in a place did not run, and which child that was.
    at_rest: [(libc::pid_t, u32); 64],
    /// The same of a child that has forked a candidate.
    between: (libc::pid_t, u32),
    /// In a row, how often a successor had no keeper, and was not about to have one.
    alone: u32,
    /// In a row, how often none of several leaders was on its way.
    together: u32,
}

impl Looks {
    pub fn new() -> Self {
        Self {
            at_rest: [(0, 0); 64],
            between: (0, 0),
            alone: 0,
            together: 0,
        }
    }

    /// Returns whether all these leaders have come to rest, or to their work: a helper may yet call exec(2).
    fn are_settled(&mut self, leaders: &[Claimant]) -> bool {
        let is_on_its_way = |leader: &Claimant| {
            procfs::is_as_forked(leader.pid)
                && procfs::is_runnable(leader.pid)
                && procfs::cpu_time(leader.pid).is_none_or(|time| time < AT_WORK)
        };
        let is_any = leaders.iter().any(is_on_its_way);
        self.together = if is_any { 0 } else { self.together + 1 };
        self.together >= REST
    }

    /// Looks at all children once. Returns whether one may still be on its way to a session.
    pub fn are_pending(&mut self, page: &Page) -> bool {
        let mut are_pending = false;
        for (place, progress, born) in page.undecided() {
            let Some(seen) = self.at_rest.get_mut(place) else {
                continue;
            };
            let at_rest = count(seen, progress.pid());
            *at_rest += 1;
            let is_pending = match progress {
                Progress::Expected => *at_rest < FORKING,
                // On a busy machine that takes a while. One that was ended before never tells.
                Progress::Unseen => age(born) <= LAUNCH,
                Progress::Undecided(pid) if !procfs::is_as_forked(pid) => {
                    page.has_decided(place, progress);
                    true
                }
                Progress::Undecided(pid) if procfs::is_runnable(pid) => {
                    *at_rest = 0;
                    procfs::cpu_time(pid).is_none_or(|time| time < AT_WORK)
                }
                // It reads or writes a disk, or waits in vfork(2).
                Progress::Undecided(pid) if procfs::is_blocked(pid) => *at_rest < BLOCKED,
                Progress::Undecided(_) => *at_rest < REST,
                Progress::Deciding(pid) if !procfs::is_running(pid) => {
                    page.has_decided(place, progress);
                    false
                }
                // It starts a thread, and waits for that.
                Progress::Deciding(pid) if !procfs::is_stopped(pid) => {
                    *at_rest = 0;
                    true
                }
                Progress::Deciding(_) => *at_rest < REST,
            };
            are_pending |= is_pending;
        }
        are_pending
    }

    /// Looks at a child that has forked a candidate. Returns whether it may be about to leave: one that has come to rest
    /// stays, as a worker that has a session below it.
    fn may_leave(&mut self, between: libc::pid_t) -> bool {
        let at_rest = count(&mut self.between, between);
        // One that ends does not sleep.
        let rests = procfs::is_asleep(between) || procfs::is_stopped(between);
        *at_rest = if rests { *at_rest + 1 } else { 0 };
        *at_rest < REST
    }
}

/// Returns the counter for a process, which begins anew if it was another's.
fn count(seen: &mut (libc::pid_t, u32), pid: libc::pid_t) -> &mut u32 {
    if seen.0 != pid {
        *seen = (pid, 0);
    }
    &mut seen.1
}

/// Returns to whom the file of this process, which ends, may pass.
///
/// Context: keeper of the owner. To be asked again after [`LOOK`] if the answer is to wait.
pub fn successor(page: &Page, looks: &mut Looks, owner: Leaving) -> Choice {
    let news = page.news();
    if looks.are_pending(page) {
        return Choice::Wait;
    }
    match among_claimants(page, looks, owner) {
        // Between the two looks a leader may have forked its second and left, and the second has not said so then.
        Choice::Nobody if page.news() != news || looks.are_pending(page) => Choice::Wait,
        choice => choice,
    }
}

/// Returns to whom the file may pass, of those that have decided.
fn among_claimants(page: &Page, looks: &mut Looks, owner: Leaving) -> Choice {
    let ending = owner.ending;
    let of_kind = |kind: Kind| {
        page.claimants()
            .filter(move |claimant| claimant.kind == kind)
    };
    // A grandchild inherits from the one between, if that one lives: a worker of a daemon does not.
    let mut children: Vec<Claimant> = Vec::new();
    for child in of_kind(Kind::AnyChild) {
        match procfs::parent(child.pid).filter(|parent| is_child(*parent)) {
            None => children.push(child),
            // One that leaves is no candidate any more.
            Some(between) if !page.knows(between) && looks.may_leave(between) => {
                return Choice::Wait;
            }
            Some(_) => {}
        }
    }
    if let Some(last) = children.into_iter().max_by_key(|child| child.since) {
        return settle(page, looks, owner, last);
    }
    let mut leaders: Vec<Claimant> = Vec::new();
    let both = of_kind(Kind::Leader).chain(of_kind(Kind::GrandchildLeader));
    for leader in both.chain(of_kind(Kind::ExtraLeader)) {
        if leader.kind == Kind::GrandchildLeader {
            match procfs::parent(leader.pid) {
                // The one between, if it is still there.
                Some(between) if is_child(between) && looks.may_leave(between) => {
                    return Choice::Wait;
                }
                Some(between) if is_child(between) => continue,
                _ => {}
            }
        }
        // One whose parent was the owner before this one is none of its children.
        if leader.kind == Kind::Leader
            && procfs::parent(leader.pid).is_some_and(|parent| parent != sys::getpid())
        {
            continue;
        }
        if procfs::session(leader.pid).is_none_or(|session| session == leader.pid) {
            leaders.push(leader);
        }
    }
    // A launcher's helper is another program by now, its daemon is not.
    let is_daemon = |leader: &Claimant| {
        procfs::is_as_forked(leader.pid) && ending == Ending::Plain && age_of(leader) <= LAUNCH
    };
    if leaders.iter().any(is_daemon) {
        leaders.retain(|leader| procfs::is_as_forked(leader.pid));
    }
    match leaders[..] {
        [] => {}
        [leader] if is_another_program(leader.pid) && !is_launcher(&leader, ending) => {
            return Choice::Unclear;
        }
        [leader] if may_move_on(page, &leader) => return Choice::Wait,
        [leader] => return settle(page, looks, owner, leader),
        // Of a launcher's, one may be a helper that is about to be another program.
        _ if ending == Ending::Plain && !looks.are_settled(&leaders) => return Choice::Wait,
        _ => return Choice::Unclear,
    }
    // A leader leaves the file to its second only at once, and forks no other child; a launcher
    // may have waited until the second was ready.
    let as_leader = lineage::forked_as_leader();
    if as_leader.is_some_and(|forked| forked != 1) {
        return Choice::Nobody;
    }
    // One that has no handler may have been held up on its way: a service that forks its first worker has some.
    let leaving = match ending {
        Ending::Plain => LAUNCH,
        Ending::OfInteractive | Ending::OfService => AT_ONCE,
    };
    let mut seconds =
        of_kind(Kind::Second).filter(|second| as_leader.is_none() || age_of(second) <= leaving);
    match (seconds.next(), seconds.next()) {
        (Some(second), None) if is_another_program(second.pid) && !is_launcher(&second, ending) => {
            Choice::Unclear
        }
        (Some(second), None) => settle(page, looks, owner, second),
        (Some(_), Some(_)) => Choice::Unclear,
        (None, _) => Choice::Nobody,
    }
}

/// Returns the one that is left, with what it gets, if the kernel confirms it.
fn settle(page: &Page, looks: &mut Looks, owner: Leaving, claimant: Claimant) -> Choice {
    if let Some(confirmed) = shared::confirm(claimant) {
        let pid = claimant.pid;
        if confirmed.is_equal || is_daemon_of_a_launcher(pid, owner.ending) {
            return Choice::Successor(claimant, Gift::File(confirmed.connection));
        }
        // The name is worth nothing to one that cannot hold the file: nobody would have the lock, or see the deletion.
        if is_daemon_of_fewer_rights(pid) && instance::has_open(pid, owner.file) {
            return Choice::Successor(claimant, Gift::Name);
        }
        return Choice::Unclear;
    }
    // A candidate without a keeper is in the middle of exec(2), which ends its threads first and waits for that, or
    // it ends: a keeper that gives up withdraws. Its new image listens again; but that may be a program that has
    // no such library. It soon sleeps, alone.
    let is_on_its_way =
        procfs::is_as_forked(claimant.pid) || !procfs::is_asleep_alone(claimant.pid);
    looks.alone = if is_on_its_way { 0 } else { looks.alone + 1 };
    if looks.alone > REST {
        looks.alone = 0;
        page.forget(claimant.pid);
    }
    Choice::Wait
}

/// Returns whether a process that gave up root before its session is what this one was started for: its child, the same
/// program still, of an owner that has no handler for SIGTERM and leaves soon after it has begun. All of that is the kernel's word, or
/// memory of this process alone: a worker of a service that has run for a while never gets a descriptor of root's.
fn is_daemon_of_a_launcher(pid: libc::pid_t, ending: Ending) -> bool {
    ending != Ending::OfService
        && state::owner_age() <= LAUNCH
        && is_child(pid)
        && procfs::is_as_forked(pid)
}

/// Returns whether a process of fewer rights is a daemon that has given up root, and not a worker:
/// it is outside of this process's session, or the one child of a launcher that has begun the session itself.
fn is_daemon_of_fewer_rights(pid: libc::pid_t) -> bool {
    let [theirs, ours] = [pid, sys::getpid()].map(procfs::session);
    theirs.is_some() && theirs != ours
        || lineage::forked_as_leader() == Some(1) && !procfs::is_as_forked(pid)
}

fn age_of(claimant: &Claimant) -> Duration {
    age(claimant.since)
}

/// Whether a process is a child of this one.
fn is_child(pid: libc::pid_t) -> bool {
    procfs::parent(pid) == Some(sys::getpid())
}

/// Whether a process has called exec(2), and runs another program than this one.
fn is_another_program(pid: libc::pid_t) -> bool {
    !procfs::is_as_forked(pid) && procfs::program(pid) != procfs::program(sys::getpid())
}

/// Whether this process is nothing but a launcher: it leaves soon after its daemon has begun its session.
fn is_launcher(daemon: &Claimant, ending: Ending) -> bool {
    ending != Ending::OfService && age_of(daemon) <= LAUNCH
}

/// Whether a leader may be about to leave its work to a second.
fn may_move_on(page: &Page, leader: &Claimant) -> bool {
    let seconds = page.claimants();
    let seconds = seconds.filter(|second| second.kind == Kind::Second);
    let births = page.undecided().map(|(_, _, born)| born);
    let later = seconds.map(|second| second.since).chain(births);
    match later.filter(|born| *born > leader.since).max() {
        Some(born) => age(born) < LEAVING,
        // One that sleeps has other things to do.
        None => age_of(leader) < FORKING_ON && !procfs::is_asleep(leader.pid),
    }
}

/// Pause between two questions.
pub fn pause(page: &Page, news: u32) {
    page.wait_for_news(news, LOOK);
}
