//! What must hold, in whatever order things happen.

use super::child::Main;
use super::claim::Resume;
use super::hand_over::HandOver;
use super::heir::StandBy;
use super::world::{At, CHILD, File, Pid, Process, World};

impl World {
    /// Whether it owns the file, or is about to again, or to inherit it.
    fn has_a_right_to(&self, pid: Pid, file: usize) -> bool {
        let Some(process) = self.processes.get(pid) else {
            return false;
        };
        match process.at {
            At::NotBegun | At::Told | At::Aside | At::Gone => false,
            At::Exec | At::Resume(Resume::Open) => true,
            At::StandBy(StandBy::Open) => pid == CHILD && process.apart,
            _ => process.fd == Some(file),
        }
    }

    /// What must not happen to a file that names another living process of ours.
    pub fn takes_from(&self, pid: Pid, file: usize) -> bool {
        let names = self.files[file].names;
        names.is_some_and(|owner| owner != pid && self.has_a_right_to(owner, file))
    }

    /// What must hold at every moment.
    pub fn check(&self) -> Result<(), &'static str> {
        use HandOver::{Ask, Back, Try, Unlock};
        use StandBy::{Links, Open, Read, Wait};
        let owners = (0..3).filter(|pid| {
            let Process { at, fd, .. } = self.processes[*pid];
            at == At::Owns && fd == self.path
        });
        if owners.count() > 1 {
            return Err("two owners");
        }
        let Some(path) = self.path else { return Ok(()) };
        let File { names, lock } = self.files[path];
        let Some(named) = names.filter(|pid| *pid < 3 && self.is_alive(*pid)) else {
            return Ok(());
        };
        let Process { at, fd, .. } = self.processes[named];
        // It calls exec, or called it; or it is the heir, and has yet to get the lock.
        let takes_up = matches!(at, At::Exec | At::Resume(_));
        let inherits = matches!(at, At::StandBy(Open | Wait | Links | Read));
        // Or the heir cannot take it any more, and the old owner will see that.
        let comes_back = self.processes.iter().any(|process| {
            let hands_over = matches!(process.at, At::HandOver(Unlock | Ask | Try(_) | Back(_)));
            hands_over && process.fd == Some(path)
        });
        let right =
            lock == Some(named) || takes_up || inherits && (fd == Some(path) || fd.is_none());
        match right || comes_back {
            true => Ok(()),
            false => Err("a file that names a living process is not locked by it"),
        }
    }

    /// What must hold when nothing moves any more.
    pub fn check_at_rest(&self) -> Result<(), &'static str> {
        let names = self.path.and_then(|path| self.files[path].names);
        if names.is_some_and(|pid| pid < 3 && !self.is_alive(pid)) && !self.killed {
            return Err("a file is left behind, though nobody was killed");
        }
        match self.victim {
            Some(pid) if self.is_alive(pid) && self.processes[pid].at != At::Told => {
                Err("a deletion is not noticed")
            }
            _ => Ok(()),
        }
    }

    pub fn is_at_rest(&self) -> bool {
        let at_rest = |pid: Pid| {
            let Process { at, fd, .. } = self.processes[pid];
            match at {
                At::NotBegun | At::Aside | At::Gone | At::Told => true,
                At::Owns => {
                    fd == self.path && fd.is_some_and(|fd| self.files[fd].lock == Some(pid))
                }
                At::StandBy(StandBy::Wait) => {
                    let holder = fd.and_then(|fd| self.files[fd].lock);
                    holder.is_some_and(|holder| self.processes[holder].at == At::Owns)
                }
                _ => false,
            }
        };
        let main = matches!(self.main, Main::NotForked | Main::Undecided | Main::Runs);
        (0..3).all(at_rest) && (main || self.processes[CHILD].at == At::Gone)
    }
}
