//! The host that writes a PID file of its own, at the same path.
//!
//! Many daemons do, and take the file away themselves when they end, or rename it when they are
//! upgraded. That is no deletion to answer with SIGTERM, but the event looks like one. So the
//! functions with which a host removes files are interposed. The keeper cannot tell otherwise who it was: inotify
//! does not say, and an end that follows a removal may take a host seconds.
//!
//! ```text
//! host    BEGUN += 1; the call; if it has removed our file: REMOVED = true; FINISHED += 1
//! keeper  finds the file deleted; waits until as many calls have finished as had begun; asks REMOVED
//! ```
//!
//! So the host's thread makes no system call more than the one it asked for, unless that one has removed a file
//! of our file's name, and no pointer of the host's is followed before the kernel has. In a candidate, where
//! the owner is another process, the file is looked at before the call.
//!
//! All but [`note`] is async-signal-safe, as unlink(2) and rename(2) are (signal-safety(7)).

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::ownership::shared;
use crate::ownership::state;
use crate::pidfile::PidFile;
use crate::sys::fs::{FileId, file_at, fstat, lstat_at};
use crate::sys::futex::{self, POLL_INTERVAL};
use crate::sys::{clock, entry::guarded, procfs};

/// Device and inode of the file.
static FILE: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// Its path, which lives as long as the process.
static PATH: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
static REMOVED: AtomicBool = AtomicBool::new(false);
/// How many calls that may remove a file have begun, and how many have finished.
static BEGUN: AtomicU32 = AtomicU32::new(0);
static FINISHED: AtomicU32 = AtomicU32::new(0);
/// Device and inode of the file whose lock the keeper has at this moment; 0 for none.
static LOCKED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// How long the keeper waits for removals of the host's that are under way. One that hangs in the kernel, or was
/// left by a jump out of a signal handler, never finishes.
const REMOVING: Duration = Duration::from_secs(1);

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

/// Returns whether it was the host itself that removed or renamed the file.
///
/// Context: keeper, or a thread that ends the process.
pub fn has_removed() -> bool {
    let begun = BEGUN.load(Ordering::SeqCst);
    let end = clock::now() + REMOVING;
    // The counts may wrap around.
    while FINISHED.load(Ordering::SeqCst).wrapping_sub(begun) as i32 <= -1 && clock::now() < end {
        futex::pause(POLL_INTERVAL);
    }
    REMOVED.load(Ordering::SeqCst) || shared::is_removed_by_host()
}

/// Makes the call by which the host removes or renames what `path`, seen from the directory
/// `from`, leads to. Answers, and leaves in errno, what the call does.
///
/// # Safety
///
/// As for the call: where it succeeds, `path` is a C string.
pub unsafe fn removes(from: c_int, path: *const c_char, call: impl FnOnce() -> c_int) -> c_int {
    if PATH.load(Ordering::SeqCst).is_null() {
        return call();
    }
    // A vfork child counts as its parent.
    if state::may_be_owner() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        let result = call();
        // SAFETY: the caller's promise, after a success.
        if result == 0 && unsafe { is_named_like_ours(path) } && guarded(false, is_gone) {
            REMOVED.store(true, Ordering::SeqCst);
        }
        FINISHED.fetch_add(1, Ordering::SeqCst);
        return result;
    }
    if state::is_candidate() && guarded(false, || leads_to_ours(from, path)) {
        // Before the call: the owner sees the event at once.
        shared::set_removed_by_host(true);
        let result = call();
        if result != 0 {
            shared::set_removed_by_host(false);
        }
        return result;
    }
    call()
}

/// Forgets what the host was doing with the file.
///
/// Context: forked child, as its only thread. Of a call that another thread of the parent was in nobody hears again.
pub fn renew() {
    BEGUN.store(0, Ordering::SeqCst);
    FINISHED.store(0, Ordering::SeqCst);
    note_lock(None);
}

/// Tells which file the keeper has under lock from now on, if any.
pub fn note_lock(file: Option<&PidFile>) {
    let locked = file.filter(|file| file.is_locked());
    let FileId(device, inode) = locked.map_or(FileId(0, 0), PidFile::id);
    // In between, no file has both.
    LOCKED[1].store(0, Ordering::SeqCst);
    LOCKED[0].store(device, Ordering::SeqCst);
    LOCKED[1].store(inode, Ordering::SeqCst);
}

/// Returns whether there may be a lock of ours that the host could meet. Asks memory only.
pub fn may_be_locked() -> bool {
    LOCKED[1].load(Ordering::SeqCst) != 0 && state::may_be_owner() || state::is_candidate()
}

/// Returns whether the host's descriptor leads to the file that this very process, which owns it, has under lock; or
/// to the one that its launcher has, from which this process is to get it. So a host that keeps its PID file with
/// pidfile_open(3bsd), at the same path, does not take us for another instance of itself.
pub fn is_locked(fd: c_int) -> bool {
    let Ok(found) = fstat(&fd) else {
        return false;
    };
    let [device, inode] = [0, 1].map(|half| LOCKED[half].load(Ordering::SeqCst));
    if inode != 0 && FileId::from(&found) == FileId(device, inode) {
        return state::is_owner();
    }
    is_file(&found) && state::is_candidate() && procfs::is_running(state::owner())
}

fn is_file(found: &libc::stat64) -> bool {
    let [device, inode] = [0, 1].map(|half| FILE[half].load(Ordering::SeqCst));
    FileId::from(found) == FileId(device, inode)
}

/// Returns whether the path does not lead to our file any more.
fn is_gone() -> bool {
    let Some(path) = path() else {
        return false;
    };
    let [device, inode] = [0, 1].map(|half| FILE[half].load(Ordering::SeqCst));
    file_at(path) != Ok(FileId(device, inode))
}

/// Returns whether a path of the host's, which may be no valid address, leads to our file.
fn leads_to_ours(from: c_int, path: *const c_char) -> bool {
    // SAFETY: the path is only handed to the kernel, which itself looks whether the address is valid.
    unsafe { lstat_at(from, path) }.is_ok_and(|found| is_file(&found))
}

/// # Safety
///
/// `other` is a C string.
unsafe fn is_named_like_ours(other: *const c_char) -> bool {
    let last = |path: &'static CStr| path.to_bytes().rsplit(|&byte| byte == b'/').next();
    // SAFETY: the caller's promise; it is not kept.
    path().is_some_and(|path| last(path) == last(unsafe { CStr::from_ptr(other) }))
}
