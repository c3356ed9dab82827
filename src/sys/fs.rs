//! Opens, locks, examines and removes files.
//!
//! The functions of libc with the names of `flock`, `unlink` and `rename` are the host's, by way of this library's own
//! exports, so these are system calls here.

use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::{Errno, arch, check, checked, errno, raw};

/// The identity of a file: device and inode (inode(7)). The number of an inode is used again once the file is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub u64, pub u64);

impl From<&libc::stat64> for FileId {
    fn from(stat: &libc::stat64) -> Self {
        Self(stat.st_dev, stat.st_ino)
    }
}

/// Takes the exclusive lock of an open file; does not wait.
///
/// # Errors
///
/// EWOULDBLOCK: another open file description has the lock. Others: the file system has no locks.
pub fn flock(fd: &OwnedFd) -> Result<(), Errno> {
    flock_by_kernel(fd, libc::LOCK_EX | libc::LOCK_NB).map(drop)
}

/// Calls flock(2).
pub fn flock_by_kernel(fd: &OwnedFd, operation: c_int) -> Result<c_int, Errno> {
    // SAFETY: flock(2) takes numbers only; the descriptor is open as long as `fd`.
    check(unsafe { libc::syscall(libc::SYS_flock, fd.as_raw_fd(), operation) } as c_int)
}

/// Opens a file that only this user may open, or creates it. Who else it may belong to is for the caller to see.
pub fn open_private(path: &CStr) -> Result<OwnedFd, Errno> {
    let flags =
        libc::O_RDWR | libc::O_CREAT | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    // SAFETY: `path` is a C string that outlives the call. What it returns is a new descriptor, which nothing else owns.
    unsafe {
        let fd = check(libc::open64(path.as_ptr(), flags, 0o600 as libc::c_uint))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// Sets the mode of an open file, whatever the umask (fchmod(2)).
pub fn set_mode(fd: &OwnedFd, mode: libc::mode_t) -> Result<(), Errno> {
    // SAFETY: takes numbers only; the descriptor is open for as long as `fd` lives.
    check(unsafe { libc::fchmod(fd.as_raw_fd(), mode) }).map(drop)
}

/// Opens a file with `flags` of open(2). The last component of the path is not followed if it is a symbolic link. The
/// call does not block. The file becomes no controlling terminal and is not inherited.
pub fn open(path: &CStr, flags: c_int) -> Result<OwnedFd, Errno> {
    let flags = flags | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    // With O_TMPFILE the path is that of a directory, which may well be a symbolic link.
    let flags = if flags & libc::O_TMPFILE == libc::O_TMPFILE {
        flags & !libc::O_NOFOLLOW
    } else {
        flags
    };
    // SAFETY: `path` is a C string that outlives the call. What it returns is a new descriptor, which nothing else owns.
    unsafe {
        let fd = check(libc::open64(path.as_ptr(), flags, 0o644 as libc::c_uint))?;
        Ok(OwnedFd::from_raw_fd(fd))
    }
}

/// The result of the stat(2) family. The names with 64 are those that std uses (files have one size on 64-bit Linux).
/// Another name for the same function would be one more symbol that the loader looks up in every process.
pub type Stat = Result<libc::stat64, Errno>;

/// Makes a call of the stat(2) family, which gets a valid, writable stat64.
fn filled_in(call: impl FnOnce(*mut libc::stat64) -> c_int) -> Stat {
    let mut stat = MaybeUninit::<libc::stat64>::zeroed();
    check(call(stat.as_mut_ptr()))?;
    // SAFETY: all zeroes is a value of this structure of integers, which the call has filled in besides.
    Ok(unsafe { stat.assume_init() })
}

/// Returns what a path leads to. A symbolic link as its last component is not followed.
pub fn lstat(path: &CStr) -> Stat {
    // SAFETY: `path` is a C string and `stat` a valid, writable stat64; both outlive the call.
    filled_in(|stat| unsafe { libc::lstat64(path.as_ptr(), stat) })
}

/// Returns what a path leads to from a directory, given by its descriptor. A symbolic link as its last component is not
/// followed.
///
/// # Safety
///
/// `path` is a C string.
pub unsafe fn lstat_at(directory: c_int, path: *const c_char) -> Stat {
    let flags = libc::AT_SYMLINK_NOFOLLOW;
    // SAFETY: `path` is a C string by this function's contract, `stat` a valid, writable stat64; both outlive the call. A
    // number that is no descriptor fails with EBADF.
    filled_in(|stat| unsafe { libc::fstatat64(directory, path, stat, flags) })
}

/// Returns which file a path leads to.
///
/// Not inlined: a signal handler on a small stack has the kernel's structure on it no longer than the call takes.
#[inline(never)]
pub fn file_at(path: &CStr) -> Result<FileId, Errno> {
    lstat(path)
        .as_ref()
        .map(FileId::from)
        .map_err(|errno| *errno)
}

/// Removes the name of a file.
pub fn unlink(path: &CStr) -> Result<(), Errno> {
    // SAFETY: `path` is a C string that outlives the call.
    checked(unsafe { raw::make(arch::unlink(path.as_ptr() as usize)) }).map(drop)
}

/// Renames a file, over another one if there is one (rename(2)).
pub fn rename(from: &CStr, to: &CStr) -> Result<(), Errno> {
    let renames = arch::rename(from.as_ptr() as usize, to.as_ptr() as usize);
    // SAFETY: both are C strings that outlive the call.
    checked(unsafe { raw::make(renames) }).map(drop)
}

/// Returns what a path leads to. Symbolic links are followed.
pub fn stat(path: &CStr) -> Stat {
    // SAFETY: `path` is a C string and `stat` a valid, writable stat64; both outlive the call.
    filled_in(|stat| unsafe { libc::stat64(path.as_ptr(), stat) })
}

/// Returns what a descriptor leads to. A descriptor of the host may be given by its number.
pub fn fstat(fd: &impl AsRawFd) -> Stat {
    // SAFETY: `stat` is a valid, writable stat64; a number that is no descriptor fails with EBADF.
    filled_in(|stat| unsafe { libc::fstat64(fd.as_raw_fd(), stat) })
}

/// Returns when a file was made, in seconds and nanoseconds of the clock that files are stamped by. Returns `None`
/// where the file system does not keep that, and before Linux 4.11.
pub fn born(fd: &OwnedFd) -> Option<(i64, i64)> {
    let mut found = MaybeUninit::<libc::statx>::zeroed();
    let (fd, here, flags) = (fd.as_raw_fd(), c"".as_ptr(), libc::AT_EMPTY_PATH);
    let (wanted, room) = (libc::STATX_BTIME, found.as_mut_ptr());
    // SAFETY: the path is a C string, and `found` is writable for the whole call. All zeroes is a valid statx.
    let found = unsafe {
        let result = libc::syscall(libc::SYS_statx, fd, here, flags, wanted, room);
        (result == 0).then(|| found.assume_init())?
    };
    let has_it = found.stx_mask & libc::STATX_BTIME != 0;
    has_it.then_some((found.stx_btime.tv_sec, found.stx_btime.tv_nsec.into()))
}

/// Returns whether it is /dev/null: device 1, 3 (Documentation/admin-guide/devices.txt).
pub fn is_dev_null(stat: &libc::stat64) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == libc::makedev(1, 3)
}

/// Returns whether it is a regular file.
pub fn is_regular(stat: &libc::stat64) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFREG
}

