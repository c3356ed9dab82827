//! How a process gets the file, and gets it again after an exec.

use super::model::{Assume, Call, Fault, Model, Outcome};
use super::world::{At, File};

/// claim.rs, PidFile::claim: `attempt` over and over
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// `lstat(path)`
    Look,
    /// `open(path, O_RDWR)`
    Open,
    /// `flock(&fd)`
    Lock,
    /// `read_pid(&fd)` and `procfs::is_running`, where somebody has the lock
    AskHolder,
    /// `lstat(path)` once more, under the lock
    Compare,
    /// `read_pid(&fd)` and `procfs::is_alive`, where nobody had the lock
    Read,
    /// `unlink(path)` of what is stale
    Unlink,
    /// `publish_unnamed`: `linkat`, of a file that is whole and locked
    Link,
}

/// claim.rs, PidFile::resume, in a new image
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resume {
    /// `open(path, O_RDWR)`
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
                call.close();
                // Ours from before an exec, or a dead one's: somebody else only tries the lock.
                if call.named_lives() && !call.names_itself() {
                    return Ok(At::Aside);
                }
                Claim::Look
            }
            Claim::Compare if call.found_there() || self.fault == Fault::ClaimWithoutInodeCheck => {
                Claim::Read
            }
            Claim::Compare => {
                call.close();
                Claim::Look
            }
            Claim::Read if call.names_itself() => return Ok(At::Owns),
            Claim::Read if call.named_lives() && self.fault != Fault::ClaimWithoutGrace => {
                if self.assume == Assume::AnySpeed || !call.before.will_lock(call.names) {
                    call.or_at_the_bound(At::Claim(Claim::Unlink));
                }
                call.close();
                Claim::Look
            }
            Claim::Read => Claim::Unlink,
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
}

impl Call<'_> {
    /// A new file at the path, which names its owner and is locked by it.
    fn publish(&mut self) {
        let (pid, then) = (self.pid, &mut self.then);
        then.files.push(File {
            names: Some(pid),
            lock: Some(pid),
        });
        then.path = Some(then.files.len() - 1);
        then.processes[pid].fd = then.path;
        // Who looks only now finds the file of another owner, and leaves it alone.
        then.victim = None;
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
        Resume::Lock if call.lock() => At::Resume(Resume::Compare),
        Resume::Compare if call.found_there() => At::Owns,
        Resume::Lock | Resume::Compare => {
            call.close();
            At::Resume(Resume::Open)
        }
    }
}

/// An owner's keeper, at each event.
pub fn owns(call: &mut Call) -> At {
    if call.found_there() {
        return At::Owns;
    }
    call.close();
    if call.finds_nothing() {
        At::Told
    } else {
        At::Aside
    }
}
