//! How an owner that ends, and passes the file on to nobody, gives it up.

use super::model::{Call, Fault, Model, Outcome};
use super::world::At;

/// pidfile.rs, PidFile::remove
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remove {
    /// `file_at(&self.path)`
    Look,
    /// `self.names_us()`
    Read,
    /// `unlink(self.path)`
    Unlink,
}

impl Model {
    pub fn remove(&self, step: Remove, call: &mut Call) -> Outcome {
        let to = match step {
            Remove::Look if self.fault == Fault::RemoveWithoutLook => Remove::Unlink,
            Remove::Look if call.found_there() => Remove::Read,
            Remove::Look => {
                if call.finds_nothing() && call.names_itself() {
                    // It is emptied.
                    call.then.files[call.fd.unwrap()].names = None;
                }
                return Ok(At::Leave);
            }
            Remove::Read if call.names_itself() => Remove::Unlink,
            Remove::Read => return Ok(At::Leave),
            Remove::Unlink => {
                call.then.unlink(call.pid)?;
                return Ok(At::Leave);
            }
        };
        Ok(At::Remove(to))
    }
}

/// The process ends: the kernel closes all that it has.
pub fn leave(call: &mut Call) -> At {
    call.close();
    At::Gone
}
