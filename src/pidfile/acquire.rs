//! Claims the file before main, or takes it up again after exec.
//!
//! A stale file is replaced by a new one that appears whole and locked. That of a live owner, and what is no PID file, stays.
//!
//! ```text
//! claim:  path is free                               publish a new file
//!         not a PID file, by its kind or content     refuse
//!         lock is refused:  by the process it names,
//!                           an instance, or unseen   held
//!                           by a stranger            judge the process it names; if stale, replace it
//!                                                    under another lock, which no stranger can take
//!         lock is ours:     judge the process it names; if stale, replace it
//!
//! judge a process that has no lock:
//!         runs since before the file was written,
//!         and is an instance for this path           held (exec(2) has dropped its lock)
//!         is in the middle of execve(2)              look again
//!         anything else                              stale
//! ```

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::pidfile::content::{Kind, kind, read_pid, replace};
use crate::pidfile::creation::{Published, publish, remove_drafts};
use crate::pidfile::gate::exclude_others;
use crate::pidfile::holder::{Holder, Verdict, has_run_since, holder, judge, keeps_no_lock};
use crate::pidfile::location::Location;
use crate::pidfile::objection::{impossible_place, objection};
use crate::pidfile::refusal::{Before, NO_LOCK, Refusal, has_no_locks};
use crate::pidfile::{PidFile, Remark};
use crate::sys::fs::{FileId, flock, fstat, lstat, open, open_regular, parent, unlink};
use crate::sys::{self, Errno, clock, futex, procfs};

/// Pause between two attempts.
const RETRY: Duration = Duration::from_millis(2);
/// How long a claim tries again while others change the file under its eyes. Then it is refused.
const CONTENTION: Duration = Duration::from_secs(2);

/// Whether the owner keeps a descriptor, and so the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// The keeper has a descriptor.
    Kept,
    /// `PIDFILE_WATCH=off`, or no descriptor table of our own.
    Dropped,
}

/// The file that an attempt has claimed.
struct Claimed {
    pub fd: OwnedFd,
    pub id: FileId,
    /// Whether the lock is ours.
    pub locked: bool,
    /// What an operator may want to know of it.
    pub remark: Option<Remark>,
}

impl From<Published> for Claimed {
    fn from(published: Published) -> Self {
        Self {
            fd: published.fd,
            id: published.id,
            locked: published.locked,
            remark: published.remark.map(Remark::Event),
        }
    }
}

impl PidFile {
    /// Makes the file at `path` name this process. `before` is called before readers can find the PID in it.
    ///
    /// # Errors
    ///
    /// Why the file cannot be had. It is then as it was.
    pub fn claim(path: &CStr, lock: Lock, before: Before) -> Result<Self, Refusal> {
        let start = clock::now();
        loop {
            let waited = clock::now().saturating_sub(start);
            if let Some(claimed) = attempt(path, lock, waited, before)? {
                return Ok(Self {
                    path: path.to_owned(),
                    id: claimed.id,
                    parent: parent(path),
                    fd: (lock == Lock::Kept).then_some(claimed.fd),
                    writable: None,
                    name: None,
                    locked: claimed.locked,
                    remark: claimed.remark,
                });
            }
            if waited > CONTENTION {
                return Err(Refusal::Unsafe("does not stay the same for long enough"));
            }
            futex::pause(RETRY);
        }
    }

    /// Takes up the file again that this process had before exec(2), which has dropped the lock. `location` is where it was
    /// put. Where another process has the lock by now, [`PidFile::relock`] tries again later.
    ///
    /// # Errors
    ///
    /// Why the file is not this process's any more.
    pub fn resume(path: &CStr, lock: Lock, location: Location) -> Result<Self, Refusal> {
        let start = clock::now();
        loop {
            let (fd, stat) = match open_regular(path) {
                Ok(Some(found)) => found,
                Ok(None) => return Err(Refusal::Lost),
                Err(Errno(libc::ENOENT)) if location.is_missing_for_certain(path) => {
                    return Err(Refusal::Deleted);
                }
                Err(errno) => return Err(Refusal::Failed("open it", errno)),
            };
            if read_pid(&fd) != Some(sys::getpid()) {
                return Err(Refusal::Lost);
            }
            let locked = lock == Lock::Kept && flock(&fd).is_ok();
            if lstat(path).is_ok_and(|now| FileId::from(&now) == FileId::from(&stat)) {
                return Ok(Self {
                    path: path.to_owned(),
                    id: FileId::from(&stat),
                    parent: Some(location.directory),
                    fd: (lock == Lock::Kept).then_some(fd),
                    writable: None,
                    name: None,
                    locked,
                    remark: None,
                });
            }
            if clock::now().saturating_sub(start) > CONTENTION {
                return Err(Refusal::Held(None));
            }
            futex::pause(RETRY);
        }
    }
}

