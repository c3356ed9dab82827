//! Ends a process whose main thread has called pthread_exit(3), when its last thread ends.
//!
//! Such a process lives until its last thread ends, and libc has that thread call exit(0). But libc counts our threads
//! too, so no thread of the host would be the last. When the main thread leaves, an exit thread is started. It has the
//! host's descriptor table, because it will run the host's exit handlers, and calls exit(0) when the keeper sees that
//! only our threads are left.
//!
//! Without that a host whose main thread leaves its work to others would never end. Shown by
//! `endings/every_ending::pthread_exit_of_main_first_ends_alike` and
//! `handover/daemon_steps::daemon_without_main_thread_owns_until_last_thread`.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::isolation::fd_table;
use crate::ownership::state::{self, Phase, Requests};
use crate::sys::proc_stat::Stat;
use crate::sys::{self, entry::guarded, futex, procfs, sigset::SignalsBlocked};

/// The pause between two counts of the host's threads, by which such a process ends later than without the library.
pub const COUNTING: Duration = Duration::from_millis(20);

/// 1 when only our threads are left. The exit thread waits for it.
static HOST_THREADS_GONE: AtomicU32 = AtomicU32::new(0);

/// Arranges that an exit of the main thread is noticed, by a destructor of thread-specific data.
///
/// Context: host thread before main.
pub fn register() {
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: `key` is valid for the call, and the destructor lives as long as the process. The value only has to be other
    // than null: nothing uses it as a pointer.
    unsafe {
        if libc::pthread_key_create(&mut key, Some(main_left)) == 0 {
            libc::pthread_setspecific(key, ptr::dangling());
        }
    }
}

/// Starts the exit thread: the main thread is about to end, and the process is not.
unsafe extern "C" fn main_left(_: *mut c_void) {
    guarded((), || {
        if !state::is_threaded() {
            return;
        }
        // Threads are counted in /proc, so by one that may open files. Where there is none, ours go.
        let can_count = fd_table::is_entered();
        if state::is_owner() {
            let is_started = can_count && start(exit_thread);
            state::post(if is_started {
                Requests::MAIN_LEFT
            } else {
                Requests::STOP_THREADS
            });
        } else if can_count && state::is_candidate() && start(exit_thread) {
            // Its keeper sees that when it owns the file; until then it waits for the lock.
            state::post(Requests::MAIN_LEFT);
            start(count_in_place_of_the_keeper);
        }
    });
}

/// Starts a detached thread with every signal blocked. Returns whether it was started.
fn start(life: extern "C" fn(*mut c_void) -> *mut c_void) -> bool {
    // The new thread inherits the mask.
    let _blocked = SignalsBlocked::new();
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attributes are initialised before they are used, and destroyed after; `life` does not use its argument.
    // The stack has the default size, because code of the host will run on it.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) != 0 {
            return false;
        }
        libc::pthread_attr_setdetachstate(attributes.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
        let created = libc::pthread_create(
            thread.as_mut_ptr(),
            attributes.as_ptr(),
            life,
            ptr::null_mut(),
        );
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        created == 0
    }
}

/// Waits until the host's threads are gone, and ends the process.
extern "C" fn exit_thread(_: *mut c_void) -> *mut c_void {
    while HOST_THREADS_GONE.load(Ordering::SeqCst) == 0 {
        futex::wait(&HOST_THREADS_GONE, 0, None);
    }
    // SAFETY: no thread of the host is left that could call exit(3) too. libc's own last thread does the same
    // (nptl/pthread_create.c, start_thread).
    unsafe { libc::exit(0) }
}

/// Counts the host's threads in the place of a standby keeper, which waits for the lock of the file.
extern "C" fn count_in_place_of_the_keeper(_: *mut c_void) -> *mut c_void {
    guarded((), || {
        if fd_table::enter().is_err() {
            return;
        }
        loop {
            // This thread, the exit thread, and the keeper as long as it waits.
            let ours = match state::phase() {
                Phase::Standby => 3,
                Phase::Released => 2,
                _ => return,
            };
            if check(ours).is_err() {
                return;
            }
            futex::pause(COUNTING);
        }
    });
    ptr::null_mut()
}

/// Lets the exit thread end the process, if no thread of the host is left but the main one, which stays in the list as a
/// zombie. `ours` is the number of our threads.
///
/// # Errors
///
/// The threads cannot be counted: no /proc.
pub fn check(ours: usize) -> std::io::Result<()> {
    if procfs::thread_count()? <= 1 + ours && main_has_ended() {
        HOST_THREADS_GONE.store(1, Ordering::SeqCst);
        futex::wake_all(&HOST_THREADS_GONE);
    }
    Ok(())
}

/// Returns whether the main thread has ended. It may still run the destructors of its thread-specific data.
fn main_has_ended() -> bool {
    let main = sys::getpid();
    let stat = Stat::read(&format!("/proc/self/task/{main}/stat"));
    // It has, if it is not in the list any more.
    stat.map_or(true, |stat| stat.has_ended())
}
