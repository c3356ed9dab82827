//! How the file becomes ours, before main.
//!
//! A stale file is replaced by a new one that appears whole and locked; a file that a live owner
//! holds, or that is no PID file, is left alone.

use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::pidfile::PidFile;
use crate::pidfile::content::{Content, read_pid, replace, write};
use crate::pidfile::location::Home;
use crate::sys::fs::{FileId, directory_of, flock, fstat, lstat, open, parent, stat, unlink};
use crate::sys::{self, Errno, check, clock, futex, procfs};

/// Between two attempts.
const MOMENT: Duration = Duration::from_millis(2);
/// How long a claim tries again while others change the file under its eyes.
const CONTENTION: Duration = Duration::from_secs(2);
/// exec(2) drops the lock of an owner for an instant: so long is a free file that names a living
/// process given the benefit of the doubt; longer if that process only lacks a processor.
const EXEC: Duration = Duration::from_millis(100);
/// A larger file is no PID file, but something that a mistyped path has hit.
const LARGEST: libc::off_t = 64 * 1024;

/// Why the file is not ours.
#[derive(Debug)]
pub enum Refusal {
    /// A live owner has it.
    Held(Option<libc::pid_t>),
    /// It is nothing that may be replaced.
    Unsafe(&'static str),
    /// A system call failed: what we wanted, and the errno.
    Failed(&'static str, Errno),
    /// It was ours, and was deleted while this process called exec(2).
    Deleted,
    /// It was ours, and something else is there now.
    Lost,
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(Some(pid)) => write!(to, "is held by a live owner, PID {pid}"),
            Self::Held(None) => write!(to, "is held by a live owner"),
            Self::Unsafe(what) => write!(to, "{what}"),
            Self::Failed(what, errno) => write!(to, "cannot {what}: {}", errno),
            Self::Deleted => write!(to, "was deleted"),
            Self::Lost => write!(to, "does not name this process any more"),
        }
    }
}

/// Whether the owner keeps a descriptor, and so the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    Kept,
    Dropped,
}

/// What is called with the identity of the file before readers can find this process's PID in it.
pub type Before<'a> = &'a dyn Fn(FileId);

impl PidFile {
    /// Makes the file at `path` name this process.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; the file is then as it was.
    pub fn claim(path: &CStr, lock: Lock, before: Before) -> Result<Self, Refusal> {
        let start = clock::now();
        loop {
            let waited = clock::now().saturating_sub(start);
            if let Some(fd) = attempt(path, lock, waited, before)? {
                let stat = fstat(&fd).map_err(|errno| {
                    // It names us, is locked by us, and nobody would take it away again.
                    let _ = unlink(path);
                    Refusal::Failed("look at it", errno)
                })?;
                return Ok(Self {
                    path: path.to_owned(),
                    id: FileId::from(&stat),
                    parent: parent(path),
                    fd: (lock == Lock::Kept).then_some(fd),
                    writable: None,
                });
            }
            if waited > CONTENTION {
                return Err(Refusal::Unsafe("does not stay the same for long enough"));
            }
            futex::pause(MOMENT);
        }
    }

    /// Takes up the file again that this process had before it called exec(2), which has dropped
    /// the lock. `home` is where it was put.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn resume(path: &CStr, lock: Lock, home: Home) -> Result<Self, Refusal> {
        let start = clock::now();
        loop {
            let fd = match open(path, libc::O_RDWR).or_else(|_| open(path, libc::O_RDONLY)) {
                Ok(fd) => fd,
                Err(Errno(libc::ENOENT)) if home.proves_absence(path) => {
                    return Err(Refusal::Deleted);
                }
                Err(errno) => return Err(Refusal::Failed("open it", errno)),
            };
            let stat = fstat(&fd).map_err(|errno| Refusal::Failed("look at it", errno))?;
            if stat.st_mode & libc::S_IFMT != libc::S_IFREG || read_pid(&fd) != Some(sys::getpid())
            {
                return Err(Refusal::Lost);
            }
            // Who has tried to claim it meanwhile holds the lock for a moment, sees that the file
            // names a living process, and lets go.
            let locked = lock == Lock::Dropped || flock(&fd).is_ok();
            if locked && lstat(path).is_ok_and(|now| FileId::from(&now) == FileId::from(&stat)) {
                return Ok(Self {
                    path: path.to_owned(),
                    id: FileId::from(&stat),
                    parent: Some(home.directory),
                    fd: (lock == Lock::Kept).then_some(fd),
                    writable: None,
                });
            }
            if clock::now().saturating_sub(start) > CONTENTION {
                return Err(Refusal::Held(None));
            }
            futex::pause(MOMENT);
        }
    }
}

