//! What a process can do next.

use super::claim::{Resume, resume};
use super::ending::leave;
use super::world::{At, Pid, World};

/// What the library counts on.
#[derive(Clone, Copy, PartialEq)]
pub enum Assume {
    /// A child that becomes a candidate, or that calls exec, has done so within `give::LOOKS`. exec takes less than
    /// `acquire::hidden` where nobody may look into the process. Nobody deletes the file between the last look and the
    /// unlink of one who removes it. An owner whose lock a start has just tried, after exec, has it again when it ends.
    All,
    EndsWithoutLock,
    /// Every wait in the hand-over may be over at any moment.
    AnySpeed,
    /// exec may take as long as it likes.
    SlowExec,
    DeletionAtAnyMoment,
}

/// What the child may do with the file of its parent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rights {
    /// It is the same user.
    Equal,
    /// It has given up root, and its parent is a launcher: it gets the descriptor.
    Launched,
    /// It has given up root, and has opened the file itself: it gets its name in it alone.
    Fewer,
}

/// What could be wrong with the protocol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    ClaimWithoutLock,
    ClaimWithoutInodeCheck,
    ClaimWithoutGrace,
    RemoveWithoutLook,
    /// The owner does not ask, when the file names the child, whether that ends.
    GivesWithoutAsking,
    /// The owner ends as soon as it has sent the descriptor.
    GiveWithoutAnswer,
    /// The file does not name the child when it gets it.
    GiveWithoutName,
    /// The owner leaves the name of a child that has ended in the file.
    KeepsNameOfEnded,
    /// The owner takes the file back from a child that lives and has called exec.
    TakesBackFromLiving,
    /// The owner looks at its children for the last time before it leaves the path to those that come late.
    AbandonsAtLast,
    /// A child that has called exec takes the file that names it while its owner has the lock.
    TakesBesideOwner,
    /// The keeper of the child does not ask whether that has begun to end.
    TakesThoughWithdrawn,
    /// The child looks for a message before it asks whether the owner has ended.
    ReceivesBeforeAsking,
    /// The child removes what a dead owner has left without its lock.
    StaleWithoutLock,
    ForgetsDeletions,
}

/// How often what may happen.
#[derive(Clone, Copy, Debug)]
pub struct Happens {
    pub kills: u8,
    pub execs: u8,
    pub deletions: u8,
}

pub struct Model {
    pub assume: Assume,
    pub rights: Rights,
    pub fault: Fault,
    /// What is at the path when all begins.
    pub before: Option<Pid>,
    pub happens: Happens,
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

    pub fn open(&mut self) {
        self.then.processes[self.pid].fd = self.before.path;
    }

    pub fn lock(&mut self) -> bool {
        self.then.lock(self.pid, self.fd.unwrap())
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
        self.steps_of_candidate(world, &mut next);
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
            At::Owns => self.owns(&mut call),
            At::Pass(step) => self.pass_on(step, &mut call)?,
            At::Remove(step) => self.remove(step, &mut call)?,
            At::Leave => leave(&mut call),
            At::StandBy(step) => self.stand_by(step, &mut call)?,
            At::NotBegun | At::Told | At::Aside | At::Gone => return Ok(()),
        };
        let Call {
            mut then, others, ..
        } = call;
        next.extend(others.into_iter().map(|late| (pid, at, late)));
        if to != at || then != *world {
            then.processes[pid].at = to;
            next.push((pid, at, then));
        }
        Ok(())
    }
}
