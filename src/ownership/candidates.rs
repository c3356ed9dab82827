//! Lists the processes that may inherit the file, in the memory that all of them share.

use std::sync::atomic::{AtomicI32, Ordering};

use super::candidate::{Candidate, Claimant, Confirmed, Kind, confirm};
use crate::sys::{self, clock, procfs};

const CANDIDATES: usize = 16;

/// The processes that say that they may inherit. All zeroes: none.
#[repr(C)]
pub struct Candidates {
    candidates: [Candidate; CANDIDATES],
    /// The session leader that has forked a second child last.
    leader_of_several: AtomicI32,
}

impl Candidates {
    /// Returns whether there is, or was, a candidate. Looks at memory alone.
    pub fn is_any(&self) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|candidate| candidate.pid.load(Ordering::SeqCst) != 0)
    }

    /// Makes this process a candidate since a time, in nanoseconds since boot, in place of `leader` if that is not 0.
    pub fn add(&self, kind: Kind, address: u32, since: u64, leader: libc::pid_t) {
        let pid = sys::getpid();
        let free = |candidate: &&Candidate| {
            let known = candidate.pid.load(Ordering::SeqCst);
            let order = Ordering::SeqCst;
            let exchange = || candidate.pid.compare_exchange(known, -1, order, order);
            !procfs::is_running(known) && exchange().is_ok()
        };
        if let Some(candidate) = self.candidates.iter().find(free) {
            candidate.since.store(since, Ordering::SeqCst);
            candidate.started_by.store(clock::ticks(), Ordering::SeqCst);
            candidate.address.store(address, Ordering::SeqCst);
            candidate.kind.store(kind as u32, Ordering::SeqCst);
            candidate.leader.store(leader, Ordering::SeqCst);
            // At last: who reads it before finds none.
            candidate.pid.store(pid, Ordering::SeqCst);
        }
        if self.has_several(leader) {
            self.forget(pid);
        }
    }

    /// Forgets the child that was to take the place of this process, a session leader, which forks another one: nothing
    /// tells which of the two is meant. Looks at memory alone.
    pub fn disown_child(&self) {
        let leader = sys::getpid();
        self.leader_of_several.store(leader, Ordering::SeqCst);
        for candidate in &self.candidates {
            let pid = candidate.pid.load(Ordering::SeqCst);
            // One whose place is being filled finds it when that is done.
            if pid > 0 && candidate.leader.load(Ordering::SeqCst) == leader {
                self.forget(pid);
            }
        }
    }

    /// Forgets a candidate.
    pub fn forget(&self, pid: libc::pid_t) {
        for candidate in &self.candidates {
            let order = Ordering::SeqCst;
            let _ = candidate.pid.compare_exchange(pid, 0, order, order);
        }
    }

    /// Returns whether a session leader has forked several children. Looks at memory alone.
    pub fn has_several(&self, leader: libc::pid_t) -> bool {
        leader != 0 && self.leader_of_several.load(Ordering::SeqCst) == leader
    }

    /// Returns whether `pid` is one of the processes that may inherit the file.
    pub fn knows(&self, pid: libc::pid_t) -> bool {
        let mut pids = self.candidates.iter();
        pids.any(|candidate| candidate.pid.load(Ordering::SeqCst) == pid)
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
            let kinds = [
                Kind::SessionLeader,
                Kind::GrandchildSessionLeader,
                Kind::ExtraSessionLeader,
            ];
            kinds.contains(&claimant.kind)
        };
        self.claimants().filter(is_leader).count()
    }
}

/// Returns a candidate by its PID, if the kernel confirms that it is one.
///
/// Context: keeper.
pub fn confirmed(candidates: &Candidates, pid: libc::pid_t) -> Option<Confirmed> {
    candidates
        .claimants()
        .filter(|claimant| claimant.pid == pid)
        .find_map(confirm)
}