/// One attempt at a claim: the new, locked file; or `None`, if the path has changed meanwhile and
/// everything is to be looked at again.
fn attempt(
    path: &CStr,
    lock: Lock,
    waited: Duration,
    before: Before,
) -> Result<Option<OwnedFd>, Refusal> {
    let found = match lstat(path) {
        Err(Errno(libc::ENOENT)) => return publish(path, before),
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
    match flock(&fd) {
        Ok(()) => {}
        Err(Errno(libc::EWOULDBLOCK)) => match read_pid(&fd) {
            // It is ours from before an exec(2), and somebody is just trying its lock.
            Some(pid) if pid == sys::getpid() && waited < CONTENTION => return Ok(None),
            Some(pid) if procfs::is_running(pid) => return Err(Refusal::Held(Some(pid))),
            // Somebody else is just trying the lock of a dead owner's file.
            _ if waited < CONTENTION => return Ok(None),
            pid => return Err(Refusal::Held(pid)),
        },
        Err(errno) => return Err(Refusal::Failed("lock it", errno)),
    }
    // Under the lock: is it still what the path leads to?
    let stat = fstat(&fd).map_err(|errno| Refusal::Failed("look at it", errno))?;
    match lstat(path) {
        Ok(now) if FileId::from(&now) == FileId::from(&stat) => {}
        _ => return Ok(None),
    }
    if stat.st_nlink > 1 {
        return Err(Refusal::Unsafe("has more than one link"));
    }
    let names = read_pid(&fd);
    if names == Some(sys::getpid()) && writable && stat.st_mode & 0o777 == 0o644 {
        // Ours from before an exec(2) that has lost the mark.
        return Ok(Some(fd));
    }
    if let Some(pid) = names.filter(|pid| *pid != sys::getpid() && procfs::is_alive(*pid)) {
        let may_have_no_lock = lock == Lock::Dropped || keeps_no_lock(pid);
        if may_have_no_lock && has_run_since(pid, stat.st_mtime) {
            return Err(Refusal::Held(Some(pid)));
        }
        if waited < EXEC || waited < CONTENTION && procfs::is_busy(pid) {
            return Ok(None);
        }
    }
    // Stale. A new file replaces it, so that no reader ever sees a mixture.
    match unlink(path) {
        Ok(()) => publish(path, before),
        // The directory is not ours to change, but the file is: an administrator has put it there
        // for this user. The first line is right from the first instant.
        Err(_) if writable => {
            before(FileId::from(&stat));
            replace(&fd, sys::getpid()).map_err(|errno| Refusal::Failed("write it", errno))?;
            Ok(Some(fd))
        }
        Err(errno) => Err(Refusal::Failed("replace it", errno)),
    }
}

/// Why the file must not be replaced, from a look at it: opening it might already do harm (a FIFO
/// blocks, a tape rewinds).
fn objection(found: &libc::stat64, path: &CStr) -> Option<&'static str> {
    match found.st_mode & libc::S_IFMT {
        libc::S_IFREG => {}
        libc::S_IFLNK => return Some("is a symbolic link"),
        libc::S_IFDIR => return Some("is a directory"),
        libc::S_IFIFO => return Some("is a FIFO"),
        libc::S_IFSOCK => return Some("is a socket"),
        libc::S_IFCHR | libc::S_IFBLK => return Some("is a device"),
        _ => return Some("is not a regular file"),
    }
    if found.st_size > LARGEST {
        return Some("is too large to be a PID file");
    }
    if is_of_kernel(path) {
        return Some("is the kernel's, not a file that is kept anywhere");
    }
    // As fs.protected_regular (proc_sys_fs(5)): in /tmp, what another user has put there is a trap.
    let directory = stat(&directory_of(path)).ok()?;
    let shared = libc::S_ISVTX | libc::S_IWOTH;
    // SAFETY: cannot fail.
    let user = unsafe { libc::geteuid() };
    let foreign = found.st_uid != user && found.st_uid != directory.st_uid;
    (directory.st_mode & shared == shared && foreign)
        .then_some("belongs to another user, in a directory that everybody may write to")
}

/// Whether what looks like a file is a switch of the kernel's: a PID that is written there does
/// something.
fn is_of_kernel(path: &CStr) -> bool {
    const SWITCHES: [u32; 14] = [
        0x0000_9FA0, // procfs
        0x6265_6572, // sysfs
        0x6265_6570, // configfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x0027_E0EB, // cgroup
        0x6367_7270, // cgroup2
        0x0765_5821, // resctrl
        0xF97C_FF8C, // selinuxfs
        0xCAFE_4A11, // bpf
        0x4249_4E4D, // binfmt_misc
        0xDE5E_81E4, // efivarfs
        0x1980_0202, // mqueue
    ];
    let mut stat = MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: a C string; room for the answer; zeroed is a valid statfs.
    let stat = unsafe {
        libc::statfs(path.as_ptr(), stat.as_mut_ptr());
        stat.assume_init()
    };
    SWITCHES.contains(&(stat.f_type as u32))
}

