//! Notices the end of the main thread by a raw exit(2), or by a sandbox that kills one thread (seccomp(2),
//! SECCOMP_RET_KILL_THREAD): no destructor runs, and no code is told.
//!
//! Without the library such a process would be gone, if it had no other thread. So the keeper waits where pthread_join(3)
//! waits: when a thread ends the kernel writes 0 to the word that libc has named (set_tid_address(2)), and wakes one
//! waiter. Linux 5.16 can wait for two words; before, and under a filter that may not know the call, the keeper waits for
//! requests alone.
//!
//! No service is known to end that way. But without this module the process would live on with our threads alone, where it
//! would be gone without the library. Shown by `endings/every_ending::raw_exit_of_main_thread_ends_alike`.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use crate::sys::proc_stat::Stat;
use crate::sys::sigaction::set_default;
use crate::sys::{self, Errno, futex, sigset};

/// Where libc keeps the ID of the main thread, in memory that stays as long as the process. After a fork(2) by another
/// thread it has an ID that does not change any more.
static WORD: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
/// Whether there is nothing to wait for in that word, or no way to.
static IS_OVER: AtomicBool = AtomicBool::new(true);

/// Records where libc keeps the ID of the main thread.
///
/// Context: host thread before main.
pub fn record() {
    /// linux/prctl.h.
    const PR_GET_TID_ADDRESS: libc::c_int = 40;
    let mut word: *mut AtomicU32 = std::ptr::null_mut();
    // SAFETY: `word` is a valid, writable pointer, and used only if the call has succeeded. A first answer of 0 means that
    // there is no filter.
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

/// Waits while `requests` is 0, until the main thread ends or something else wakes it. Returns true once, when the main
/// thread has ended.
///
/// Context: keeper.
pub fn wait_beside(requests: &AtomicU32) -> bool {
    // SAFETY: null, or a word in memory that stays as long as the process.
    let word = unsafe { WORD.load(Ordering::SeqCst).as_ref() };
    let Some(word) = word.filter(|_| !IS_OVER.load(Ordering::SeqCst)) else {
        futex::wait(requests, 0, None);
        return false;
    };
    let main = word.load(Ordering::SeqCst);
    if main == 0 {
        return has_ended(word);
    }
    // SAFETY: prctl(2) takes a number and returns one. The filter may have come since.
    let filtered = unsafe { libc::prctl(libc::PR_GET_SECCOMP) } != 0;
    if filtered || futex::wait_either((requests, 0), (word, main)) == Err(Errno(libc::ENOSYS)) {
        IS_OVER.store(true, Ordering::SeqCst);
    }
    // The kernel wakes one waiter after it has written: this thread, even if a request has woken it by then. What waits in
    // pthread_join(3) would wait for ever, so that is passed on before the request is looked at.
    word.load(Ordering::SeqCst) == 0 && has_ended(word)
}

/// Wakes who else waits for the end of the main thread. Returns true.
fn has_ended(word: &AtomicU32) -> bool {
    IS_OVER.store(true, Ordering::SeqCst);
    futex::wake_all_shared(word);
    true
}

/// Ends the process in the way in which its main thread has ended, which would have been the last one without the library.
/// Returns if /proc does not tell how that was. (Where other threads went on, the last of them counts since Linux 5.19, and
/// nothing tells how that one has ended.)
pub fn end_likewise() {
    let main = sys::getpid();
    let stat = Stat::read(&format!("/proc/self/task/{main}/stat")).ok();
    // A status as of wait(2).
    let Some(status) = stat.and_then(|stat| stat.count(52)) else {
        return;
    };
    match (status & 0x7f) as libc::c_int {
        0 => sys::exit_group((status >> 8) as libc::c_int),
        signal => {
            set_default(signal);
            let set = sigset::of(sigset::bit(signal));
            // SAFETY: tgkill(2) takes numbers only; the set is valid, and a null pointer for the old mask is allowed. The
            // signal acts on the calling thread, which has blocked it until then.
            unsafe {
                libc::syscall(libc::SYS_tgkill, main, sys::gettid(), signal);
                libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, std::ptr::null_mut());
            }
        }
    }
}