/// Tries to claim the file once. Returns `None` if the path has changed meanwhile, and all has to be looked at again.
fn attempt(
    path: &CStr,
    lock: Lock,
    waited: Duration,
    before: Before,
) -> Result<Option<Claimed>, Refusal> {
    let found = match lstat(path) {
        Err(Errno(libc::ENOENT)) => {
            let published = publish(path, before)
                .map_err(|refusal| impossible_place(path).map_or(refusal, Refusal::Unsafe));
            return Ok(published?.map(Claimed::from));
        }
        Err(errno) => return Err(Refusal::Failed("look at it", errno)),
        Ok(found) => found,
    };
    if let Some(what) = objection(&found, path) {
        return Err(Refusal::Unsafe(what));
    }
    let (fd, writable) = match open(path, libc::O_RDWR) {
        Ok(fd) => (fd, true),
        Err(Errno(libc::ENOENT | libc::ELOOP)) => return Ok(None),
        Err(Errno(libc::EACCES | libc::EPERM | libc::EROFS)) => match open(path, libc::O_RDONLY) {
            Ok(fd) => (fd, false),
            Err(errno) => return Err(Refusal::Failed("open it", errno)),
        },
        Err(errno) => return Err(Refusal::Failed("open it", errno)),
    };
    let mut lockless = false;
    let locked = match flock(&fd) {
        Ok(()) => true,
        Err(Errno(libc::EWOULDBLOCK)) => match holder(&fd, path) {
            Holder::Owner(pid) => return Err(Refusal::Held(pid)),
            Holder::Ourselves | Holder::Stranger => false,
            // One who just tried it, and has let go; or one in another PID namespace.
            Holder::Unseen if waited < CONTENTION => return Ok(None),
            Holder::Unseen => return Err(Refusal::Held(read_pid(&fd))),
        },
        Err(errno) if has_no_locks(errno) => {
            lockless = true;
            false
        }
        Err(errno) => return Err(Refusal::Failed("lock it", errno)),
    };
    // Is it still what the path leads to?
    let stat = fstat(&fd).map_err(|errno| Refusal::Failed("look at it", errno))?;
    match lstat(path) {
        Ok(now) if FileId::from(&now) == FileId::from(&stat) => {}
        _ => return Ok(None),
    }
    if stat.st_nlink > 1 {
        remove_drafts(path, &stat);
        if fstat(&fd).is_ok_and(|stat| stat.st_nlink > 1) {
            return Err(Refusal::Unsafe("has more than one link"));
        }
    }
    if kind(&fd) == Kind::Other {
        return Err(Refusal::Unsafe("holds something else than a PID"));
    }
    let names = read_pid(&fd);
    if names == Some(sys::getpid()) && writable && stat.st_mode & 0o777 == 0o644 {
        // Ours from before an exec(2) that has lost the variable.
        let remark = lockless.then_some(Remark::Event(NO_LOCK));
        let id = FileId::from(&stat);
        return Ok(Some(Claimed {
            fd,
            id,
            locked,
            remark,
        }));
    }
    let mut remark = None;
    // The keeper of one that ends lets go of the lock long before the kernel has freed the memory.
    let runs_on = procfs::has_not_begun_to_end;
    if let Some(pid) = names.filter(|pid| *pid != sys::getpid() && runs_on(*pid)) {
        let may_have_no_lock = lockless || lock == Lock::Dropped || keeps_no_lock(pid);
        if may_have_no_lock && has_run_since(pid, stat.st_mtime) {
            return Err(Refusal::Held(Some(pid)));
        }
        match judge(pid, &stat, path) {
            // It began to end between two looks.
            _ if !runs_on(pid) => {}
            Verdict::Owner => return Err(Refusal::Held(Some(pid))),
            Verdict::InExec if waited < CONTENTION => return Ok(None),
            Verdict::InExec => return Err(Refusal::Held(Some(pid))),
            Verdict::Hidden if waited < hidden(pid) => return Ok(None),
            Verdict::Hidden | Verdict::Other => {
                // Else its PID was used again since the file was written.
                remark = has_run_since(pid, stat.st_mtime).then_some(Remark::TakenOver(pid));
            }
        }
    }
    if let Some(pid) = names.filter(|pid| leads_this_process(*pid)) {
        return Err(Refusal::LeftByAncestor(pid));
    }
    let replaced = if locked || lockless {
        replace_stale(path, fd, &stat, writable, locked, before)
    } else {
        match exclude_others(path, &stat)? {
            Some(gate) => {
                let replaced = replace_stale(path, fd, &stat, writable, false, before);
                gate.open();
                replaced
            }
            None => Ok(None),
        }
    };
    replaced.map(|claimed| {
        claimed.map(|claimed| Claimed {
            remark: remark.or(claimed.remark),
            ..claimed
        })
    })
}

/// Returns whether a PID is that of the leader of this process's group or session, which has ended, or ends, and was an
/// ancestor of this process. The kernel gives such a PID to nobody else.
fn leads_this_process(pid: libc::pid_t) -> bool {
    // SAFETY: both calls take a number, where 0 stands for this process, and always succeed.
    let (group, session) = unsafe { (libc::getpgid(0), libc::getsid(0)) };
    (pid == group || pid == session) && !procfs::has_not_begun_to_end(pid)
}

/// Replaces a stale file by a new one, so that no reader sees a mixture of both.
fn replace_stale(
    path: &CStr,
    fd: OwnedFd,
    stat: &libc::stat64,
    writable: bool,
    locked: bool,
    before: Before,
) -> Result<Option<Claimed>, Refusal> {
    match unlink(path) {
        Ok(()) => Ok(publish(path, before)?.map(Claimed::from)),
        // This user may write the file, but not change its directory: an administrator has put it there. The first line is
        // right from the first instant.
        Err(_) if writable => {
            let id = FileId::from(stat);
            before(id);
            replace(&fd, sys::getpid()).map_err(|errno| Refusal::Failed("write it", errno))?;
            Ok(Some(Claimed {
                fd,
                id,
                locked,
                remark: None,
            }))
        }
        Err(errno) => Err(Refusal::Failed("replace it", errno)),
    }
}

/// Returns how long a claim waits for a process that it may not look into, and that shows no keeper, to take its lock again:
/// it may be in the middle of execve(2). Then its file is taken for stale.
fn hidden(pid: libc::pid_t) -> Duration {
    if procfs::has_busy_thread(pid) {
        CONTENTION
    } else {
        Duration::from_millis(100)
    }
}
