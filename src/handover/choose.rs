//! Decides to whom the file may pass, and whether it is too early to tell.
//!
//! What processes say of themselves is a hint ([`crate::ownership::shared`]). Here it is held against what the
//! kernel says: who leads a session, whose child it is, what it runs.

use std::time::Duration;

use crate::handover::lineage;
use crate::handover::looks::{LOOK, Looks, REST};
use crate::handover::relation::{
    Ending, age_of, is_another_program, is_child, is_daemon_of_a_launcher,
    is_daemon_of_fewer_rights, is_launcher, is_left_at_once,
};
use crate::ownership::candidate::{Claimant, Kind, confirm};
use crate::ownership::shared::{LAUNCH, SharedState};
use crate::pidfile::fd_passing::Connection;
use crate::pidfile::instance;
use crate::sys::fs::FileId;
use crate::sys::{self, clock, procfs};

/// How long a new session leader may take to fork the child that takes its place. Until then the file does not pass to the
/// leader, which may be about to end. If it does all the same, the leader hands it over to its child.
const FORKING_ON: Duration = Duration::from_millis(1);
/// How long that leader may then take to end.
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
    /// Since when, in nanoseconds since boot.
    pub since: u64,
}

/// Returns to whom the file of this process, which ends, may pass.
///
/// Context: keeper of the owner. To be asked again after [`LOOK`] if the answer is to wait.
pub fn successor(shared: &SharedState, looks: &mut Looks, owner: Leaving) -> Choice {
    let news = shared.children.news();
    if looks.are_pending(shared) {
        return Choice::Wait;
    }
    let claimants: Vec<Claimant> = shared.candidates.claimants().collect();
    let choice = among(&claimants, shared, looks, owner);
    let mut all = claimants.iter();
    match choice {
        Choice::Wait => Choice::Wait,
        // Between the two looks a leader may have forked its child and ended, and the child has not said so then.
        Choice::Nobody if shared.children.news() != news || looks.are_pending(shared) => {
            Choice::Wait
        }
        // One that ends meanwhile seems to be there beside its own child, or to be another program; or it has left a child,
        // of which it is not seen that it is one beside the others.
        _ if all.any(|it| !procfs::is_running(it.pid)) => Choice::Wait,
        choice => choice,
    }
}

