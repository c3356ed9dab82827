//! What a process can do next.

use super::claim::{Resume, owns, resume};
use super::ending::leave;
use super::world::{At, OTHER, Pid, World};

/// What the library counts on.
#[derive(Clone, Copy, PartialEq)]
pub enum Assume {
    /// exec, and the taking of the baton, take less than `claim::EXEC`; nobody deletes the file between the last look and the
    /// unlink of one who removes it.
    All,
    AnySpeed,
    DeletionAtAnyMoment,
}

/// What could be wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    ClaimWithoutLock,
    ClaimWithoutInodeCheck,
    ClaimWithoutGrace,
    RemoveWithoutLook,
    HandOverWithoutWait,
    HandOverWithoutName,
    NoTakingBack,
    TakeWhateverIsFree,
    ForgetDeletions,
}

pub struct Model {
    pub assume: Assume,
    pub fault: Fault,
    /// What is at the path when all begins.
    pub before: Option<Pid>,
    /// Kills, execs, deletions.
    pub happens: (u8, u8, u8),
}

/// Who makes it, from where, and what the world is then.
pub type Step = (Pid, At, World);

/// Where a keeper is after a system call (where it was, if it waits there), or what must not happen.
pub type Outcome = Result<At, &'static str>;

/// A keeper that makes its next system call.
pub struct Call<'world> {
    pub pid: Pid,
    pub before: &'world World,
    pub then: World,
    /// The file that it has open.
    pub fd: Option<usize>,
    /// Who that one names.
    pub names: Option<Pid>,
    /// Where the call may lead to besides.
    others: Vec<World>,
}

impl Call<'_> {
    pub fn of(pid: Pid, before: &World) -> Call<'_> {
        let fd = before.processes[pid].fd;
        Call {
            pid,
            before,
            then: before.clone(),
            fd,
            names: fd.and_then(|fd| before.files[fd].names),
            others: Vec::new(),
        }
    }

    pub fn names_itself(&self) -> bool {
        self.names == Some(self.pid)
    }

    pub fn named_lives(&self) -> bool {
        self.names.is_some_and(|named| self.before.is_alive(named))
    }

    /// Whether the path leads to the file that it has open.
    pub fn found_there(&self) -> bool {
        self.fd.is_some() && self.before.path == self.fd
    }

    /// Whether there is no file at the path.
    pub fn finds_nothing(&self) -> bool {
        self.before.path.is_none()
    }

    pub fn shares_page(&self) -> bool {
        self.pid != OTHER && !self.before.processes[self.pid].apart
    }

    pub fn open(&mut self) {
        self.then.processes[self.pid].fd = self.before.path;
    }

    pub fn lock(&mut self) -> bool {
        self.then.lock(self.pid, self.fd.unwrap())
    }

    pub fn unlock(&mut self) {
        self.then.unlock(self.pid, self.fd);
    }

    pub fn close(&mut self) {
        self.then.close(self.pid);
    }

    /// A wait that is bounded may also be over now.
    pub fn or_at_the_bound(&mut self, to: At) {
        let mut late = self.before.clone();
        late.processes[self.pid].at = to;
        self.others.push(late);
    }
}

impl Model {
    /// Every system call that some process may make next.
    pub fn steps(&self, world: &World) -> Result<Vec<Step>, &'static str> {
        let mut next = Vec::new();
        for pid in 0..3 {
            self.steps_of_keeper(world, pid, &mut next)?;
        }
        next.extend(self.step_of_child(world));
        Ok(next)
    }

    fn steps_of_keeper(
        &self,
        world: &World,
        pid: Pid,
        next: &mut Vec<Step>,
    ) -> Result<(), &'static str> {
        let at = world.processes[pid].at;
        let mut call = Call::of(pid, world);
        let to = match at {
            At::Claim(step) => self.claim(step, &mut call)?,
            At::Exec => At::Resume(Resume::Open),
            At::Resume(step) => resume(step, &mut call),
            At::Owns => owns(&mut call),
            At::Pass(step) => self.pass_on(step, &mut call),
            At::HandOver(step) => self.hand_over(step, &mut call)?,
            At::Remove(step) => self.remove(step, &mut call)?,
            At::Leave => leave(&mut call),
            At::StandBy(step) => self.stand_by(step, &mut call)?,
            At::NotBegun | At::Told | At::Aside | At::Gone => return Ok(()),
        };
        let Call {
            mut then, others, ..
        } = call;
        next.extend(others.into_iter().map(|late| (pid, at, late)));
        if to != at {
            then.processes[pid].at = to;
            next.push((pid, at, then));
        }
        Ok(())
    }
}
