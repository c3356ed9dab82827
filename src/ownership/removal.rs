//! Removes the file by its path, in the thread that ends the process, where there is no keeper or it is not scheduled in
//! time.
//!
//! It may run in a signal handler whose thread register is not libc's: it makes system calls by [`raw::call`] alone, and
//! nothing here allocates or can panic.

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

use crate::ownership::host_file;
use crate::pidfile::content;
use crate::pidfile::removal::Removal;
use crate::sys::{self, raw};

/// Removes the file if what is at its path is a regular file that names this process. Where it may not be removed it is
/// emptied: a stale PID misleads others, an empty file does not. The calling thread has a descriptor meanwhile, in whatever
/// table it has.
///
/// Context: signal handler | exit path. Async-signal-safe, and without thread-local storage.
pub fn remove() -> Removal {
    let Some(path) = host_file::path() else {
        return Removal::NotOurs;
    };
    let Some(fd) = open(path, libc::O_RDONLY) else {
        return Removal::NotOurs;
    };
    let is_ours = may_be_regular(fd) && names_us(fd);
    close(fd);
    if !is_ours {
        return Removal::NotOurs;
    }
    let arguments = [libc::AT_FDCWD as usize, path.as_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the path is a C string.
    if unsafe { raw::call(libc::SYS_unlinkat, arguments) } == 0 {
        return Removal::Removed;
    }
    let Some(fd) = open(path, libc::O_RDWR) else {
        return Removal::Failed;
    };
    // The path may lead to another file by now.
    let is_emptied = may_be_regular(fd) && names_us(fd) && {
        // SAFETY: the descriptor was just opened.
        unsafe { raw::call(libc::SYS_ftruncate, [fd, 0, 0, 0, 0, 0]) == 0 }
    };
    close(fd);
    if is_emptied {
        Removal::Truncated
    } else {
        Removal::Failed
    }
}

/// Opens a file. Does not follow a symbolic link, and does not wait for the other end of a FIFO.
fn open(path: &CStr, access: c_int) -> Option<usize> {
    const FLAGS: c_int = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let (at, path, flags) = (
        libc::AT_FDCWD as usize,
        path.as_ptr() as usize,
        access | FLAGS,
    );
    // SAFETY: the path is a C string.
    let fd = unsafe { raw::call(libc::SYS_openat, [at, path, flags as usize, 0, 0, 0]) };
    usize::try_from(fd).ok()
}

/// Returns whether a descriptor may lead to a regular file. A call that fails proves nothing: then what is in the file tells.
fn may_be_regular(fd: usize) -> bool {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let arguments = [fd, stat.as_mut_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: `stat` is writable and has the kernel's form; all zeroes is a valid value should the call fail.
    let (answer, mode) = unsafe {
        let answer = raw::call(libc::SYS_fstat, arguments);
        (answer, stat.assume_init_ref().st_mode)
    };
    answer != 0 || mode & libc::S_IFMT == libc::S_IFREG
}

/// Returns whether a file names this process.
fn names_us(fd: usize) -> bool {
    let mut content = [0_u8; 32];
    let arguments = [fd, content.as_mut_ptr() as usize, content.len(), 0, 0, 0];
    // SAFETY: `content` is writable for its whole length.
    let size = unsafe { raw::call(libc::SYS_pread64, arguments) };
    let written = usize::try_from(size)
        .ok()
        .and_then(|size| content.get(..size));
    written.and_then(content::parse_pid) == Some(sys::getpid())
}

/// Closes a descriptor that [`open`] has returned.
fn close(fd: usize) {
    // SAFETY: the caller's own descriptor, which is not used any more.
    unsafe { raw::call(libc::SYS_close, [fd, 0, 0, 0, 0, 0]) };
}
