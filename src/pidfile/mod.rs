//! The file that is ours: look at it, adopt another one, pass it on, remove it, empty it.
//!
//! The protocol is flock(2) on the file itself. Who holds the lock is the owner; the kernel drops
//! it when the owner ends in whatever way, so a free lock means a stale file, whatever its content,
//! and PID reuse cannot mislead anybody. Within the protocol a path changes hands only under the
//! lock of the file it leads to, and a new file appears whole and locked.

pub mod acquire;
pub mod content;
mod creation;
pub mod fd_passing;
mod holder;
pub mod location;
mod objection;
pub mod refusal;
pub mod standby;

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::pidfile::content::{names_us_at, read_pid, replace};
use crate::sys::file_system;
use crate::sys::fs::{
    FileId, born, directory_of, file_at, flock, flock_by_kernel, for_each_name, fstat, is_regular,
    open, open_regular, parent, unlink,
};
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, Errno, clock, futex};

/// What a look at the path has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Still ours, or nothing proves the contrary.
    Present,
    /// It has no name any more, but the path still leads to it: unlink(2) sends the event, and only
    /// then takes the path away.
    Going,
    /// Proven: nobody finds the file there any more.
    Deleted,
    /// The path leads to another file.
    Replaced,
}

/// A PID file that is ours.
#[derive(Debug)]
pub struct PidFile {
    pub(crate) path: CString,
    pub(crate) id: FileId,
    /// The directory it is in.
    pub(crate) parent: Option<FileId>,
    /// Holds the lock. `None` where no descriptor can be kept: then nothing tells others that we
    /// live but the PID in the file.
    pub(crate) fd: Option<OwnedFd>,
    /// To write through, where that one is for reading only.
    pub(crate) writable: Option<OwnedFd>,
    /// Whether the lock is ours. If not, somebody else has it, or the file system knows none.
    pub(crate) locked: bool,
    /// What an operator may want to know of how it became ours.
    pub remark: Option<Remark>,
}

/// What an operator may want to know of how the file became ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It named a living process, which has no lock.
    TakenOver(libc::pid_t),
    /// Something that is worth a line only for those who want to see every event.
    Event(&'static str),
}

/// How long an unlink(2) may take from its event to its end, if it has a processor.
const GOING: Duration = Duration::from_millis(50);

/// What has become of the file of a process that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Removed,
    /// There is no right to remove it any more, or no way to it.
    Emptied,
    /// Not even a right to empty it.
    Kept,
    /// It was not ours any more.
    LeftAlone,
}

impl Fate {
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Removed => "removed: the program ends",
            Self::Emptied => "emptied, since it cannot be removed: the program ends",
            Self::Kept => {
                "stays behind, since it can neither be removed nor emptied: the program ends"
            }
            Self::LeftAlone => "is not this program's any more, and stays: the program ends",
        }
    }
}

impl PidFile {
    /// Looks whether the file is still there. Only proof counts: a path that cannot be reached for
    /// lack of rights, or from inside a chroot, is no deletion.
    pub fn look(&self) -> Sight {
        // ESTALE and the like prove nothing by themselves.
        let links = self
            .fd
            .as_ref()
            .and_then(|fd| fstat(fd).ok())
            .map(|stat| stat.st_nlink);
        match file_at(&self.path) {
            Ok(id) if id == self.id && links == Some(0) => Sight::Going,
            Ok(id) if id == self.id => Sight::Present,
            Ok(_) if links == Some(0) || self.is_home() => Sight::Replaced,
            Ok(_) => Sight::Present,
            Err(_) if links == Some(0) => Sight::Deleted,
            Err(Errno(libc::ENOENT)) if self.is_home() => Sight::Deleted,
            Err(_) => Sight::Present,
        }
    }

    /// The same where nobody looks again: waits, with a bound, until an unlink(2) that is under way
    /// has done.
    pub fn look_patiently(&self) -> Sight {
        let end = clock::now() + GOING;
        loop {
            match self.look() {
                Sight::Going if clock::now() < end => futex::pause(POLL_INTERVAL),
                sight => return sight,
            }
        }
    }

    /// Whether the path still leads into the directory that the file was put in.
    fn is_home(&self) -> bool {
        self.parent.is_some() && self.parent == parent(&self.path)
    }

    /// Returns the PID in the file that is at the path now, where ours has no name any more; and whether that file
    /// was made later than ours lost its last name. (One that was renamed over ours is not later than that.)
    pub fn successor(&self) -> Option<(libc::pid_t, bool)> {
        let fd = open(&self.path, libc::O_RDONLY).ok()?;
        let stat = fstat(&fd).ok()?;
        // rename(2) and unlink(2) take the name away before they set the time of change. Both lock the directory until
        // they have done, and who lists it waits for that (fs/readdir.c, iterate_dir).
        let has_settled = for_each_name(&directory_of(&self.path), |_| ()).is_ok();
        let ours = fstat(self.fd.as_ref()?).ok()?;
        if ours.st_nlink != 0 || !is_regular(&stat) {
            return None;
        }
        let changed = (ours.st_ctime, ours.st_ctime_nsec);
        let is_younger = has_settled && born(&fd).is_some_and(|born| born > changed);
        Some((read_pid(&fd)?, is_younger))
    }

