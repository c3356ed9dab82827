//! The process whose main thread has left by pthread_exit(3).
//!
//! It lives on until its last thread ends, and that thread then calls exit(0). But libc counts our
//! threads too, so no thread of the host would ever be the last. So when the main thread leaves, a
//! stand-in is started: it shares the host's descriptors, as whoever runs the host's exit handlers
//! must, and calls exit(0) when the keeper sees that only we are left.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::isolation::fd_table;
use crate::ownership::state::{self, Phase, Requests};
use crate::sys::procfs::Stat;
use crate::sys::{self, entry::guarded, futex, procfs, sigset::SignalsBlocked};

/// Between two counts of the host's threads.
pub const COUNTING: Duration = Duration::from_millis(20);

static ALONE: AtomicU32 = AtomicU32::new(0);

/// Called in the main thread, before main.
pub fn register() {
    let mut key: libc::pthread_key_t = 0;
    // SAFETY: the function lives as long as the process. The value only has to be other than null.
    unsafe {
        if libc::pthread_key_create(&mut key, Some(main_left)) == 0 {
            libc::pthread_setspecific(key, ptr::dangling());
        }
    }
}

/// A destructor of thread-specific data: the main thread is about to end, the process is not.
unsafe extern "C" fn main_left(_: *mut c_void) {
    guarded((), || {
        if !state::is_threaded() {
            return;
        }
        // Threads are counted in /proc, so by one that may open files. Where there is none, ours go.
        let can_count = fd_table::is_entered();
        if state::is_owner() {
            let stands_in = can_count && start(stand_in);
            state::post(if stands_in {
                Requests::MAIN_LEFT
            } else {
                Requests::STOP_THREADS
            });
        } else if can_count && state::is_candidate() && start(stand_in) {
            // Its keeper sees that when it owns the file; until then it waits for the lock.
            state::post(Requests::MAIN_LEFT);
            start(count_in_place_of_the_keeper);
        }
    });
}

fn start(life: extern "C" fn(*mut c_void) -> *mut c_void) -> bool {
    // No signal of the host's is taken by the new thread.
    let _blocked = SignalsBlocked::new();
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: in the order of their manual pages. The stack is of the default size: it is the
    // host's code that will run on it.
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

extern "C" fn stand_in(_: *mut c_void) -> *mut c_void {
    while ALONE.load(Ordering::SeqCst) == 0 {
        futex::wait(&ALONE, 0, None);
    }
    // SAFETY: no thread of the host is left that this could race with. It is what libc's own last
    // thread does (nptl/pthread_create.c, start_thread).
    unsafe { libc::exit(0) }
}

extern "C" fn count_in_place_of_the_keeper(_: *mut c_void) -> *mut c_void {
    guarded((), || {
        if fd_table::enter().is_err() {
            return;
        }
        loop {
            // This thread, the stand-in, and the keeper for as long as it waits.
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

/// Called by the keeper, once the main thread has left: lets the stand-in end the process if no
/// thread of the host is left but the main one, which stays in the list as a zombie. `ours` is the
/// number of our threads.
///
/// # Errors
///
/// If the threads cannot be counted.
pub fn check(ours: usize) -> std::io::Result<()> {
    if procfs::thread_count()? <= 1 + ours && main_has_ended() {
        ALONE.store(1, Ordering::SeqCst);
        futex::wake_all(&ALONE);
    }
    Ok(())
}

/// The main thread may still be busy with the destructors of its own data.
fn main_has_ended() -> bool {
    let main = sys::getpid();
    let stat = Stat::read(&format!("/proc/self/task/{main}/stat"));
    // One that is not in the list any more has.
    stat.map_or(true, |stat| stat.has_ended())
}
