//! All that there is: the processes, the files, the connection, and the memory that parent and child share.

use super::candidate::Main;
use super::claim::{Claim, Resume};
use super::ending::Remove;
use super::give::Pass;
use super::model::{Happens, Model};
use super::receive::StandBy;

pub type Pid = usize;
pub const FIRST: Pid = 0;
pub const CHILD: Pid = 1;
pub const OTHER: Pid = 2;
/// A message that is under way: it holds the descriptor that was sent (unix(7), SCM_RIGHTS).
pub const MESSAGE: Pid = 3;
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
    /// keeper/event_loop.rs: `file.look()` at each event
    Owns,
    Pass(Pass),
    Remove(Remove),
    /// The process ends: the kernel closes all it has.
    Leave,
    StandBy(StandBy),
    // Where it stays
    /// ownership/terminate.rs, `terminate`: the host has been sent SIGTERM
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
    /// The shared memory of the other two is not its own any more: it has called exec.
    pub apart: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct File {
    pub names: Option<Pid>,
    /// Who has the open file that is locked (flock(2)): a bit for each process, and one for a message.
    holders: u8,
}

/// What lies between the owner and the child: pidfile/fd_passing.rs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Link {
    None,
    /// The owner has connected.
    Open,
    /// The owner has sent the file.
    File(usize),
    /// The owner has said that the file was deleted.
    Deleted,
    /// The child has the message.
    Received,
    /// The child has answered.
    Answered,
    /// The child's end is closed, without an answer.
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub path: Option<usize>,
    pub files: Vec<File>,
    pub processes: [Process; 3],
    pub main: Main,
    /// Whether the child's keeper listens.
    pub listens: bool,
    pub link: Link,
    // ownership/shared.rs
    pub is_candidate: bool,
    pub is_abandoned: bool,
    /// The child has begun its session when the owner had left the path already.
    pub is_late: bool,
    /// receive.rs: the child's keeper has begun to take the file, or its main thread to end. Only one of them is first.
    pub is_taking: bool,
    pub is_withdrawn: bool,
    /// Whom the child waits for.
    pub waits_for: Pid,
    // What may still happen
    pub left: (u8, u8, u8),
    /// Somebody was killed.
    pub killed: bool,
    /// The first one has ended of its own accord, and nobody has deleted its file.
    pub leaves_file: bool,
    /// Who has to learn of the deletion.
    pub victim: Option<Pid>,
    pub was_deleted: bool,
    /// The child has begun a session.
    pub leads: bool,
}

impl File {
    pub fn locked_by(names: Pid) -> Self {
        Self {
            names: Some(names),
            holders: 1 << names,
        }
    }

    pub fn is_held_by(&self, pid: Pid) -> bool {
        self.holders & 1 << pid != 0
    }

    /// Those that run and hold the lock.
    pub fn holders(&self) -> impl Iterator<Item = Pid> {
        let holders = self.holders;
        (0..3).filter(move |pid| holders & 1 << pid != 0)
    }

    pub fn is_free(&self) -> bool {
        self.holders == 0
    }
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
            holders: 0,
        });
        let Happens {
            kills,
            execs,
            deletions,
        } = model.happens;
        World {
            path: stale.map(|_| 0),
            files: stale.into_iter().collect(),
            processes: [idle; 3],
            main: Main::NotForked,
            listens: false,
            link: Link::None,
            is_candidate: false,
            is_abandoned: false,
            is_late: false,
            is_taking: false,
            is_withdrawn: false,
            waits_for: FIRST,
            left: (kills, execs, deletions),
            killed: false,
            leaves_file: false,
            victim: None,
            was_deleted: false,
            leads: false,
        }
    }

    pub fn is_alive(&self, pid: Pid) -> bool {
        let ours = self.processes.get(pid);
        ours.map_or(pid == STRANGER, |process| process.at != At::Gone)
    }

    /// Whether a process has a keeper of ours, and not just called exec: pidfile/instance.rs.
    pub fn is_instance(&self, pid: Pid) -> bool {
        let ours = self.processes.get(pid);
        ours.is_some_and(|process| {
            !matches!(
                process.at,
                At::NotBegun | At::Exec | At::Aside | At::Told | At::Gone
            )
        })
    }

    /// flock(2), without waiting.
    pub fn lock(&mut self, pid: Pid, file: usize) -> bool {
        let file = &mut self.files[file];
        if file.is_free() {
            file.holders = 1 << pid;
        }
        file.is_held_by(pid)
    }

    /// flock(2) drops the lock for all who have the open file.
    pub fn unlock(&mut self, file: usize) {
        self.files[file].holders = 0;
    }

    /// A copy of the locked open file is in other hands.
    pub fn share(&mut self, file: usize, with: Pid) {
        self.files[file].holders |= 1 << with;
    }

    pub fn let_go(&mut self, pid: Pid, file: usize) {
        self.files[file].holders &= !(1 << pid);
    }

    /// close(2) of the file that a process has open.
    pub fn close(&mut self, pid: Pid) {
        if let Some(file) = self.processes[pid].fd.take() {
            self.let_go(pid, file);
        }
    }

    /// The kernel closes the sockets of a process.
    pub fn disconnect(&mut self, pid: Pid) {
        if pid == CHILD {
            self.listens = false;
            self.link = match self.link {
                Link::None => Link::None,
                // What was sent can be read.
                Link::Answered => Link::Answered,
                link => {
                    if let Link::File(file) = link {
                        self.let_go(MESSAGE, file);
                    }
                    Link::Closed
                }
            };
        } else if pid == FIRST && self.link == Link::Open {
            self.link = Link::None;
        }
    }

    /// unlink(2) by one of us, of whatever is there.
    pub fn unlink(&mut self, pid: Pid) -> Result<(), &'static str> {
        match self.path.take() {
            Some(file) if self.takes_from(pid, file) => Err("removes a live owner's file"),
            _ => Ok(()),
        }
    }

    /// Makes the file that `pid` has open name somebody.
    pub fn write(&mut self, pid: Pid, names: Option<Pid>) -> Result<(), &'static str> {
        let file = self.processes[pid].fd.unwrap();
        if self.takes_from(pid, file) {
            return Err("overwrites a live owner's file");
        }
        self.files[file].names = names;
        Ok(())
    }
}
