//! How an owner that ends, and passes the file on to nobody, gives it up.

use super::model::{Call, Fault, Model, Outcome, Rights};
use super::world::{At, CHILD};

/// pidfile/removal.rs, PidFile::remove
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remove {
    /// `file_at(&self.path)`
    Look,
    /// `self.names_us()`
    Read,
    /// `unlink(self.path)`
    Unlink,
    /// `ftruncate(fd)`, where that is refused or the file has gone
    Empty,
}

impl Model {
    pub fn remove(&self, step: Remove, call: &mut Call) -> Outcome {
        let to = match step {
            Remove::Look if self.fault == Fault::RemoveWithoutLook => Remove::Unlink,
            Remove::Look if call.found_there() => Remove::Read,
            Remove::Look => Remove::Empty,
            Remove::Read if call.names_itself() => Remove::Unlink,
            Remove::Read => return Ok(At::Leave),
            // The directory is root's.
            Remove::Unlink if call.pid == CHILD && self.rights != Rights::Equal => Remove::Empty,
            Remove::Unlink => {
                call.then.unlink(call.pid)?;
                return Ok(At::Leave);
            }
            Remove::Empty => {
                // The child has opened it before it gave up root.
                let is_lost = self.rights == Rights::Fewer && call.before.processes[CHILD].apart;
                let may_write = call.pid != CHILD || !is_lost;
                if call.names_itself() && may_write {
                    call.then.write(call.pid, None)?;
                }
                return Ok(At::Leave);
            }
        };
        Ok(At::Remove(to))
    }
}

/// The process ends: the kernel closes all that it has.
pub fn leave(call: &mut Call) -> At {
    call.close();
    call.then.disconnect(call.pid);
    At::Gone
}