/// Returns to whom the file may pass, of those that have decided.
fn among(
    claimants: &[Claimant],
    shared: &SharedState,
    looks: &mut Looks,
    owner: Leaving,
) -> Choice {
    let ending = owner.ending;
    let of_kind = |kind: Kind| {
        let claimants = claimants.iter().copied();
        claimants.filter(move |claimant| claimant.kind == kind)
    };
    // A grandchild inherits from the process between, if that one lives: a worker of a daemon does not.
    let mut children: Vec<Claimant> = Vec::new();
    for child in of_kind(Kind::AnyChild) {
        match procfs::parent(child.pid).filter(|parent| is_child(*parent)) {
            None => children.push(child),
            // One that leaves is no candidate any more.
            Some(between) if !shared.candidates.knows(between) && looks.may_leave(between) => {
                return Choice::Wait;
            }
            Some(_) => {}
        }
    }
    if let Some(last) = children.into_iter().max_by_key(|child| child.since) {
        return settle(shared, looks, owner, last);
    }
    let mut leaders: Vec<Claimant> = Vec::new();
    let both = of_kind(Kind::SessionLeader).chain(of_kind(Kind::GrandchildSessionLeader));
    for leader in both.chain(of_kind(Kind::ExtraSessionLeader)) {
        if leader.kind == Kind::GrandchildSessionLeader {
            match procfs::parent(leader.pid) {
                // The process between, if it is still there.
                Some(between) if is_child(between) && looks.may_leave(between) => {
                    return Choice::Wait;
                }
                Some(between) if is_child(between) => continue,
                _ => {}
            }
        }
        // One whose parent was the owner before this one is none of its children.
        if leader.kind == Kind::SessionLeader
            && procfs::parent(leader.pid).is_some_and(|parent| parent != sys::getpid())
        {
            continue;
        }
        if procfs::session(leader.pid).is_none_or(|session| session == leader.pid) {
            leaders.push(leader);
        }
    }
    // A leader leaves the file to its child only at once, and forks no other child. A launcher may have waited until that
    // child was ready.
    let as_leader = lineage::forked_as_leader();
    let mut heirs: Vec<Claimant> = of_kind(Kind::LeadersChild)
        .filter(|_| as_leader.is_none_or(|forked| forked == 1))
        .filter(|child| as_leader.is_none() || is_left_at_once(child, ending, owner.since))
        .filter(|child| leaders.is_empty() || has_lost_its_leader(child, &leaders))
        .collect();
    // A launcher's helper is another program by now, its daemon is not. Each is asked once: it may call exec(2) meanwhile.
    if ending == Ending::Plain && !leaders.is_empty() {
        let as_forked = |all: &[Claimant]| -> Vec<Claimant> {
            let all = all.iter().copied();
            all.filter(|it| procfs::is_as_forked(it.pid)).collect()
        };
        let (some_leaders, some_heirs) = (as_forked(&leaders), as_forked(&heirs));
        let mut daemons = some_leaders.iter().chain(&some_heirs);
        if daemons.any(|it| age_of(it) <= LAUNCH) {
            (leaders, heirs) = (some_leaders, some_heirs);
        }
    }
    match (&leaders[..], &heirs[..]) {
        ([], []) => Choice::Nobody,
        ([one], []) | ([], [one]) if is_another_program(one.pid) && !is_launcher(one, ending) => {
            Choice::Unclear
        }
        ([leader], []) if may_move_on(shared, leader) => Choice::Wait,
        ([one], []) | ([], [one]) => settle(shared, looks, owner, *one),
        ([], _) => Choice::Unclear,
        // Of a launcher's, one may be a helper that is about to be another program.
        _ if ending == Ending::Plain && !looks.are_settled(leaders.iter().chain(&heirs)) => {
            Choice::Wait
        }
        _ => Choice::Unclear,
    }
}

/// Returns whether the leader that has forked this child is gone. As long as it is there the child is its worker.
fn has_lost_its_leader(child: &Claimant, leaders: &[Claimant]) -> bool {
    procfs::parent(child.pid).is_some_and(|parent| leaders.iter().all(|it| it.pid != parent))
}

/// Returns the one that is left, with what it gets, if the kernel confirms it.
fn settle(shared: &SharedState, looks: &mut Looks, owner: Leaving, claimant: Claimant) -> Choice {
    // Another one may be meant.
    if looks.is_any_held_up {
        return Choice::Unclear;
    }
    if let Some(confirmed) = confirm(claimant) {
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
    // A candidate without a keeper ends, or is in the middle of exec(2), which first ends all other threads. (A keeper
    // that gives up withdraws.) A new image listens again, unless it is a program without this library. That one soon
    // sleeps, alone.
    let is_on_its_way =
        procfs::is_as_forked(claimant.pid) || !procfs::is_asleep_alone(claimant.pid);
    looks.alone = if is_on_its_way { 0 } else { looks.alone + 1 };
    if looks.alone > REST {
        looks.alone = 0;
        shared.candidates.forget(claimant.pid);
    }
    Choice::Wait
}

/// Returns whether a session leader may be about to leave its work to a child (double fork).
fn may_move_on(shared: &SharedState, leader: &Claimant) -> bool {
    let all = shared.candidates.claimants();
    let children = all.filter(|claimant| claimant.kind == Kind::LeadersChild);
    let births = shared.children.undecided().map(|(_, _, born)| born);
    let later = children.map(|child| child.since).chain(births);
    match later.filter(|born| *born > leader.since).max() {
        Some(born) => clock::age(born) < LEAVING,
        // One that sleeps has other things to do.
        None => age_of(leader) < FORKING_ON && !procfs::is_asleep(leader.pid),
    }
}

/// Pauses between two questions; returns at once when there is news.
pub fn pause(shared: &SharedState, news: u32) {
    shared.children.wait_for_news(news, LOOK);
}
