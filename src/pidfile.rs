//! The file: open, lock, publish, look at, remove, empty.
//!
//! The protocol is flock(2) on the file itself. Who holds the lock is the owner; the kernel drops
//! it when the owner ends in whatever way, so a free lock means a stale file, whatever its content,
//! and PID reuse cannot mislead anybody. Within the protocol a path changes hands only under the
//! lock of the file it leads to, and a new file appears whole and locked.

use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::sys::{self, check, describe};

/// Between two attempts.
const MOMENT: Duration = Duration::from_millis(2);
/// How long a claim tries again while others change the file under its eyes.
const CONTENTION: Duration = Duration::from_secs(2);
/// exec(2) drops the lock of an owner for an instant: so long is a free file that names a living
/// process given the benefit of the doubt.
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
    Failed(&'static str, c_int),
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
            Self::Failed(what, errno) => write!(to, "cannot {what}: {}", describe(*errno)),
            Self::Deleted => write!(to, "was deleted"),
            Self::Lost => write!(to, "does not name this process any more"),
        }
    }
}

/// What a path leads to: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub u64, pub u64);

impl From<&libc::stat> for FileId {
    fn from(stat: &libc::stat) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

/// Where a file was put: what the path then led through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    pub directory: FileId,
    /// The root directory: another one after chroot(2).
    pub root: FileId,
}

impl Home {
    pub fn of(path: &CStr) -> Option<Self> {
        let root = FileId::from(&stat(c"/").ok()?);
        Some(Self {
            directory: parent(path)?,
            root,
        })
    }

    /// Whether it is proven that the file is gone if `path` leads nowhere: its directory is still
    /// there, or was removed with it.
    fn proves_absence(&self, path: &CStr) -> bool {
        match stat(&directory_of(path)) {
            Ok(directory) => FileId::from(&directory) == self.directory,
            Err(libc::ENOENT) => stat(c"/").is_ok_and(|root| FileId::from(&root) == self.root),
            Err(_) => false,
        }
    }
}

/// What a look at the path has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Still ours, or nothing proves the contrary.
    Present,
    /// Proven: nobody finds the file there any more.
    Deleted,
    /// The path leads to another file.
    Replaced,
}

/// A PID file that is ours.
#[derive(Debug)]
pub struct PidFile {
    path: CString,
    id: FileId,
    /// The directory it is in.
    parent: Option<FileId>,
    /// Holds the lock. `None` where no descriptor can be kept: then nothing tells others that we
    /// live but the PID in the file.
    fd: Option<OwnedFd>,
}

/// A PID file that another process owns, and that this one may inherit.
pub struct Baton(PidFile, OwnedFd);

/// What who gets the lock of such a file finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It names this process.
    Ours,
    /// It names another living process.
    Others,
    /// It names a dead process.
    Stale,
    /// Nobody finds it any more, or it was emptied where it could not be removed.
    Removed,
}

impl Baton {
    pub fn open(path: &CStr) -> Option<Self> {
        let fd = open(path, libc::O_RDWR)
            .or_else(|_| open(path, libc::O_RDONLY))
            .ok()?;
        let stat = fstat(&fd).ok()?;
        let file = PidFile {
            path: path.to_owned(),
            id: FileId::from(&stat),
            parent: parent(path),
            fd: None,
        };
        (stat.st_mode & libc::S_IFMT == libc::S_IFREG).then_some(Self(file, fd))
    }

    /// Blocks until the lock is free, and takes it.
    pub fn wait(&self) -> Result<Found, c_int> {
        let Self(_, fd) = self;
        // Interrupted when the host changes its user (nptl/setxid).
        while let Err(errno) = flock_by_kernel(fd, libc::LOCK_EX) {
            if errno != libc::EINTR {
                return Err(errno);
            }
        }
        if fstat(fd)?.st_nlink == 0 {
            return Ok(Found::Removed);
        }
        Ok(match read_pid(fd) {
            Some(pid) if pid == sys::getpid() => Found::Ours,
            Some(pid) if sys::is_running(pid) => Found::Others,
            Some(_) => Found::Stale,
            None => Found::Removed,
        })
    }

    pub fn let_go(&self) {
        unlock(&self.1);
    }

