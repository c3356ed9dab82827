//! The file that the keeper has, under the one mutex of the library.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard};

use crate::ownership::host_file;
use crate::pidfile::PidFile;
use crate::pidfile::acquire::Lock;
use crate::pidfile::location::Home;
use crate::pidfile::refusal::Refusal;
use crate::settings::config::Config;

/// The file in phase [`crate::ownership::state::Phase::Kept`]. The keeper and the thread of `notify` share
/// it; no thread of the host ever takes the lock.
pub static OWNED_FILE: OwnedFile = OwnedFile(UnsafeCell::new(Mutex::new(None)));

/// A mutex that a forked child can have anew: in its copy of the memory the parent's keeper may
/// hold the lock for ever.
pub struct OwnedFile(UnsafeCell<Mutex<Option<PidFile>>>);

// SAFETY: shared as a mutex is; see `renew` for the one exception.
unsafe impl Sync for OwnedFile {}

impl OwnedFile {
    pub fn lock(&self) -> Access<'_> {
        // SAFETY: replaced only where no other thread can be here.
        let mutex = unsafe { &*self.0.get() };
        // A panic of ours elsewhere does not make the file less ours.
        let file = mutex.lock();
        Access(file.unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// # Safety
    ///
    /// The process was just forked, and this is its only thread. What the mutex held is not
    /// dropped: its descriptor's number means something else here, or nothing.
    pub unsafe fn renew(&self) {
        // SAFETY: the caller's promise.
        unsafe { self.0.get().write(Mutex::new(None)) };
    }
}

/// Access to the file. When it ends the host's flock(2) is told what is locked.
pub struct Access<'a>(MutexGuard<'a, Option<PidFile>>);

impl Deref for Access<'_> {
    type Target = Option<PidFile>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Access<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl Drop for Access<'_> {
    fn drop(&mut self) {
        host_file::note_lock(self.0.as_ref());
    }
}

/// How the file comes to us.
#[derive(Clone, Copy)]
pub enum Claim {
    /// Nobody has it, or a dead process.
    Fresh,
    /// This process had it before it called exec(2), and had put it there.
    Resume(Home),
}

impl Claim {
    pub fn make(self, config: &Config, lock: Lock) -> Result<PidFile, Refusal> {
        match self {
            Self::Fresh => PidFile::claim(&config.path, lock, &|id| {
                crate::guard::start_for(config, id)
            }),
            Self::Resume(home) => PidFile::resume(&config.path, lock, home),
        }
    }
}