/// Puts a new, whole and locked file at a free path; `None` if the path is not free.
fn publish(path: &CStr, before: Before) -> Result<Option<OwnedFd>, Refusal> {
    let published = match publish_unnamed(path, before) {
        Err(Refusal::Failed(_, errno)) if errno != Errno(libc::EEXIST) => {
            publish_named(path, before)
        }
        other => other,
    };
    match published {
        Ok(fd) => Ok(Some(fd)),
        Err(Refusal::Failed(_, Errno(libc::EEXIST))) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// By a file without a name (open(2), O_TMPFILE), which cannot stay behind even if we are killed.
/// Not every file system has them, and giving it a name takes /proc.
fn publish_unnamed(path: &CStr, before: Before) -> Result<OwnedFd, Refusal> {
    let directory = directory_of(path);
    let fd = open(&directory, libc::O_TMPFILE | libc::O_RDWR)
        .map_err(|errno| Refusal::Failed("create it", errno))?;
    fill(&fd, before)?;
    // The kernel gives a name to a bare descriptor for who has CAP_DAC_READ_SEARCH, and for
    // whoever has opened it (Linux 6.10).
    let linked = match link(fd.as_raw_fd(), c"", path, libc::AT_EMPTY_PATH) {
        Err(Errno(libc::EEXIST)) => Err(Errno(libc::EEXIST)),
        Ok(()) => Ok(()),
        Err(_) => link(
            libc::AT_FDCWD,
            &own_descriptor(&fd),
            path,
            libc::AT_SYMLINK_FOLLOW,
        ),
    };
    linked.map_err(|errno| Refusal::Failed("create it", errno))?;
    Ok(fd)
}

fn link(at: c_int, from: &CStr, to: &CStr, flags: c_int) -> Result<(), Errno> {
    // SAFETY: both are C strings.
    check(unsafe { libc::linkat(at, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags) }).map(drop)
}

/// By a file of another name in the same directory, renamed only if the path is still free.
fn publish_named(path: &CStr, before: Before) -> Result<OwnedFd, Refusal> {
    let failed = |errno| Refusal::Failed("create it", errno);
    let draft = neighbour(path);
    let fd = open(&draft, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR).map_err(failed)?;
    let renamed = fill(&fd, before).and_then(|()| rename_to_free(&draft, path).map_err(failed));
    if let Err(refusal) = renamed {
        let _ = unlink(&draft);
        return Err(refusal);
    }
    Ok(fd)
}

/// renameat2(2) with RENAME_NOREPLACE, by number (glibc has it only since 2.28); link(2) where the
/// kernel or the file system does not know it.
fn rename_to_free(from: &CStr, to: &CStr) -> Result<(), Errno> {
    // SAFETY: both are C strings.
    let renamed = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::RENAME_NOREPLACE,
        )
    };
    match check(renamed as c_int) {
        Ok(_) => Ok(()),
        Err(Errno(libc::ENOSYS | libc::EINVAL)) => {
            // SAFETY: both are C strings.
            check(unsafe { libc::link(from.as_ptr(), to.as_ptr()) })?;
            unlink(from)
        }
        Err(errno) => Err(errno),
    }
}

/// Makes a fresh file what readers shall find: 0644 whatever the umask, locked, whole.
fn fill(fd: &OwnedFd, before: Before) -> Result<(), Refusal> {
    // SAFETY: the descriptor is ours.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), 0o644) })
        .map_err(|errno| Refusal::Failed("make it readable", errno))?;
    flock(fd).map_err(|errno| Refusal::Failed("lock it", errno))?;
    write(fd, Content::naming(sys::getpid()).bytes())
        .map_err(|errno| Refusal::Failed("write it", errno))?;
    let stat = fstat(fd).map_err(|errno| Refusal::Failed("look at it", errno))?;
    before(FileId::from(&stat));
    Ok(())
}

/// A name in the same directory that nobody else uses, short enough for any file system.
fn neighbour(path: &CStr) -> CString {
    let mut name = directory_of(path).into_bytes();
    let moment = clock::now().as_nanos();
    name.extend_from_slice(format!("/.pidfile-{}-{moment:x}", sys::getpid()).as_bytes());
    CString::new(name).unwrap_or_default()
}

/// The calling thread's own: the keeper's descriptors are not in the table of /proc/self.
fn own_descriptor(fd: &OwnedFd) -> CString {
    CString::new(format!("/proc/thread-self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}

/// Whether a process was started with the setting to keep no lock.
fn keeps_no_lock(pid: libc::pid_t) -> bool {
    let setting = procfs::record(&format!("/proc/{pid}/environ"), 0, b"PIDFILE_WATCH=");
    setting.is_some_and(|setting| setting == b"off")
}

/// Whether a process of this PID runs since before the file was written: then the PID was not
/// reused, and the file is right. Only of use where no lock is kept: clocks are set.
fn has_run_since(pid: libc::pid_t, written: libc::time_t) -> bool {
    // SAFETY: only asks; a null pointer is allowed.
    let now = unsafe { libc::time(std::ptr::null_mut()) };
    let age = now.saturating_sub(written).max(0) as u64;
    // That clock is rounded down to seconds. Before boot nothing ran.
    let second = clock::ticks_per_second();
    let written = clock::ticks().checked_sub(age.saturating_mul(second));
    written.is_some_and(|at| procfs::started(pid).is_some_and(|start| start <= at + second))
}
