//! What may happen to a process, and what it may do of its own accord.

use super::child::Main;
use super::claim::Claim;
use super::ending::Remove;
use super::hand_over::{HandOver, Pass};
use super::heir::StandBy;
use super::model::{Assume, Model, Step};
use super::world::{At, CHILD, FIRST, Pid, Process, World};

impl Model {
    /// What may happen at any time, or not at all.
    pub fn happenings(&self, world: &World) -> Vec<Step> {
        let mut next = Vec::new();
        let mut may = |pid: Pid, change: &dyn Fn(&mut World)| {
            let mut then = world.clone();
            change(&mut then);
            next.push((pid, world.processes[pid].at, then));
        };
        for pid in 0..3 {
            let at = world.processes[pid].at;
            match at {
                At::NotBegun if pid != CHILD => {
                    may(pid, &|w| w.processes[pid].at = At::Claim(Claim::Look))
                }
                At::Gone | At::NotBegun => continue,
                _ => {}
            }
            if world.kills > 0 {
                may(pid, &|w| {
                    w.kills -= 1;
                    w.killed = true;
                    // What it knew, nobody knows any more.
                    w.victim = w.victim.filter(|_| pid != FIRST);
                    w.close(pid);
                    w.processes[pid].at = At::Gone;
                });
            }
            let stands_by = pid == CHILD && world.main == Main::Runs && at.stands_by();
            let owns = at == At::Owns && (pid != CHILD || world.main == Main::Runs);
            if world.execs > 0 && (owns || stands_by) {
                may(pid, &|w| {
                    w.execs -= 1;
                    w.close(pid);
                    w.processes[pid].at = if stands_by {
                        At::StandBy(StandBy::Open)
                    } else {
                        At::Exec
                    };
                    // The new image has a page of its own, and an heir does not learn there why the file is gone.
                    w.processes[pid].apart = true;
                    w.victim = w.victim.filter(|_| !stands_by);
                    if pid == FIRST {
                        w.processes[CHILD].apart = true;
                    }
                });
            }
            match at {
                At::Owns if owns => {
                    may(pid, &|w| w.processes[pid].at = At::Pass(Pass::Look));
                    may(pid, &|w| w.processes[pid].at = At::Remove(Remove::Look));
                }
                At::Told => may(pid, &|w| {
                    w.close(pid);
                    w.processes[pid].at = At::Gone;
                }),
                At::Aside => may(pid, &|w| w.processes[pid].at = At::Gone),
                _ => {}
            }
            if stands_by {
                may(pid, &|w| w.main = Main::Withdraw);
            }
        }
        if world.processes[FIRST].at == At::Owns && world.main == Main::NotForked {
            may(CHILD, &|w| {
                w.main = Main::Undecided;
                w.processes[CHILD].at = At::Aside;
                // The page is the first one's of now.
                (w.candidate, w.offered, w.taken, w.deleted) = (None, None, None, false);
                w.processes[FIRST].apart = false;
                w.processes[CHILD].apart = false;
            });
        }
        if world.main == Main::Undecided && world.processes[CHILD].at == At::Aside {
            // It calls setsid, or exec.
            may(CHILD, &|w| {
                w.processes[CHILD].at = At::StandBy(StandBy::Open)
            });
            may(CHILD, &|w| w.main = Main::Runs);
        }
        let unlinks = |process: &Process| {
            matches!(
                process.at,
                At::Claim(Claim::Read | Claim::Unlink)
                    | At::Remove(Remove::Read | Remove::Unlink)
                    | At::StandBy(StandBy::StaleUnlink)
            )
        };
        let may_delete =
            self.assume == Assume::DeletionAtAnyMoment || !world.processes.iter().any(unlinks);
        if world.deletions > 0 && world.path.is_some() && may_delete {
            may(FIRST, &|w| {
                w.deletions -= 1;
                w.victim = self.victim(w);
                w.path = None;
            });
        }
        next
    }

    /// Who has to learn that the file is deleted now.
    fn victim(&self, world: &World) -> Option<Pid> {
        use StandBy::{Links, Read, TakeForget, TakeTell, Wait};
        let named = world.files[world.path?].names.filter(|pid| *pid < 3)?;
        match world.processes[named].at {
            At::Owns | At::Exec | At::Resume(_) => Some(named),
            At::StandBy(Wait | Links | Read | TakeForget | TakeTell) if named == CHILD => {
                Some(CHILD)
            }
            // It is passing the file on.
            At::Pass(_) | At::HandOver(HandOver::Look | HandOver::Write) => {
                let heir = &world.processes[CHILD];
                let waits = heir.at == At::StandBy(Wait);
                let inherits = world.candidate == Some(CHILD) && !heir.apart && waits;
                (named == FIRST && inherits && world.main == Main::Runs).then_some(CHILD)
            }
            _ => None,
        }
    }
}