/// Opens a regular file for reading and writing, or for reading where it may not be written. Returns what it leads to
/// with it; `None` for anything that is no regular file.
pub fn open_regular(path: &CStr) -> Result<Option<(OwnedFd, libc::stat64)>, Errno> {
    let fd = open(path, libc::O_RDWR).or_else(|_| open(path, libc::O_RDONLY))?;
    let stat = fstat(&fd)?;
    Ok(is_regular(&stat).then_some((fd, stat)))
}

/// Reads a file in one call, as far as there is room. Returns the number of bytes. What the kernel writes in /proc is
/// consistent within one read.
pub fn read_once(path: &CStr, into: &mut [u8]) -> Result<usize, Errno> {
    let fd = open(path, libc::O_RDONLY)?;
    // SAFETY: `into` is writable for as many bytes as the call is told; the descriptor is open as long as `fd`.
    let length = unsafe { libc::read(fd.as_raw_fd(), into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(length).map_err(|_| errno())
}

/// Returns the identity of the directory that a path leads into.
pub fn parent(path: &CStr) -> Option<FileId> {
    stat(&directory_of(path)).ok().as_ref().map(FileId::from)
}

/// Returns the path of the directory of an absolute path: all before the last slash.
pub fn directory_of(path: &CStr) -> CString {
    let bytes = path.to_bytes();
    let end = bytes.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    let directory = if end == 0 { b"/" } else { &bytes[..end] };
    CString::new(directory).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::proptest_config::same_each_time;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn directory_of_is_all_before_the_last_slash() {
        assert_eq!(directory_of(c"/run/a.pid").as_c_str(), c"/run");
        assert_eq!(directory_of(c"/a.pid").as_c_str(), c"/");
    }

    proptest! {
        #![proptest_config(same_each_time())]

        #[test]
        fn directory_of_and_name_make_the_path(path in vec(prop_oneof![1 => Just(b'/'), 2 => 1_u8..], 0..30)) {
            let path = CString::new([&b"/"[..], &path].concat()).unwrap();
            let directory = directory_of(&path);
            let name = path.to_bytes().rsplit(|&byte| byte == b'/').next().unwrap();
            let before = path.to_bytes().strip_suffix(name).unwrap();
            let between = before.strip_prefix(directory.to_bytes());
            prop_assert!(matches!(between, Some(b"" | b"/")), "{:?}", directory);
        }
    }
}
