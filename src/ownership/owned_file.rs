//! Holds the file that the keeper has, under the one mutex of the library.

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard};

use crate::ownership::host_file;
use crate::pidfile::PidFile;
use crate::pidfile::acquire::Lock;
use crate::pidfile::location::Location;
use crate::pidfile::refusal::Refusal;
use crate::settings::config::Config;

/// The file in phase [`crate::ownership::state::Phase::Kept`]. The keeper and the thread of `notify` share it. No thread of
/// the host ever takes this mutex.
pub static OWNED_FILE: OwnedFile = OwnedFile(UnsafeCell::new(Mutex::new(None)));

/// A mutex that a forked child can replace: in its copy of the memory the parent's keeper may hold it for ever.
pub struct OwnedFile(UnsafeCell<Mutex<Option<PidFile>>>);

// SAFETY: threads use the mutex inside, which is Sync. `renew` alone replaces it, where there is one thread.
unsafe impl Sync for OwnedFile {}

impl OwnedFile {
    /// Waits for the mutex.
    ///
    /// Context: keeper, or the thread of `notify`.
    pub fn lock(&self) -> Access<'_> {
        // SAFETY: the mutex is replaced by `renew` only, where there is no other thread that could be here.
        let mutex = unsafe { &*self.0.get() };
        // A panic elsewhere in the library leaves the file as it was.
        let file = mutex.lock();
        Access(file.unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    /// Replaces the mutex by a new one. Its content is not dropped: the number of its descriptor means something else in
    /// this process, or nothing.
    ///
    /// # Safety
    ///
    /// The process was just forked, and this is its only thread.
    pub unsafe fn renew(&self) {
        // SAFETY: no other thread can use the mutex, by this function's contract.
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
        host_file::set_locked(self.0.as_ref());
    }
}

/// How this process gets the file.
#[derive(Clone, Copy)]
pub enum Claim {
    /// The path is free, or has a stale file.
    Fresh,
    /// This process had the file before exec(2), at this place.
    Resume(Location),
}

impl Claim {
    /// Claims the file, or takes it up again after exec.
    pub fn make(self, config: &Config, lock: Lock) -> Result<PidFile, Refusal> {
        match self {
            Self::Fresh => PidFile::claim(&config.path, lock, &|id| {
                crate::guard::start_for(config, id)
            }),
            Self::Resume(location) => PidFile::resume(&config.path, lock, location),
        }
    }
}
