//! What may happen to a process, and what it may do of its own accord.

use super::candidate::Main;
use super::claim::Claim;
use super::ending::Remove;
use super::give::Pass;
use super::model::{Assume, Model, Rights, Step};
use super::receive::StandBy;
use super::world::{At, CHILD, FIRST, Link, Pid, Process, World};

impl Model {
    /// What may happen at any time, or not at all.
    pub fn happenings(&self, world: &World) -> Vec<Step> {
        let mut next = Vec::new();
        let mut may = |pid: Pid, change: &dyn Fn(&mut World)| {
            let mut then = world.clone();
            change(&mut then);
            next.push((pid, world.processes[pid].at, then));
        };
        let (kills, execs, deletions) = world.left;
        for pid in 0..3 {
            let at = world.processes[pid].at;
            match at {
                At::NotBegun if pid != CHILD => {
                    may(pid, &|w| w.processes[pid].at = At::Claim(Claim::Look))
                }
                At::Gone | At::NotBegun => continue,
                _ => {}
            }
            if kills > 0 {
                may(pid, &|w| {
                    w.left.0 -= 1;
                    // An owner that ends sees that its successor has gone before it had the file.
                    let is_given = self.rights == Rights::Fewer || w.link == Link::Answered;
                    let is_seen = pid == CHILD && !is_given && passes_on(w);
                    w.killed |= !is_seen;
                    // What it knew, nobody knows any more.
                    w.victim = w.victim.filter(|_| pid != FIRST);
                    end(w, pid);
                });
            }
            let runs = pid != CHILD || world.main == Main::Runs;
            let has_role = at == At::Owns || at == At::StandBy(StandBy::Answer);
            let stands_by = pid == CHILD && at.stands_by();
            if execs > 0 && runs && (has_role || stands_by) {
                may(pid, &|w| {
                    w.left.1 -= 1;
                    w.call_exec(pid, stands_by);
                });
            }
            let has_lock = world.has_lock(pid) || self.assume == Assume::EndsWithoutLock;
            match at {
                At::Owns if runs && has_lock => {
                    may(pid, &|w| {
                        w.processes[pid].at = At::Pass(Pass::AskUndecided);
                        w.leaves_file |= pid == FIRST;
                        if pid != FIRST {
                            w.processes[pid].at = At::Remove(Remove::Look);
                        }
                    });
                    may(pid, &|w| w.processes[pid].at = At::Remove(Remove::Look));
                }
                At::Told | At::Aside => may(pid, &|w| end(w, pid)),
                _ => {}
            }
            if stands_by && runs {
                may(pid, &|w| w.main = Main::Withdraw);
            }
        }
        if world.processes[FIRST].at == At::Owns && world.main == Main::NotForked {
            may(CHILD, &|w| {
                w.main = Main::Undecided;
                w.processes[CHILD].at = At::Aside;
                // The shared memory is the first one's of now.
                (w.is_candidate, w.is_abandoned) = (false, false);
                w.processes[FIRST].apart = false;
                w.processes[CHILD].apart = false;
                (w.is_taking, w.is_withdrawn) = (false, false);
            });
        }
        if world.main == Main::Undecided && world.processes[CHILD].at == At::Aside {
            // It calls setsid, or exec.
            may(CHILD, &|w| {
                w.processes[CHILD].at = At::StandBy(StandBy::Open);
                w.main = Main::Deciding;
                w.leads = true;
                w.is_late = w.is_abandoned;
            });
            may(CHILD, &|w| w.main = Main::Runs);
        }
        let unlinks = |process: &Process| {
            matches!(
                process.at,
                At::Claim(Claim::Judge | Claim::Unlink)
                    | At::Remove(Remove::Read | Remove::Unlink)
                    | At::StandBy(StandBy::StaleLook | StandBy::StaleUnlink)
            )
        };
        let may_delete =
            self.assume == Assume::DeletionAtAnyMoment || !world.processes.iter().any(unlinks);
        if deletions > 0 && world.path.is_some() && may_delete {
            may(FIRST, &|w| {
                w.left.2 -= 1;
                w.was_deleted = true;
                w.victim = w.victim_of_deletion();
                w.path = None;
            });
        }
        next
    }
}

/// Whether the owner ends, and has not ended yet.
fn passes_on(world: &World) -> bool {
    matches!(world.processes[FIRST].at, At::Pass(_))
}

/// The process is not there any more, and the kernel has closed all that it had.
fn end(world: &mut World, pid: Pid) {
    world.close(pid);
    world.disconnect(pid);
    world.processes[pid].at = At::Gone;
}

impl World {
    fn call_exec(&mut self, pid: Pid, stands_by: bool) {
        self.close(pid);
        self.disconnect(pid);
        self.processes[pid].at = if stands_by {
            At::StandBy(StandBy::Exec)
        } else {
            At::Exec
        };
        // The new image has memory of its own, and a successor does not learn there why the file is gone.
        self.processes[pid].apart = true;
        if stands_by {
            self.is_taking = false;
        }
        self.victim = self.victim.filter(|_| !stands_by);
        if pid == FIRST {
            self.processes[CHILD].apart = true;
        }
    }

    /// Whether an owner has the lock of its file, if it has that still.
    fn has_lock(&self, pid: Pid) -> bool {
        let file = self.processes[pid].fd;
        file.is_none_or(|file| self.path != Some(file) || self.files[file].is_held_by(pid))
    }

    /// Who has to learn that the file is deleted now.
    fn victim_of_deletion(&self) -> Option<Pid> {
        let named = self.files[self.path?].names.filter(|pid| *pid < 3)?;
        match self.processes[named].at {
            At::Owns | At::Exec | At::Resume(_) => Some(named),
            At::StandBy(StandBy::Exec | StandBy::Open) => None,
            At::StandBy(_) => (self.main == Main::Runs).then_some(CHILD),
            // It is passing the file on.
            At::Pass(Pass::Abandon | Pass::LookAgain) => None,
            At::Pass(_) => {
                let waits = matches!(self.processes[CHILD].at, At::StandBy(StandBy::Ask));
                let listens = self.listens && !self.processes[CHILD].apart;
                let inherits = self.is_candidate && listens && waits;
                (named == FIRST && inherits && self.main == Main::Runs).then_some(CHILD)
            }
            _ => None,
        }
    }
}
