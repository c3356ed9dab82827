//! What must hold, in whatever order things happen.

use super::candidate::Main;
use super::claim::{Claim, Resume};
use super::model::{Assume, Model, Rights};
use super::receive::StandBy;
use super::world::{At, CHILD, FIRST, File, Link, OTHER, Pid, Process, World};

impl World {
    /// Whether it owns the file, or is about to again, or to inherit it.
    fn has_a_right_to(&self, pid: Pid, file: usize) -> bool {
        let Some(process) = self.processes.get(pid) else {
            return false;
        };
        match process.at {
            At::NotBegun | At::Told | At::Aside | At::Gone => false,
            At::Exec | At::Resume(Resume::Open) => true,
            // Its owner may take the file back, and give it again.
            At::StandBy(StandBy::Open | StandBy::Exec) => process.apart && !self.is_being_given(),
            At::StandBy(StandBy::Ask | StandBy::AskAfter | StandBy::Receive(_))
                if self.is_being_given() =>
            {
                process.fd == Some(file) && matches!(self.link, Link::File(_) | Link::Received)
            }
            // It ends, and only holds what it is about to give up.
            // It ends, and has not been given the file.
            At::StandBy(StandBy::Ask | StandBy::AskAfter) if self.main != Main::Runs => false,
            At::Pass(_) | At::Remove(_) if !self.files[file].is_held_by(pid) => false,
            _ => process.fd == Some(file),
        }
    }

    fn is_being_given(&self) -> bool {
        matches!(self.processes[FIRST].at, At::Pass(_))
    }

    /// What must not happen to a file that names another living process of ours.
    pub fn takes_from(&self, pid: Pid, file: usize) -> bool {
        let names = self.files[file].names;
        names.is_some_and(|owner| owner != pid && self.has_a_right_to(owner, file))
    }

    /// What must hold at every moment.
    pub fn check(&self) -> Result<(), &'static str> {
        let owners = (0..3).filter(|pid| {
            let Process { at, fd, .. } = self.processes[*pid];
            at == At::Owns && fd == self.path
        });
        if owners.count() > 1 {
            return Err("two owners");
        }
        let Some(path) = self.path else { return Ok(()) };
        let file: File = self.files[path];
        let Some(named) = file.names.filter(|pid| *pid < 3 && self.is_alive(*pid)) else {
            return Ok(());
        };
        let Process { at, fd, .. } = self.processes[named];
        // It calls exec, or called it; or it is the successor, and has yet to get the lock.
        let takes_up = matches!(at, At::Exec | At::Resume(_));
        let inherits = matches!(at, At::StandBy(_));
        // Or the successor cannot take it any more, and the old owner will see that.
        let comes_back = self.is_being_given();
        // Or somebody else tries the lock just now, and it takes it again.
        let is_tried = self.processes.iter().any(|process| {
            let tries = matches!(process.at, At::Claim(Claim::Compare | Claim::Judge));
            tries && process.fd == Some(path)
        });
        let ends = named == CHILD && self.main == Main::Leaves;
        let has_it = matches!(at, At::Owns | At::Remove(_) | At::Leave) && fd == Some(path);
        match file.is_held_by(named)
            || takes_up
            || inherits
            || comes_back
            || has_it
            || is_tried
            || ends
        {
            true => Ok(()),
            false => Err("a file that names a living process is not locked by it"),
        }
    }

    /// What must hold when nothing moves any more.
    pub fn check_at_rest(&self, model: &Model) -> Result<(), &'static str> {
        let names = self.path.and_then(|path| self.files[path].names);
        let is_stale = names.is_some_and(|pid| pid < 3 && !self.is_alive(pid));
        let is_closed = self.processes[CHILD].apart && names == Some(CHILD);
        let may_be_closed = model.rights == Rights::Fewer || model.assume == Assume::AnySpeed;
        let may_stay = self.killed || may_be_closed && is_closed;
        if is_stale && !may_stay {
            return Err("a file is left behind, though nobody was killed");
        }
        if self.loses_successor(model) {
            return Err("nobody inherits, though a session leader is left");
        }
        match self.victim {
            Some(pid)
                if self.is_alive(pid)
                    && self.processes[pid].at != At::Told
                    && model.assume == Assume::All =>
            {
                Err("a deletion is not noticed")
            }
            _ => Ok(()),
        }
    }

    /// Whether the first process has left a daemon, and that has no file.
    fn loses_successor(&self, model: &Model) -> bool {
        let is_left = self.leads && self.main == Main::Runs && self.is_alive(CHILD);
        // Where the directory is root's it cannot make a file anew.
        let is_late_program = self.is_late && self.processes[CHILD].apart;
        let may_inherit = !is_late_program && (model.rights == Rights::Equal || !self.is_late);
        let is_given = self.leaves_file && !self.is_alive(FIRST) && !self.processes[FIRST].apart;
        let is_undisturbed = !self.killed && !self.was_deleted && model.assume == Assume::All;
        let has_started_anew = self.processes[OTHER].at == At::Owns;
        let names = self.path.and_then(|path| self.files[path].names);
        is_left
            && may_inherit
            && is_given
            && is_undisturbed
            && !has_started_anew
            && self.processes[OTHER].at != At::Gone
            && names != Some(CHILD)
    }

    pub fn is_at_rest(&self) -> bool {
        let at_rest = |pid: Pid| {
            let Process { at, fd, .. } = self.processes[pid];
            match at {
                At::NotBegun | At::Aside | At::Gone | At::Told => true,
                At::Owns => fd == self.path && fd.is_some_and(|fd| self.files[fd].is_held_by(pid)),
                At::StandBy(StandBy::Ask) => {
                    let owner = self.waits_for;
                    owner != CHILD
                        && self.processes.get(owner).is_none_or(|owner| {
                            owner.at == At::Owns || owner.at == At::Aside || owner.at == At::Told
                        })
                }
                _ => false,
            }
        };
        let main = matches!(self.main, Main::NotForked | Main::Undecided | Main::Runs);
        (0..3).all(at_rest) && (main || self.processes[CHILD].at == At::Gone)
    }
}
