//! The end of the main thread, however it comes: also by a raw exit(2), or by a sandbox that kills
//! one thread (seccomp(2), SECCOMP_RET_KILL_THREAD), where no destructor runs and nobody is told.
//!
//! Without us such a process, if it has no other thread, would be gone. So the keeper waits where
//! pthread_join(3) does: the kernel writes 0 to the place that libc has named (set_tid_address(2)) and
//! wakes one who waits there. Linux 5.16 can wait at two places at once; before, and under a filter
//! that may not know the call, the keeper waits for its mailbox alone.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use crate::sys::procfs::Stat;
use crate::sys::sigaction::set_default;
use crate::sys::{self, Errno, futex, sigset};

/// Where libc keeps the number of the main thread: in memory that stays as long as the process. After
/// a fork(2) by another thread it holds a number that does not change any more.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
/// Whether there is nothing to wait for there, or no way to.
static IS_OVER: AtomicBool = AtomicBool::new(true);

/// Called in the main thread, before main.
pub fn note() {
    const PR_GET_TID_ADDRESS: libc::c_int = 40;
    let mut word: *mut AtomicU32 = std::ptr::null_mut();
    // SAFETY: asks; room for the answer, which is used only on success. 0: there is no filter.
    let known = unsafe {
        libc::prctl(libc::PR_GET_SECCOMP) == 0
            && libc::prctl(PR_GET_TID_ADDRESS, &raw mut word) == 0
    };
    // SAFETY: null, or the place that libc has named to the kernel, which is aligned and stays as long as the thread.
    let holds = unsafe { word.as_ref() }.map(|word| word.load(Ordering::SeqCst));
    // Other libcs name the kernel another word, which is 0 while the thread lives (musl: its lock of the thread list).
    if known && holds == Some(sys::getpid() as u32) {
        WORD.store(word, Ordering::SeqCst);
        IS_OVER.store(false, Ordering::SeqCst);
    }
}

/// Sleeps until `mailbox` is no longer 0, or something else wakes it; tells whether the main thread
/// has ended, once.
pub fn wait_beside(mailbox: &AtomicU32) -> bool {
    // SAFETY: null, or see `WORD`.
    let word = unsafe { WORD.load(Ordering::SeqCst).as_ref() };
    let Some(word) = word.filter(|_| !IS_OVER.load(Ordering::SeqCst)) else {
        futex::wait(mailbox, 0, None);
        return false;
    };
    let main = word.load(Ordering::SeqCst);
    if main == 0 {
        IS_OVER.store(true, Ordering::SeqCst);
        // The kernel wakes but one, and that was us.
        futex::wake_all_shared(word);
        return true;
    }
    // SAFETY: asks. The filter may have come since.
    let filtered = unsafe { libc::prctl(libc::PR_GET_SECCOMP) } != 0;
    if filtered || futex::wait_either((mailbox, 0), (word, main)) == Err(Errno(libc::ENOSYS)) {
        IS_OVER.store(true, Ordering::SeqCst);
    }
    false
}

/// Ends the process as its main thread has ended: without us that would have been the last one. (Where
/// others went on, the last of them counts since Linux 5.19; how that one ended nobody knows.) Returns
/// if it cannot be known how.
pub fn end_likewise() {
    let main = sys::getpid();
    let stat = Stat::read(&format!("/proc/self/task/{main}/stat")).ok();
    // As of wait(2).
    let Some(status) = stat.and_then(|stat| stat.count(52)) else {
        return;
    };
    match (status & 0x7f) as libc::c_int {
        0 => sys::exit_group((status >> 8) as libc::c_int),
        signal => {
            set_default(signal);
            let set = sigset::of(sigset::bit(signal));
            // SAFETY: the set is ours; the thread is the calling one, in which all is blocked.
            unsafe {
                libc::syscall(libc::SYS_tgkill, main, sys::gettid(), signal);
                libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
            }
        }
    }
}