    pub fn take(self) -> PidFile {
        let Self(file, fd) = self;
        PidFile {
            fd: Some(fd),
            ..file
        }
    }
}

/// Whether the owner keeps a descriptor, and so the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    Kept,
    Dropped,
}

impl PidFile {
    /// Makes the file at `path` name this process.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; the file is then as it was.
    pub fn claim(path: &CStr, lock: Lock) -> Result<Self, Refusal> {
        let start = sys::now();
        loop {
            let waited = sys::now().saturating_sub(start);
            if let Some(fd) = attempt(path, lock, waited)? {
                let stat = fstat(&fd).map_err(|errno| {
                    // It names us, and nobody would take it away again.
                    // SAFETY: the path is a C string; the file there is locked by us.
                    unsafe { libc::unlink(path.as_ptr()) };
                    Refusal::Failed("look at it", errno)
                })?;
                return Ok(Self {
                    path: path.to_owned(),
                    id: FileId::from(&stat),
                    parent: parent(path),
                    fd: (lock == Lock::Kept).then_some(fd),
                });
            }
            if waited > CONTENTION {
                return Err(Refusal::Unsafe("does not stay the same for long enough"));
            }
            sys::pause(MOMENT);
        }
    }

    /// Takes up the file again that this process had before it called exec(2), which has dropped
    /// the lock. `home` is where it was put.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn resume(path: &CStr, lock: Lock, home: Home) -> Result<Self, Refusal> {
        let start = sys::now();
        loop {
            let fd = match open(path, libc::O_RDWR).or_else(|_| open(path, libc::O_RDONLY)) {
                Ok(fd) => fd,
                Err(libc::ENOENT) if home.proves_absence(path) => return Err(Refusal::Deleted),
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
                });
            }
            if sys::now().saturating_sub(start) > CONTENTION {
                return Err(Refusal::Held(None));
            }
            sys::pause(MOMENT);
        }
    }

    /// Looks whether the file is still there. Only proof counts: a path that cannot be reached for
    /// lack of rights, or from inside a chroot, is no deletion.
    pub fn look(&self) -> Sight {
        // ESTALE and the like prove nothing by themselves.
        let links = self
            .fd
            .as_ref()
            .and_then(|fd| fstat(fd).ok())
            .map(|stat| stat.st_nlink);
        match lstat(&self.path) {
            Ok(stat) if FileId::from(&stat) == self.id => Sight::Present,
            Ok(_) if links == Some(0) || self.is_home() => Sight::Replaced,
            Ok(_) => Sight::Present,
            Err(_) if links == Some(0) => Sight::Deleted,
            Err(libc::ENOENT) if self.is_home() => Sight::Deleted,
            Err(_) => Sight::Present,
        }
    }

    /// Whether the path still leads into the directory that the file was put in.
    fn is_home(&self) -> bool {
        self.parent.is_some() && self.parent == parent(&self.path)
    }

    /// Takes over what the path leads to now, if it names this process: the host has written a PID
    /// file of its own. Answers what PID is in it.
    ///
    /// # Errors
    ///
    /// The PID that is in it instead, if it can be read.
    pub fn adopt(&mut self) -> Result<(), Option<libc::pid_t>> {
        let fd = open(&self.path, libc::O_RDWR).or_else(|_| open(&self.path, libc::O_RDONLY));
        let fd = fd.map_err(|_| None)?;
        let stat = fstat(&fd).map_err(|_| None)?;
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG {
            return Err(None);
        }
        let pid = read_pid(&fd);
        if pid != Some(sys::getpid()) || flock(&fd).is_err() {
            return Err(pid);
        }
        self.id = FileId::from(&stat);
        self.fd = Some(fd);
        Ok(())
    }

    /// Takes the file away if it is still ours: the same file, and still holding our PID. Where
    /// that is refused it is emptied: an empty file misleads nobody, a stale PID does.
    ///
    /// Async-signal-safe: system calls only.
    pub fn remove(&self) {
        match lstat(&self.path) {
            // The host may have written it anew just now: then it names us.
            Ok(stat) if FileId::from(&stat) != self.id && !names_us_at(&self.path) => return,
            Ok(stat) if FileId::from(&stat) == self.id && !self.names_us() => return,
            // SAFETY: the path is a C string.
            Ok(_) if unsafe { libc::unlink(self.path.as_ptr()) } == 0 => return,
            Ok(_) => {}
            Err(_) if !self.names_us() => return,
            Err(_) => {}
        }
        match &self.fd {
            // SAFETY: the descriptor is ours.
            Some(fd) => unsafe { libc::ftruncate(fd.as_raw_fd(), 0) },
            // SAFETY: the path is a C string. It was just found to lead to our file, or to none.
            None => unsafe { libc::truncate(self.path.as_ptr(), 0) },
        };
    }

    /// Passes the file on: writes the heir's PID into it, lets go of the lock, and waits until
    /// somebody has it. `wait` sleeps for a moment and tells whether the heir says that it has.
    /// Answers whether that was so; if not, the file is ours as before.
    pub fn hand_over(&self, heir: libc::pid_t, bound: Duration, wait: impl Fn() -> bool) -> bool {
        let Some(fd) = &self.fd else { return false };
        if self.look() != Sight::Present || !self.names_us() || replace(fd, heir).is_err() {
            return false;
        }
        let end = sys::now() + bound;
        unlock(fd);
        loop {
            if wait() {
                return true;
            }
            let (living, late) = (sys::is_running(heir), sys::now() >= end);
            match flock(fd) {
                // By the heir, or for a moment by one who will see that the file names the heir.
                Err(_) if living || late => return true,
                Err(_) => {}
                Ok(()) if living && !late => unlock(fd),
                Ok(()) => {
                    // Where that fails the file names another process, and is not removed by us.
                    let _ = replace(fd, sys::getpid());
                    return false;
                }
            }
        }
    }

    /// Takes away what a dead owner has left. The lock is ours, so nobody else does.
    pub fn remove_stale(&self) {
        match (lstat(&self.path), &self.fd) {
            (Ok(stat), _) if FileId::from(&stat) != self.id => {}
            // SAFETY: the path is a C string.
            (Ok(_), _) if unsafe { libc::unlink(self.path.as_ptr()) } == 0 => {}
            // SAFETY: the descriptor is ours.
            (_, Some(fd)) => unsafe {
                libc::ftruncate(fd.as_raw_fd(), 0);
            },
            (_, None) => {}
        }
    }

    /// Whether our PID is what is in it.
    fn names_us(&self) -> bool {
        match &self.fd {
            Some(fd) => read_pid(fd) == Some(sys::getpid()),
            None => names_us_at(&self.path),
        }
    }

    /// The same file without its descriptor, and so without the lock.
    pub fn unattended(self) -> Self {
        Self { fd: None, ..self }
    }

    /// Causes an event on the file that changes nothing.
    pub fn touch(&self) -> bool {
        open(&self.path, libc::O_RDONLY).is_ok()
    }

    pub fn id(&self) -> FileId {
        self.id
    }

    pub fn path(&self) -> &CStr {
        &self.path
    }

    /// Whether the file system may change without inotify being told: another machine, or a
    /// program, may be behind it.
    pub fn is_remote(&self) -> bool {
        const REMOTE: [u32; 8] = [
            0x6969,      // NFS
            0x6573_5546, // FUSE, virtiofs
            0xFF53_4D42, // CIFS
            0xFE53_4D42, // SMB2
            0x0102_1997, // 9p
            0x00C3_6400, // Ceph
            0x5346_414F, // AFS
            0x0116_1970, // GFS2
        ];
        let Some(fd) = &self.fd else { return true };
        let mut stat = MaybeUninit::<libc::statfs>::zeroed();
        // SAFETY: the descriptor is ours; zeroed is a valid statfs.
        let (result, stat) = unsafe {
            let result = libc::fstatfs(fd.as_raw_fd(), stat.as_mut_ptr());
            (result, stat.assume_init())
        };
        result != 0 || REMOTE.contains(&(stat.f_type as u32))
    }
}

