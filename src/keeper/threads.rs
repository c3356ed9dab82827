//! Starts the threads that are ours, and a short-lived one whose stack the next one gets.
//!
//! Without the short-lived thread glibc would open an arena of 64 MiB of address space, which counts where that is limited
//! (RLIMIT_AS). Shown by `transparency/threads::owner_uses_little_address_space` and
//! `hostile/resource_limits::little_address_space_host_runs`.

use std::ffi::c_void;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crate::isolation::stacks;
use crate::ownership::state::{self, Phase};
use crate::pidfile::instance::KEEPER_NAME;
use crate::settings::Watch;
use crate::sys::{self, Errno, c_library, entry::guarded, futex, sigset};

/// How long to wait for a thread to start or to go. Only a file system that hangs takes so long.
pub const START_TIMEOUT: Duration = Duration::from_secs(5);
/// How many times in that time a start looks whether the keeper is at work, and how many times in all.
const LOOKS: u32 = 10;
const MOST_LOOKS: u32 = 12 * LOOKS;

/// The thread that is started for its stack alone; 0 once it has gone.
static STACK_DONOR: AtomicI32 = AtomicI32::new(0);
const DONOR_TO_COME: i32 = -1;

/// Starts the keeper.
///
/// # Errors
///
/// If there can be no thread.
pub fn spawn(watch: Watch, life: impl FnOnce() + Send + 'static) -> Result<(), Errno> {
    let lends_stack = c_library::KEEPS_STACKS && !matches!(watch, Watch::Poll(_));
    if lends_stack {
        // Before the keeper runs, which may come to want that stack before this thread has its next turn.
        STACK_DONOR.store(DONOR_TO_COME, Ordering::SeqCst);
    }
    let keeper = stacks::spawn_keeper(|| {
        // A sandbox of the host's may trap a system call and answer it in a handler of its own. With the
        // signal blocked the kernel would end the process (seccomp(2), SECCOMP_RET_TRAP). The thread of
        // `notify` inherits the mask.
        sigset::unblock(libc::SIGSYS);
        // SAFETY: a C string of less than 16 bytes.
        unsafe { libc::prctl(libc::PR_SET_NAME, KEEPER_NAME.as_ptr()) };
        state::set_keeper();
        guarded((), life);
    });
    if keeper.is_err() {
        STACK_DONOR.store(0, Ordering::SeqCst);
        return keeper;
    }
    state::set_threaded();
    // glibc keeps the stacks of threads that have ended, with what it has allocated for their TLS, and gives the next
    // thread such a stack. Without this thread the keeper itself would have to allocate when `notify` starts its
    // thread. For that it would open an arena of the host's malloc: 64 MiB of address space. It costs no time, since
    // the keeper is at work meanwhile.
    if lends_stack && stacks::spawn_donor(say_number).is_err() {
        STACK_DONOR.store(0, Ordering::SeqCst);
    }
    Ok(())
}

extern "C" fn say_number(_: *mut c_void) -> *mut c_void {
    STACK_DONOR.store(sys::gettid(), Ordering::SeqCst);
    ptr::null_mut()
}

/// Waits until the keeper has the file, or knows that it does not get it. Gives up after [`START_TIMEOUT`] in which it uses no CPU
/// time: it is stuck in a file system. One that goes on using some, or has had no processor yet, is on a machine that has too
/// much to do. It is waited for twelve times as long.
///
/// Context: host thread before main; forked child.
pub fn wait_for_start() {
    let (mut used, mut idle) = (None, 0);
    for _ in 0..MOST_LOOKS {
        state::wait_beyond(Phase::Starting, START_TIMEOUT / LOOKS);
        if state::phase() != Phase::Starting {
            return;
        }
        let before = used;
        used = state::has_keeper_begun().then(state::keeper_cpu_time);
        idle = if used.is_some() && used == before {
            idle + 1
        } else {
            0
        };
        if idle == LOOKS {
            return;
        }
    }
}

/// Waits until that thread is gone: until then it counts as one of the host's, and has its stack.
pub fn wait_for_stack() {
    wait_for_ends(false);
}

/// Waits until a keeper that has been refused is gone, and that thread too. The host begins as the only thread: else an
/// unshare(2) or setns(2) that asks for that would fail.
///
/// Context: host thread before main.
pub fn wait_until_alone() {
    wait_for_ends(true);
}

/// Waits until the thread that leaves its stack is gone, and the keeper too if that is one of them.
fn wait_for_ends(is_keeper_one: bool) {
    futex::poll_until(START_TIMEOUT, || {
        let donor = STACK_DONOR.load(Ordering::SeqCst);
        let is_gone = donor == 0 || donor != DONOR_TO_COME && !sys::is_thread(donor);
        is_gone && !(is_keeper_one && state::has_keeper_thread())
    });
    STACK_DONOR.store(0, Ordering::SeqCst);
}
