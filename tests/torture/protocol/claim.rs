//! How a process gets the file, and gets it again after an exec.

use super::model::{Assume, Call, Fault, Model, Outcome};
use super::world::{At, CHILD, File, Pid, World};

/// pidfile/acquire.rs, PidFile::claim: `attempt` over and over
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// `lstat(path)`
    Look,
    /// `open(path, O_RDWR)`
    Open,
    /// `flock(&fd)`
    Lock,
    /// `holder(&fd, path)`, where somebody has the lock
    AskHolder,
    /// `lstat(path)` once more, under the lock
    Compare,
    /// `read_pid(&fd)` and `judge`, where nobody had the lock
    Judge,
    /// `unlink(path)` of what is stale
    Unlink,
    /// `publish`: `linkat`, of a file that is whole and locked
    Link,
}

/// pidfile/acquire.rs, PidFile::resume, in a new image
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resume {
    /// `open_regular(path)`
    Open,
    /// `read_pid(&fd)`
    Read,
    /// `flock(&fd)`
    Lock,
    /// `lstat(path)`
    Compare,
}

impl Model {
    pub fn claim(&self, step: Claim, call: &mut Call) -> Outcome {
        let to = match step {
            Claim::Look if call.finds_nothing() => Claim::Link,
            Claim::Look => Claim::Open,
            Claim::Open => {
                call.open();
                if call.finds_nothing() {
                    Claim::Look
                } else {
                    Claim::Lock
                }
            }
            Claim::Lock => match call.lock() {
                true => Claim::Compare,
                false if self.fault == Fault::ClaimWithoutLock => Claim::Unlink,
                false => Claim::AskHolder,
            },
            Claim::AskHolder => {
                let file = call.before.files[call.fd.unwrap()];
                call.close();
                let named = call.names.filter(|named| *named != call.pid);
                let is_held = named.is_some_and(|named| call.before.is_instance(named))
                    || file.holders().any(|pid| call.before.is_instance(pid));
                if is_held {
                    return Ok(At::Aside);
                }
                // One that just tries it, or that ends.
                call.or_at_the_bound(At::Aside);
                Claim::Look
            }
            Claim::Compare if call.found_there() || self.fault == Fault::ClaimWithoutInodeCheck => {
                Claim::Judge
            }
            Claim::Compare => {
                call.close();
                Claim::Look
            }
            Claim::Judge if call.names_itself() => return Ok(At::Owns),
            Claim::Judge => {
                let named = call.names.filter(|_| call.named_lives());
                if named.is_some_and(|named| call.before.is_instance(named)) {
                    call.close();
                    return Ok(At::Aside);
                }
                let is_in_exec = named.is_some_and(|named| call.before.is_in_exec(named));
                if !is_in_exec || self.fault == Fault::ClaimWithoutGrace {
                    Claim::Unlink
                } else {
                    if self.assume == Assume::SlowExec {
                        call.or_at_the_bound(At::Claim(Claim::Unlink));
                    }
                    call.close();
                    Claim::Look
                }
            }
            Claim::Unlink => {
                call.then.unlink(call.pid)?;
                Claim::Link
            }
            Claim::Link => {
                call.close();
                if call.finds_nothing() {
                    call.publish();
                    return Ok(At::Owns);
                }
                Claim::Look
            }
        };
        Ok(At::Claim(to))
    }

    /// An owner's keeper, at each event.
    pub fn owns(&self, call: &mut Call) -> At {
        if call.found_there() {
            // event_loop.rs, `file.relock()`
            call.lock();
            return At::Owns;
        }
        let is_deleted = call.finds_nothing();
        call.close();
        if is_deleted && self.fault != Fault::ForgetsDeletions {
            At::Told
        } else {
            At::Aside
        }
    }
}

impl Call<'_> {
    /// A new file at the path, which names its owner and is locked by it.
    fn publish(&mut self) {
        let (pid, then) = (self.pid, &mut self.then);
        then.files.push(File::locked_by(pid));
        then.path = Some(then.files.len() - 1);
        then.processes[pid].fd = then.path;
        // Who looks only now finds the file of another owner, and leaves it alone.
        then.victim = None;
    }
}

impl World {
    /// Whether a process has called exec, and its new image has no keeper yet.
    fn is_in_exec(&self, pid: Pid) -> bool {
        self.processes.get(pid).is_some_and(|process| {
            process.at == At::Exec || pid == CHILD && self.child_is_in_exec()
        })
    }
}

pub fn resume(step: Resume, call: &mut Call) -> At {
    match step {
        Resume::Open if call.finds_nothing() => At::Told,
        Resume::Open => {
            call.open();
            At::Resume(Resume::Read)
        }
        Resume::Read if call.names_itself() => At::Resume(Resume::Lock),
        Resume::Read => {
            call.close();
            At::Aside
        }
        Resume::Lock => {
            // Where another one has it, the keeper tries again later.
            call.lock();
            At::Resume(Resume::Compare)
        }
        Resume::Compare if call.found_there() => At::Owns,
        Resume::Compare => {
            call.close();
            At::Resume(Resume::Open)
        }
    }
}
