//! The host that writes a PID file of its own, at the same path.
//!
//! Many daemons do, and take the file away themselves when they end, or rename it when they are
//! upgraded. That is no deletion to answer with SIGTERM, but the event looks like one. So the
//! functions with which a host removes files are interposed, and before the host removes ours this
//! is noted; the keeper then waits for what comes in its place.
//!
//! All but [`note`] is async-signal-safe, as unlink(2) and rename(2) are (signal-safety(7)).

use std::ffi::{CStr, c_char, c_int, c_long};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use crate::ownership::shared;
use crate::ownership::state;
use crate::pidfile::PidFile;
use crate::sys::fs::{FileId, fstat, lstat_at};
use crate::sys::guard::guarded;

/// Device and inode of the file.
static FILE: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// Its path, which lives as long as the process.
static PATH: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
static REMOVED: AtomicBool = AtomicBool::new(false);

/// Where the file will be.
pub fn note_path(path: &'static CStr) {
    PATH.store(path.as_ptr().cast_mut(), Ordering::SeqCst);
}

/// Where the file is, or will be.
pub fn path() -> Option<&'static CStr> {
    let path = PATH.load(Ordering::SeqCst);
    // SAFETY: a path that was noted.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// The file is ours: whatever the host did with one before is over.
pub fn note(file: &PidFile) {
    let FileId(device, inode) = file.id();
    FILE[0].store(device, Ordering::SeqCst);
    FILE[1].store(inode, Ordering::SeqCst);
    REMOVED.store(false, Ordering::SeqCst);
    shared::set_removed_by_host(false);
}

/// Whether it was the host itself that removed or renamed the file.
pub fn has_removed() -> bool {
    REMOVED.load(Ordering::SeqCst) || shared::is_removed_by_host()
}

/// Makes the call by which the host removes or renames what `path`, seen from the directory
/// `from`, leads to. Answers, and leaves in errno, what the call does.
///
/// # Safety
///
/// `path` is null or a C string.
pub unsafe fn take_away(from: c_int, path: *const c_char, call: impl FnOnce() -> c_long) -> c_int {
    // SAFETY: the caller's promise.
    let ours = guarded(false, || unsafe { is_ours(from, path) });
    if ours {
        // Before the call: the event is seen at once. The owner may be the parent.
        REMOVED.store(true, Ordering::SeqCst);
        shared::set_removed_by_host(true);
    }
    let result = call() as c_int;
    if ours && result != 0 {
        REMOVED.store(false, Ordering::SeqCst);
        shared::set_removed_by_host(false);
    }
    result
}

/// flock(2), as the host sees it: what its own process has locked it can lock too. So a host that
/// keeps its PID file with pidfile_open(3bsd), at the same path, does not take us for another
/// instance of itself. Answers `None` for any other file.
pub fn lock(fd: c_int) -> Option<c_int> {
    if !takes_part() {
        return None;
    }
    fstat(&fd).ok().filter(is_file).map(|_| 0)
}

/// The owner, or a daemon to be that has written the file while its launcher still owns it.
fn takes_part() -> bool {
    state::is_owner() || state::is_candidate()
}

fn is_file(found: &libc::stat64) -> bool {
    let [device, inode] = [0, 1].map(|half| FILE[half].load(Ordering::SeqCst));
    FileId::from(found) == FileId(device, inode)
}

unsafe fn is_ours(from: c_int, path: *const c_char) -> bool {
    let ours = PATH.load(Ordering::SeqCst);
    if path.is_null() || ours.is_null() || !takes_part() {
        return false;
    }
    // Nearly every call ends here.
    // SAFETY: the caller's promise, and a path that was noted.
    if unsafe { last_component(path) != last_component(ours) } {
        return false;
    }
    // SAFETY: the caller's promise: `path` is a C string.
    unsafe { lstat_at(from, path) }.is_ok_and(|found| is_file(&found))
}

/// # Safety
///
/// `path` is a C string that lives for `'a`.
unsafe fn last_component<'a>(path: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(path) }
        .to_bytes()
        .rsplit(|&byte| byte == b'/')
        .next()
}
