//! All that there is: the processes, the files, and the page that parent and child share.

use super::child::Main;
use super::claim::{Claim, Resume};
use super::ending::Remove;
use super::hand_over::{HandOver, Pass};
use super::heir::StandBy;
use super::model::Model;

pub type Pid = usize;
pub const FIRST: Pid = 0;
pub const CHILD: Pid = 1;
pub const OTHER: Pid = 2;
/// Wrote a file that was left behind, and is dead.
pub const DEAD: Pid = 8;
/// As that one, but its PID is in use again, by a program that has nothing to do with us.
pub const STRANGER: Pid = 9;

/// Where a process is: the next system call of its keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    NotBegun,
    Claim(Claim),
    /// It calls exec.
    Exec,
    Resume(Resume),
    /// attendance.rs, Attendance::run and `glance`: `file.look()` at each event
    Owns,
    Pass(Pass),
    HandOver(HandOver),
    Remove(Remove),
    /// The process ends: the kernel closes all it has.
    Leave,
    StandBy(StandBy),
    // Where it stays
    /// deletion.rs, `terminate`: the host has been sent SIGTERM
    Told,
    /// Runs without a file.
    Aside,
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    pub at: At,
    /// The file that its keeper has open.
    pub fd: Option<usize>,
    /// Its page is not the one of the other two any more.
    pub apart: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct File {
    pub names: Option<Pid>,
    pub lock: Option<Pid>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub path: Option<usize>,
    pub files: Vec<File>,
    pub processes: [Process; 3],
    pub main: Main,
    // page.rs
    pub candidate: Option<Pid>,
    pub offered: Option<Pid>,
    pub taken: Option<Pid>,
    pub deleted: bool,
    // What may still happen
    pub kills: u8,
    pub execs: u8,
    pub deletions: u8,
    /// Somebody was killed.
    pub killed: bool,
    /// Who has to learn of the deletion.
    pub victim: Option<Pid>,
}

impl World {
    pub fn new(model: &Model) -> World {
        let idle = Process {
            at: At::NotBegun,
            fd: None,
            apart: false,
        };
        let stale = model.before.map(|names| File {
            names: Some(names),
            lock: None,
        });
        let (kills, execs, deletions) = model.happens;
        World {
            path: stale.map(|_| 0),
            files: stale.into_iter().collect(),
            processes: [idle; 3],
            main: Main::NotForked,
            candidate: None,
            offered: None,
            taken: None,
            deleted: false,
            kills,
            execs,
            deletions,
            killed: false,
            victim: None,
        }
    }

    pub fn is_alive(&self, pid: Pid) -> bool {
        let ours = self.processes.get(pid);
        ours.map_or(pid == STRANGER, |process| process.at != At::Gone)
    }

    /// flock(2), without waiting.
    pub fn lock(&mut self, pid: Pid, file: usize) -> bool {
        let holder = &mut self.files[file].lock;
        let is_free = holder.is_none_or(|holder| holder == pid);
        if is_free {
            *holder = Some(pid);
        }
        is_free
    }

    pub fn unlock(&mut self, pid: Pid, file: Option<usize>) {
        if let Some(file) = file {
            let lock = &mut self.files[file].lock;
            *lock = lock.filter(|holder| *holder != pid);
        }
    }

    /// close(2) of all that a process has open.
    pub fn close(&mut self, pid: Pid) {
        self.unlock(pid, self.processes[pid].fd);
        self.processes[pid].fd = None;
    }

    /// unlink(2) by one of us, of whatever is there.
    pub fn unlink(&mut self, pid: Pid) -> Result<(), &'static str> {
        match self.path.take() {
            Some(file) if self.takes_from(pid, file) => Err("removes a live owner's file"),
            _ => Ok(()),
        }
    }

    pub fn write(&mut self, pid: Pid, names: Pid) -> Result<(), &'static str> {
        let file = self.processes[pid].fd.unwrap();
        if self.takes_from(pid, file) {
            return Err("overwrites a live owner's file");
        }
        self.files[file].names = Some(names);
        Ok(())
    }

    /// Whether the first one will yet see that the child cannot take the file.
    pub fn hands_over_to_child(&self) -> bool {
        let at = self.processes[FIRST].at;
        matches!(at, At::Pass(Pass::Ask) | At::HandOver(_))
    }

    /// Whether the living process that a file names is about to lock it.
    pub fn will_lock(&self, named: Option<Pid>) -> bool {
        let process = named.and_then(|pid| self.processes.get(pid));
        process
            .is_some_and(|process| matches!(process.at, At::Exec | At::Resume(_) | At::StandBy(_)))
    }
}
