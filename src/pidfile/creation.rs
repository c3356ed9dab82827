//! Creates the file at a free path. Readers never see it empty, half-written or unlocked.
//!
//! ```text
//! 1 a file without a name, filled, then linked               no O_TMPFILE here          → 2
//! 2 a draft in the same directory, renamed if free           no RENAME_NOREPLACE here   → 3
//! 3 a draft, linked and unlinked                             the draft stays            → 4
//! 4 an empty file at the path, then the draft renamed over it
//! ```

use std::ffi::{CStr, CString, c_int};
use std::os::fd::{AsRawFd, OwnedFd};

use crate::pidfile::content::{Content, write};
use crate::pidfile::refusal::{Before, NO_LOCK, Refusal, has_no_locks};
use crate::sys::directory::for_each_name;
use crate::sys::fs::{FileId, directory_of, flock, fstat, lstat, open, rename, set_mode, unlink};
use crate::sys::{self, Errno, check, clock};

/// A new file that has its name.
pub struct Published {
    pub fd: OwnedFd,
    pub id: FileId,
    /// Whether this process has its lock.
    pub locked: bool,
    /// What the file system has refused, for a message.
    pub remark: Option<&'static str>,
}

/// Puts a new, whole and locked file at a free path. Returns `None` if the path is not free. `before` is called before the
/// file has its name.
pub fn publish(path: &CStr, before: Before) -> Result<Option<Published>, Refusal> {
    let published = match publish_unnamed(path, before) {
        Err(Refusal::Failed(_, errno)) if errno != Errno(libc::EEXIST) => {
            publish_named(path, before)
        }
        other => other,
    };
    match published {
        Ok(published) => Ok(Some(published)),
        Err(Refusal::Failed(_, Errno(libc::EEXIST))) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// Creates the file without a name (open(2), O_TMPFILE), and then gives it one. Nothing stays behind, even if the process is
/// killed. Not every file system has that, and it needs /proc.
fn publish_unnamed(path: &CStr, before: Before) -> Result<Published, Refusal> {
    let directory = directory_of(path);
    let fd = open(&directory, libc::O_TMPFILE | libc::O_RDWR)
        .map_err(|errno| Refusal::Failed("create it", errno))?;
    let published = fill(fd, before)?;
    let fd = &published.fd;
    // A bare descriptor can be linked with CAP_DAC_READ_SEARCH, and since Linux 6.10 by the process that has opened it.
    let linked = match link(fd.as_raw_fd(), c"", path, libc::AT_EMPTY_PATH) {
        Err(Errno(libc::EEXIST)) => Err(Errno(libc::EEXIST)),
        Ok(()) => Ok(()),
        Err(_) => link(
            libc::AT_FDCWD,
            &own_descriptor(fd),
            path,
            libc::AT_SYMLINK_FOLLOW,
        ),
    };
    linked.map_err(|errno| Refusal::Failed("create it", errno))?;
    Ok(published)
}

/// Calls linkat(2).
fn link(at: c_int, from: &CStr, to: &CStr, flags: c_int) -> Result<(), Errno> {
    // SAFETY: both are C strings that outlive the call.
    check(unsafe { libc::linkat(at, from.as_ptr(), libc::AT_FDCWD, to.as_ptr(), flags) }).map(drop)
}

/// Creates the file under another name in the same directory, and renames it if the path is still free.
fn publish_named(path: &CStr, before: Before) -> Result<Published, Refusal> {
    let failed = |errno| Refusal::Failed("create it", errno);
    let draft = neighbour(path);
    let fd = open(&draft, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR).map_err(failed)?;
    let drafted = fill(fd, before).inspect_err(|_| _ = unlink(&draft))?;
    match rename_to_free(&draft, path) {
        Ok(()) => Ok(drafted),
        Err(errno) => {
            // A sandbox that is older than the call may say EPERM.
            let is_unknown = matches!(errno, Errno(libc::ENOSYS | libc::EINVAL | libc::EPERM));
            // Some file systems remove nothing that is open.
            let is_removed = unlink(&draft).is_ok();
            match is_unknown {
                true if is_removed => match publish_by_link(path, before) {
                    Err(Refusal::Failed(_, errno)) if errno != Errno(libc::EEXIST) => {
                        let fd = open(&draft, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR);
                        let drafted = fill(fd.map_err(failed)?, before);
                        let drafted = drafted.inspect_err(|_| _ = unlink(&draft))?;
                        publish_in_place(path, &draft, drafted, before)
                    }
                    other => other,
                },
                true => publish_in_place(path, &draft, drafted, before),
                false => Err(failed(errno)),
            }
        }
    }
}

/// Creates the file under another name, links it to the path, and removes that name. For kernels and file systems without
/// RENAME_NOREPLACE.
fn publish_by_link(path: &CStr, before: Before) -> Result<Published, Refusal> {
    let failed = |errno| Refusal::Failed("create it", errno);
    let draft = neighbour(path);
    let fd = open(&draft, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR).map_err(failed)?;
    let filled = fill(fd, before);
    // SAFETY: both are C strings that outlive the call.
    let linked = || check(unsafe { libc::link(draft.as_ptr(), path.as_ptr()) }).map_err(failed);
    let named = filled.and_then(|filled| linked().map(|_| filled));
    // Where that fails the file has its name all the same: see `remove_drafts`.
    let _ = unlink(&draft);
    named
}

/// Creates an empty file at the path, locks it, and renames the draft over it. Where an open file cannot be renamed, the
/// empty file is filled instead.
fn publish_in_place(
    path: &CStr,
    draft: &CStr,
    drafted: Published,
    before: Before,
) -> Result<Published, Refusal> {
    let failed = |errno| Refusal::Failed("create it", errno);
    let place = open(path, libc::O_CREAT | libc::O_EXCL | libc::O_RDWR).map_err(failed);
    let place = place.and_then(|fd| {
        let is_locked = flock(&fd).map_or_else(has_no_locks, |()| true);
        let (now, then) = (lstat(path).map_err(failed)?, fstat(&fd).map_err(failed)?);
        // Another one may have taken it for stale, and have put its own there.
        if is_locked && FileId::from(&now) == FileId::from(&then) {
            Ok(fd)
        } else {
            Err(failed(Errno(libc::EEXIST)))
        }
    });
    if place.is_ok() && rename(draft, path).is_ok() {
        return Ok(drafted);
    }
    drop(drafted);
    let _ = unlink(draft);
    fill(place?, before)
}

/// Renames a file to a free path: renameat2(2) with RENAME_NOREPLACE, for which glibc has a function since 2.28.
fn rename_to_free(from: &CStr, to: &CStr) -> Result<(), Errno> {
    // SAFETY: both are C strings that outlive the call.
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
    check(renamed as c_int).map(drop)
}

/// Removes other names of the file that an earlier start has left in the same directory, where it could not
/// remove them.
pub fn remove_drafts(path: &CStr, stat: &libc::stat64) {
    let directory = directory_of(path);
    let mut drafts = Vec::new();
    let _ = for_each_name(&directory, |name| {
        if name.to_bytes().starts_with(DRAFT) {
            let draft = [directory.to_bytes(), b"/", name.to_bytes()].concat();
            drafts.extend(CString::new(draft));
        }
    });
    for draft in drafts {
        if lstat(&draft).is_ok_and(|found| FileId::from(&found) == FileId::from(stat)) {
            let _ = unlink(&draft);
        }
    }
}

/// Sets the mode of a new file to 0644 whatever the umask, locks it and writes the PID.
fn fill(fd: OwnedFd, before: Before) -> Result<Published, Refusal> {
    // Some file systems have one mode for all files.
    let has_mode = set_mode(&fd, 0o644).is_ok();
    let locked = match flock(&fd) {
        Ok(()) => true,
        Err(errno) if has_no_locks(errno) => false,
        Err(errno) => return Err(Refusal::Failed("lock it", errno)),
    };
    write(&fd, Content::naming(sys::getpid()).bytes())
        .map_err(|errno| Refusal::Failed("write it", errno))?;
    let stat = fstat(&fd).map_err(|errno| Refusal::Failed("look at it", errno))?;
    let id = FileId::from(&stat);
    before(id);
    let remark = match (locked, has_mode) {
        (false, _) => Some(NO_LOCK),
        (true, false) => Some("has the mode that the file system gives it: chmod is refused"),
        (true, true) => None,
    };
    Ok(Published {
        fd,
        id,
        locked,
        remark,
    })
}

/// The beginning of the names of drafts.
const DRAFT: &[u8] = b".pidfile-";

/// Returns the path of a draft in the same directory. Nobody else uses the name, and it is short enough for any file system.
fn neighbour(path: &CStr) -> CString {
    let mut name = directory_of(path).into_bytes();
    let moment = clock::now().as_nanos();
    name.extend_from_slice(format!("/.pidfile-{}-{moment:x}", sys::getpid()).as_bytes());
    CString::new(name).unwrap_or_default()
}

/// Returns a path to a descriptor of the calling thread: /proc/self has the main thread's table, which is another one.
fn own_descriptor(fd: &OwnedFd) -> CString {
    CString::new(format!("/proc/thread-self/fd/{}", fd.as_raw_fd())).unwrap_or_default()
}