    /// Takes over what the path leads to now, if it names this process: the host has written a PID
    /// file of its own. Answers what PID is in it.
    ///
    /// # Errors
    ///
    /// The PID that is in it instead, if it can be read. None too if somebody holds its lock.
    pub fn adopt(&mut self) -> Result<(), Option<libc::pid_t>> {
        let found = open_regular(&self.path).ok().flatten();
        let (fd, stat) = found.ok_or(None)?;
        let pid = read_pid(&fd);
        if pid != Some(sys::getpid()) {
            return Err(pid);
        }
        // Whoever has it is no owner: the file names us.
        self.locked = flock(&fd).is_ok();
        self.id = FileId::from(&stat);
        self.fd = Some(fd);
        self.writable = None;
        Ok(())
    }

    /// Tries to get the lock, if it is not ours. Returns whether there is reason to try again.
    pub fn relock(&mut self) -> bool {
        let Some(fd) = self.fd.as_ref().filter(|_| !self.locked) else {
            return false;
        };
        match flock(fd) {
            Ok(()) => {
                self.locked = true;
                false
            }
            Err(errno) => !refusal::has_no_locks(errno),
        }
    }

    /// Takes the file away if it is still ours: the same file, and still holding our PID. Where
    /// that is refused, or the path leads elsewhere by now (chroot(2)), it is emptied: an empty file
    /// misleads nobody, a stale PID does.
    ///
    /// Async-signal-safe: system calls only.
    pub fn remove(&self) -> Fate {
        let is_ours = match file_at(&self.path) {
            Ok(id) if id == self.id => self.names_us(),
            // The host may have written it anew just now: then it names us.
            Ok(_) => names_us_at(&self.path),
            Err(_) => false,
        };
        if is_ours && unlink(&self.path).is_ok() {
            return Fate::Removed;
        }
        if !self.names_us() {
            return Fate::LeftAlone;
        }
        let emptied = match self.to_write() {
            // SAFETY: the descriptor is ours.
            Some(fd) => unsafe { libc::ftruncate(fd.as_raw_fd(), 0) },
            // SAFETY: the path is a C string. It was just found to lead to a file that names us.
            None => unsafe { libc::truncate(self.path.as_ptr(), 0) },
        };
        if emptied == 0 {
            Fate::Emptied
        } else {
            Fate::Kept
        }
    }

    /// Makes the file name another process, unless it is not this process's any more. Returns the descriptor
    /// that holds the lock and was written through.
    pub fn rename_owner(&self, pid: libc::pid_t) -> Option<&OwnedFd> {
        let writable = self.to_write()?;
        let is_ours = self.look() == Sight::Present && self.names_us() || pid == sys::getpid();
        (is_ours && replace(writable, pid).is_ok()).then_some(writable)
    }

    /// Returns the file that its last owner has sent, if it names this process. It holds the lock already: that
    /// belongs to the open file, which both have.
    pub fn received(path: &CStr, fd: OwnedFd, parent: Option<FileId>) -> Option<Self> {
        let stat = fstat(&fd).ok()?;
        let is_regular = stat.st_mode & libc::S_IFMT == libc::S_IFREG;
        if !is_regular || read_pid(&fd) != Some(sys::getpid()) {
            return None;
        }
        // The kernel shows who has locked it last: that is to be this process. But a change of the lock lets
        // others in who wait for it.
        if !holder::is_waited_for(&stat) {
            let _ = flock_by_kernel(&fd, libc::LOCK_SH | libc::LOCK_NB);
        }
        let locked = flock(&fd).is_ok();
        Some(Self {
            path: path.to_owned(),
            id: FileId::from(&stat),
            parent,
            fd: Some(fd),
            writable: None,
            locked,
            remark: None,
        })
    }

    /// Returns the directory that the file was put in.
    pub fn parent(&self) -> Option<FileId> {
        self.parent
    }

    /// Takes away what a dead owner has left. The lock is ours, so nobody else does.
    pub fn remove_stale(&self) {
        match (file_at(&self.path), self.to_write()) {
            (Ok(id), _) if id != self.id => {}
            (Ok(_), _) if unlink(&self.path).is_ok() => {}
            // SAFETY: the descriptor is ours.
            (_, Some(fd)) => unsafe {
                libc::ftruncate(fd.as_raw_fd(), 0);
            },
            (_, None) => {}
        }
    }

    fn to_write(&self) -> Option<&OwnedFd> {
        self.writable.as_ref().or(self.fd.as_ref())
    }

    /// Whether our PID is what is in it.
    pub fn names_us(&self) -> bool {
        match &self.fd {
            Some(fd) => read_pid(fd) == Some(sys::getpid()),
            None => names_us_at(&self.path),
        }
    }

    /// The same file without its descriptor, and so without the lock.
    pub fn unattended(self) -> Self {
        Self {
            fd: None,
            writable: None,
            ..self
        }
    }

    /// Returns whether the lock of the file is ours.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    pub fn id(&self) -> FileId {
        self.id
    }

    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// Returns whether the file may change without inotify being told; true if that cannot be seen.
    pub fn is_remote(&self) -> bool {
        let kind = self.fd.as_ref().map(file_system::kind_of);
        !matches!(
            kind,
            Some(Ok(file_system::Kind::Kernel | file_system::Kind::Ordinary))
        )
    }
}