/// One attempt at a claim: the new, locked file; or `None`, if the path has changed meanwhile and
/// everything is to be looked at again.
fn attempt(path: &CStr, lock: Lock, waited: Duration) -> Result<Option<OwnedFd>, Refusal> {
    let found = match lstat(path) {
        Err(libc::ENOENT) => return publish(path),
        Err(errno) => return Err(Refusal::Failed("look at it", errno)),
        Ok(found) => found,
    };
    if let Some(what) = objection(&found, path) {
        return Err(Refusal::Unsafe(what));
    }
    let (fd, writable) = match open(path, libc::O_RDWR) {
        Ok(fd) => (fd, true),
        Err(libc::ENOENT | libc::ELOOP) => return Ok(None),
        Err(libc::EACCES | libc::EPERM | libc::EROFS) => match open(path, libc::O_RDONLY) {
            Ok(fd) => (fd, false),
            Err(errno) => return Err(Refusal::Failed("open it", errno)),
        },
        Err(errno) => return Err(Refusal::Failed("open it", errno)),
    };
    match flock(&fd) {
        Ok(()) => {}
        Err(libc::EWOULDBLOCK) => match read_pid(&fd) {
            // It is ours from before an exec(2), and somebody is just trying its lock.
            Some(pid) if pid == sys::getpid() && waited < CONTENTION => return Ok(None),
            Some(pid) if sys::is_running(pid) => return Err(Refusal::Held(Some(pid))),
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
    if let Some(pid) = names.filter(|pid| *pid != sys::getpid() && sys::is_alive(*pid)) {
        if lock == Lock::Dropped && has_run_since(pid, stat.st_mtime) {
            return Err(Refusal::Held(Some(pid)));
        }
        if waited < EXEC {
            return Ok(None);
        }
    }
    // Stale. A new file replaces it, so that no reader ever sees a mixture.
    // SAFETY: the path is a C string.
    match check(unsafe { libc::unlink(path.as_ptr()) }) {
        Ok(_) => publish(path),
        // The directory is not ours to change, but the file is: an administrator has put it there
        // for this user. The first line is right from the first instant.
        Err(_) if writable => {
            replace(&fd, sys::getpid()).map_err(|errno| Refusal::Failed("write it", errno))?;
            Ok(Some(fd))
        }
        Err(errno) => Err(Refusal::Failed("replace it", errno)),
    }
}

/// Why the file must not be replaced, from a look at it: opening it might already do harm (a FIFO
/// blocks, a tape rewinds).
fn objection(found: &libc::stat, path: &CStr) -> Option<&'static str> {
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
    // As fs.protected_regular (proc_sys_fs(5)): in /tmp, what another user has put there is a trap.
    let directory = stat(&directory_of(path)).ok()?;
    let shared = libc::S_ISVTX | libc::S_IWOTH;
    // SAFETY: cannot fail.
    let user = unsafe { libc::geteuid() };
    let foreign = found.st_uid != user && found.st_uid != directory.st_uid;
    (directory.st_mode & shared == shared && foreign)
        .then_some("belongs to another user, in a directory that everybody may write to")
}

/// Puts a new, whole and locked file at a free path; `None` if the path is not free.
fn publish(path: &CStr) -> Result<Option<OwnedFd>, Refusal> {
    let published = match publish_unnamed(path) {
        Err(Refusal::Failed(_, errno)) if errno != libc::EEXIST => publish_named(path),
        other => other,
    };
    match published {
        Ok(fd) => Ok(Some(fd)),
        Err(Refusal::Failed(_, libc::EEXIST)) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// By a file without a name (open(2), O_TMPFILE), which cannot stay behind even if we are killed.
/// Not every file system has them, and giving it a name takes /proc.
fn publish_unnamed(path: &CStr) -> Result<OwnedFd, Refusal> {
    let directory = directory_of(path);
    let fd = open(&directory, libc::O_TMPFILE | libc::O_RDWR)
        .map_err(|errno| Refusal::Failed("create it", errno))?;
    fill(&fd)?;
    let source = own_descriptor(&fd);
    // SAFETY: both are C strings.
    let linked = check(unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            source.as_ptr(),
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    });
    linked.map_err(|errno| Refusal::Failed("create it", errno))?;
    Ok(fd)
}

/// By a file of another name in the same directory, renamed only if the path is still free.
fn publish_named(path: &CStr) -> Result<OwnedFd, Refusal> {
    let failed = |errno| Refusal::Failed("create it", errno);
    let draft = neighbour(path);
    let fd = open(&draft, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR).map_err(failed)?;
    let renamed = fill(&fd).and_then(|()| rename_to_free(&draft, path).map_err(failed));
    if let Err(refusal) = renamed {
        // SAFETY: a C string; the file is the one created above.
        unsafe { libc::unlink(draft.as_ptr()) };
        return Err(refusal);
    }
    Ok(fd)
}

/// renameat2(2) with RENAME_NOREPLACE, by number (glibc has it only since 2.28); link(2) where the
/// kernel or the file system does not know it.
fn rename_to_free(from: &CStr, to: &CStr) -> Result<(), c_int> {
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
        Err(libc::ENOSYS | libc::EINVAL) => {
            // SAFETY: both are C strings.
            unsafe {
                check(libc::link(from.as_ptr(), to.as_ptr()))?;
                libc::unlink(from.as_ptr());
            }
            Ok(())
        }
        Err(errno) => Err(errno),
    }
}

/// Makes a fresh file what readers shall find: 0644 whatever the umask, locked, whole.
fn fill(fd: &OwnedFd) -> Result<(), Refusal> {
    // SAFETY: the descriptor is ours.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), 0o644) })
        .map_err(|errno| Refusal::Failed("make it readable", errno))?;
    flock(fd).map_err(|errno| Refusal::Failed("lock it", errno))?;
    write(fd, Content::naming(sys::getpid()).bytes())
        .map_err(|errno| Refusal::Failed("write it", errno))
}

/// Whether our PID is in the file that the path leads to.
fn names_us_at(path: &CStr) -> bool {
    open(path, libc::O_RDONLY).is_ok_and(|fd| read_pid(&fd) == Some(sys::getpid()))
}

/// Makes a file that readers may be looking at name a process: the first line is right from the
/// first instant.
fn replace(fd: &OwnedFd, pid: libc::pid_t) -> Result<(), c_int> {
    let content = Content::naming(pid);
    write(fd, content.bytes())?;
    let length = content.bytes().len() as libc::off_t;
    // SAFETY: the descriptor is ours.
    check(unsafe { libc::ftruncate(fd.as_raw_fd(), length) }).map(|_| ())
}

/// A PID in decimal and a newline.
struct Content([u8; 12], usize);

impl Content {
    fn naming(pid: libc::pid_t) -> Self {
        let mut digits = [b'\n'; 12];
        let mut start = digits.len() - 1;
        let mut rest = pid as u32;
        loop {
            start -= 1;
            digits[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return Self(digits, start);
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        &self.0[self.1..]
    }
}

/// The first number in a PID file: blanks before it and anything after the line are allowed.
fn parse_pid(content: &[u8]) -> Option<libc::pid_t> {
    let content = content.trim_ascii_start();
    let digits = content
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (number, rest) = content.split_at(digits);
    if !rest.first().is_none_or(u8::is_ascii_whitespace) {
        return None;
    }
    std::str::from_utf8(number)
        .ok()?
        .parse()
        .ok()
        .filter(|pid| *pid > 0)
}

fn read_pid(fd: &OwnedFd) -> Option<libc::pid_t> {
    let mut content = [0; 32];
    // SAFETY: writes at most the size of `content`.
    let size = unsafe {
        libc::pread(
            fd.as_raw_fd(),
            content.as_mut_ptr().cast(),
            content.len(),
            0,
        )
    };
    parse_pid(content.get(..usize::try_from(size).ok()?)?)
}

fn write(fd: &OwnedFd, content: &[u8]) -> Result<(), c_int> {
    // SAFETY: reads at most the size of `content`.
    let size = unsafe { libc::pwrite(fd.as_raw_fd(), content.as_ptr().cast(), content.len(), 0) };
    match check(size as c_int) {
        Ok(size) if size as usize == content.len() => Ok(()),
        Ok(_) => Err(libc::ENOSPC),
        Err(errno) => Err(errno),
    }
}

fn flock(fd: &OwnedFd) -> Result<(), c_int> {
    flock_by_kernel(fd, libc::LOCK_EX | libc::LOCK_NB).map(|_| ())
}

/// The function of that name is the host's (interpose.rs).
fn flock_by_kernel(fd: &OwnedFd, operation: c_int) -> Result<c_int, c_int> {
    // SAFETY: the descriptor is ours.
    check(unsafe { libc::syscall(libc::SYS_flock, fd.as_raw_fd(), operation) } as c_int)
}

fn unlock(fd: &OwnedFd) {
    let _ = flock_by_kernel(fd, libc::LOCK_UN);
}

/// Never follows a link, never blocks, never becomes a controlling terminal, is never inherited.
fn open(path: &CStr, flags: c_int) -> Result<OwnedFd, c_int> {
    let flags = flags | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    // A directory is opened only for O_TMPFILE, where its own path may well be a link.
    let flags = if flags & libc::O_TMPFILE == libc::O_TMPFILE {
        flags & !libc::O_NOFOLLOW
    } else {
        flags
    };
    // SAFETY: a C string; the descriptor is nobody else's.
    unsafe {
        let fd = check(libc::open(path.as_ptr(), flags, 0o644 as libc::c_uint))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

type Stat = Result<libc::stat, c_int>;

fn filled_in(call: impl FnOnce(*mut libc::stat) -> c_int) -> Stat {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    check(call(stat.as_mut_ptr()))?;
    // SAFETY: the call has succeeded.
    Ok(unsafe { stat.assume_init() })
}

fn lstat(path: &CStr) -> Stat {
    // SAFETY: a C string, and room for the answer.
    filled_in(|stat| unsafe { libc::lstat(path.as_ptr(), stat) })
}

fn stat(path: &CStr) -> Stat {
    // SAFETY: a C string, and room for the answer.
    filled_in(|stat| unsafe { libc::stat(path.as_ptr(), stat) })
}

fn fstat(fd: &OwnedFd) -> Stat {
    // SAFETY: the descriptor is ours; room for the answer.
    filled_in(|stat| unsafe { libc::fstat(fd.as_raw_fd(), stat) })
}

/// The directory that a path leads into.
fn parent(path: &CStr) -> Option<FileId> {
    stat(&directory_of(path)).ok().as_ref().map(FileId::from)
}

fn directory_of(path: &CStr) -> CString {
    let bytes = path.to_bytes();
    let end = bytes.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let directory = if end == 0 { b"/" } else { &bytes[..end] };
    CString::new(directory).unwrap_or_default()
}

/// A name in the same directory that nobody else uses, short enough for any file system.
fn neighbour(path: &CStr) -> CString {
    let mut name = directory_of(path).into_bytes();
    let moment = sys::now().as_nanos();
    name.extend_from_slice(format!("/.pidfile-{}-{moment:x}", sys::getpid()).as_bytes());
    CString::new(name).unwrap_or_default()
}

/// The calling thread's own: the keeper's descriptors are not in the table of /proc/self.
fn own_descriptor(fd: &OwnedFd) -> CString {
    CString::new(format!("/proc/thread-self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}

/// Whether a process of this PID runs since before the file was written: then the PID was not
/// reused, and the file is right. Only of use where no lock is kept.
fn has_run_since(pid: libc::pid_t, written: libc::time_t) -> bool {
    // SAFETY: only asks; a null pointer is allowed.
    let now = unsafe { libc::time(std::ptr::null_mut()) };
    let age = now.saturating_sub(written).max(0) as u64;
    // Both clocks are rounded down to seconds.
    sys::started(pid).is_some_and(|start| start <= sys::since_boot().saturating_sub(age) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_is_the_first_number_of_the_file() {
        for (content, pid) in [
            ("12\n", Some(12)),
            ("12", Some(12)),
            (" \n12 34\n", Some(12)),
            ("7\n/var/lib/data\n", Some(7)),
            ("", None),
            ("\n", None),
            ("0\n", None),
            ("-5\n", None),
            ("12x", None),
            ("pid 12", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(parse_pid(content.as_bytes()), pid, "{content:?}");
        }
        assert_eq!(parse_pid(b"\xff\xfe"), None);
    }

    #[test]
    fn content_is_the_pid_and_a_newline() {
        for pid in [1, 10, 4_194_304, i32::MAX] {
            assert_eq!(Content::naming(pid).bytes(), format!("{pid}\n").as_bytes());
        }
    }

    #[test]
    fn directories() {
        assert_eq!(directory_of(c"/run/a.pid").as_c_str(), c"/run");
        assert_eq!(directory_of(c"/a.pid").as_c_str(), c"/");
    }
}
