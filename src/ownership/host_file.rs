//! Keeps apart what is ours and what is the host's, where the host writes, removes or locks a PID file of its own at
//! the same path.
//!
//! Many daemons do that: they remove the file when they end, or rename it when they are upgraded. Such a removal must not
//! be answered with SIGTERM, but its event looks like that of a deletion. So the functions with which a host removes files
//! are interposed. The keeper has no other way to tell who removed the file: inotify(7) does not say, and a host may take
//! seconds from the removal to its end. Shown by `ownership/host_writes_file::host_removing_its_file_goes_on` and
//! `ownership/host_writes_file::host_using_libbsd_pidfile_keeps_it`, and by the upgrade of nginx in
//! `tests/daemons/web.rs`.
//!
//! ```text
//! host    BEGUN += 1; the call; if it has removed our file: REMOVED = true; FINISHED += 1
//! keeper  finds the file deleted; waits until as many calls have finished as had begun; asks REMOVED
//! ```
//!
//! The host's thread makes no system call beside the one it asked for, unless that one has removed a file with the name of
//! ours. No pointer of the host's is followed before the kernel has followed it. In a candidate, whose owner is another
//! process, the file is looked at before the call.
//!
//! All but [`set_file`] is async-signal-safe, as unlink(2) and rename(2) are (signal-safety(7)).

use std::ffi::{CStr, c_char, c_int};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::ownership::removal_by_child;
use crate::ownership::state;
use crate::pidfile::PidFile;
use crate::sys::fs::{FileId, file_at, fstat, lstat_at};
use crate::sys::futex;
use crate::sys::{entry::guarded, procfs};

/// Device and inode of the file.
static FILE_ID: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// The path of the file, in memory that stays as long as the process; null: there is none.
static PATH: AtomicPtr<c_char> = AtomicPtr::new(std::ptr::null_mut());
/// Whether the host has removed the file.
static REMOVED: AtomicBool = AtomicBool::new(false);
/// How many calls that may remove a file have begun.
static BEGUN: AtomicU32 = AtomicU32::new(0);
/// How many of these calls have finished.
static FINISHED: AtomicU32 = AtomicU32::new(0);
/// Device and inode of the file whose lock the keeper has at this moment; 0 for none.
static LOCKED: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// How long the keeper waits for removals of the host's that are under way. One that hangs in the kernel, or was
/// left by a jump out of a signal handler, never finishes.
const REMOVING: Duration = Duration::from_secs(1);

/// Records where the file will be.
pub fn set_path(path: &'static CStr) {
    PATH.store(path.as_ptr().cast_mut(), Ordering::SeqCst);
}

/// Returns where the file is or will be, if there is to be one.
pub fn path() -> Option<&'static CStr> {
    let path = PATH.load(Ordering::SeqCst);
    // SAFETY: `set_path` has taken the pointer from a C string that stays as long as the process.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// Records which file is ours now. What the host did to an earlier one does not count any more.
pub fn set_file(file: &PidFile) {
    let FileId(device, inode) = file.id();
    FILE_ID[0].store(device, Ordering::SeqCst);
    FILE_ID[1].store(inode, Ordering::SeqCst);
    REMOVED.store(false, Ordering::SeqCst);
    removal_by_child::set_removed_by_host(false);
}

/// Returns whether it was the host itself that removed or renamed the file.
///
/// Context: keeper, or a thread that ends the process.
pub fn has_removed() -> bool {
    let begun = BEGUN.load(Ordering::SeqCst);
    // The counts may wrap around.
    futex::poll_until(REMOVING, || {
        FINISHED.load(Ordering::SeqCst).wrapping_sub(begun) as i32 >= 0
    });
    REMOVED.load(Ordering::SeqCst) || removal_by_child::is_removed_by_host()
}

/// Returns whether this process has removed or renamed the file. What a candidate has done is not asked for: that takes a
/// connection to it.
///
/// Async-signal-safe; right in a vfork child too.
pub fn has_removed_itself() -> bool {
    REMOVED.load(Ordering::SeqCst)
}

/// Returns whether only a child says that the host has removed the file. The child may be a candidate, which may have
/// written a file of its own by then, or any process that writes to the shared memory.
pub fn is_said_by_child() -> bool {
    !REMOVED.load(Ordering::SeqCst) && removal_by_child::is_removed_by_host()
}

/// Makes a call by which the host removes or renames what `path` leads to from the directory `from`, and records whether
/// that was our file. Returns, and leaves in errno, what the call does.
///
/// # Safety
///
/// `path` is a C string if the call succeeds.
pub unsafe fn removes(from: c_int, path: *const c_char, call: impl FnOnce() -> c_int) -> c_int {
    if PATH.load(Ordering::SeqCst).is_null() {
        return call();
    }
    // A vfork child counts as its parent.
    if state::may_be_owner() {
        BEGUN.fetch_add(1, Ordering::SeqCst);
        let result = call();
        // SAFETY: the call has succeeded, so `path` is a C string by this function's contract.
        if result == 0 && unsafe { is_named_like_ours(path) } && guarded(false, is_gone) {
            REMOVED.store(true, Ordering::SeqCst);
        }
        FINISHED.fetch_add(1, Ordering::SeqCst);
        return result;
    }
    if state::is_candidate() && guarded(false, || leads_to_ours(from, path)) {
        // Before the call: the owner sees the event at once.
        removal_by_child::set_removed_by_host(true);
        let result = call();
        if result != 0 {
            removal_by_child::set_removed_by_host(false);
        }
        return result;
    }
    call()
}

/// Forgets the calls that other threads of the parent were in, which never finish here.
///
/// Context: forked child, as its only thread.
pub fn renew() {
    BEGUN.store(0, Ordering::SeqCst);
    FINISHED.store(0, Ordering::SeqCst);
    set_locked(None);
}

/// Records which file the keeper has locked from now on, if any.
pub fn set_locked(file: Option<&PidFile>) {
    let locked = file.filter(|file| file.is_locked());
    let FileId(device, inode) = locked.map_or(FileId(0, 0), PidFile::id);
    // In between the pair is that of no file.
    LOCKED[1].store(0, Ordering::SeqCst);
    LOCKED[0].store(device, Ordering::SeqCst);
    LOCKED[1].store(inode, Ordering::SeqCst);
}

/// Returns whether there may be a lock of ours on a file that the host wants to lock. Makes no system call.
pub fn may_be_locked() -> bool {
    LOCKED[1].load(Ordering::SeqCst) != 0 && state::may_be_owner() || state::is_candidate()
}

/// Returns whether a descriptor of the host leads to the file that this process has locked as its owner. For a
/// candidate that is the file that its launcher has locked and will hand over to it. A host that keeps its PID file at
/// the same path with pidfile_open(3bsd) would else take us for another instance of itself.
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

/// Returns whether it is our file.
fn is_file(found: &libc::stat64) -> bool {
    let [device, inode] = [0, 1].map(|half| FILE_ID[half].load(Ordering::SeqCst));
    FileId::from(found) == FileId(device, inode)
}

/// Returns whether the path does not lead to our file any more.
fn is_gone() -> bool {
    let Some(path) = path() else {
        return false;
    };
    let [device, inode] = [0, 1].map(|half| FILE_ID[half].load(Ordering::SeqCst));
    file_at(path) != Ok(FileId(device, inode))
}

/// Returns whether a path of the host's, which may be no valid address, leads to our file.
fn leads_to_ours(from: c_int, path: *const c_char) -> bool {
    // SAFETY: the path is only handed to the kernel, which fails with EFAULT if the address is not valid.
    unsafe { lstat_at(from, path) }.is_ok_and(|found| is_file(&found))
}

/// Returns whether the last component of a path is that of ours.
///
/// # Safety
///
/// `other` is a C string.
unsafe fn is_named_like_ours(other: *const c_char) -> bool {
    let last = |path: &'static CStr| path.to_bytes().rsplit(|&byte| byte == b'/').next();
    // SAFETY: `other` is a C string by this function's contract, and is not used after the call.
    path().is_some_and(|path| last(path) == last(unsafe { CStr::from_ptr(other) }))
}
