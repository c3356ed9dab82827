//! The host that gives up rights: no thread of ours ever has more of them than the host's.
//!
//! The kernel has credentials per thread. libc has every thread of the process make the same system call, and
//! aborts the process when one of them gets another answer (nptl/setxid). Our threads are among them, and may
//! well get another: a host that keeps some capabilities (PR_SET_KEEPCAPS, capset(2)) keeps them in its own
//! thread only. Without us it would have one thread, and libc would just make the call.
//!
//! So as long as the host has no thread of its own:
//!
//! ```text
//! host:    makes the call alone
//!          ours have no more than it has now?   then that is all (seteuid to and fro)
//!          else notes its rights, asks the keeper, waits
//! keeper:  wakes the thread of notify, which takes those rights; waits; takes them too; answers
//! ```
//!
//! A thread takes rights as a whole (users, groups, capabilities), not by making the host's call again. What it
//! has lost that way it takes back as a whole before it needs it, if the host has it again. A host with threads
//! of its own gets libc's way, after ours have taken exactly its rights: so all get the same answer.
//!
//! The keeper of a candidate waits for the lock of the file, and hears nothing. As long as it is root it can make
//! every call that the host makes, by libc; after that it can make none, but the host may have kept the right to.
//! Such a host is left to make it alone. What a candidate gives up by capset(2) its keeper gives up when it inherits.
//!
//! What changes one thread only, by its definition, is not seen: a raw system call, and setfsuid(2).

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

mod rights;
mod step;

use rights::{Rights, may_be_root};
use step::{STEP, Step, go};

use super::threads::wait_for_stack;
use crate::ownership::state::{self, Phase, Requests};
use crate::sys::{self, entry::guarded, futex, procfs, sigset::SignalsBlocked};

/// How long the host waits for our threads to follow. One of them may hang in a file system.
const FOLLOWING: Duration = Duration::from_secs(2);

/// "Leave it as it is", as the interposed functions pass it.
const SAME: usize = u32::MAX as usize;

/// Whose rights are known: written by who has gone from `Idle`, and read by our threads while it waits.
struct Known(UnsafeCell<Rights>);

// SAFETY: see `Known`.
unsafe impl Sync for Known {}

/// What the host's only thread has, since it has changed anything.
static HOSTS: Known = Known(UnsafeCell::new(Rights::NONE));
/// What our threads have, once that is other than what they were started with.
static OURS: Known = Known(UnsafeCell::new(Rights::NONE));
/// Whether both are filled in.
static IS_KNOWN: AtomicBool = AtomicBool::new(false);
/// Whether our threads have less than the host.
static HAVE_LESS: AtomicBool = AtomicBool::new(false);
/// Whether there is a thread of `notify`.
static WATCHED: AtomicBool = AtomicBool::new(false);

/// The process whose first thread has made a call without its keeper.
static CALLED_WITHOUT_KEEPER: AtomicI32 = AtomicI32::new(0);

/// Makes the system call `number` in the host's thread, and has ours give up what it has given up; or does what
/// libc does.
///
/// Context: host thread, signal handler.
pub fn change(number: c_long, arguments: [usize; 3], by_libc: impl FnOnce() -> c_int) -> c_int {
    // libc itself refuses to leave everything as it is.
    if arguments == [SAME; 3] || !is_asked() {
        if state::is_candidate() {
            // libc leaves out a thread that is ending (nptl/nptl_setxid.c, __nptl_setxid).
            guarded((), wait_for_stack);
        }
        return by_libc();
    }
    if !is_kept() {
        return change_beside_waiting_keeper(number, arguments, by_libc);
    }
    // No handler of the host's may come between.
    let blocked = SignalsBlocked::new();
    let is_first = guarded(false, || {
        futex::poll_until(FOLLOWING, futex::POLL_INTERVAL, || !Step::Arming.is_now());
        Step::change(Step::Idle, Step::Changing)
    });
    if !is_first || !guarded(false, host_is_alone) {
        if is_first {
            guarded((), || {
                if HAVE_LESS.load(Ordering::SeqCst) {
                    follow();
                }
                IS_KNOWN.store(false, Ordering::SeqCst);
            });
            go(Step::Idle);
        }
        drop(blocked);
        return by_libc();
    }
    guarded((), || {
        if !IS_KNOWN.swap(true, Ordering::SeqCst) {
            // SAFETY: this thread has gone from `Idle`. Ours began with the rights that the host has here.
            unsafe { (*OURS.0.get()).read() };
        }
    });
    // SAFETY: the host's own call.
    let result = unsafe { libc::syscall(number, arguments[0], arguments[1], arguments[2]) };
    guarded((), || {
        // SAFETY: this thread has gone from `Idle`.
        let (hosts, ours) = unsafe {
            let hosts = &mut *HOSTS.0.get();
            hosts.read();
            (&*hosts, &*OURS.0.get())
        };
        if !ours.is_within(hosts) {
            follow();
        } else {
            HAVE_LESS.store(!hosts.is_within(ours), Ordering::SeqCst);
        }
        go(Step::Idle);
    });
    result as c_int
}

/// Has our threads take the host's rights, and waits for that, with a bound.
fn follow() {
    go(Step::Made);
    state::post(Requests::CREDENTIALS);
    let followed = Step::Followed as u32;
    if futex::wait_until(&STEP, FOLLOWING, |step| step == followed) {
        // SAFETY: ours wait for the next step.
        unsafe { *OURS.0.get() = *HOSTS.0.get() };
        HAVE_LESS.store(false, Ordering::SeqCst);
    }
}

/// Whether a change is any business of ours.
pub fn is_asked() -> bool {
    is_kept() || stands_by_without_root()
}

fn is_kept() -> bool {
    state::phase() == Phase::Kept && state::is_owner()
}

/// Whether there are no more threads than the calling one and ours.
fn host_is_alone() -> bool {
    let ours = || 1 + usize::from(WATCHED.load(Ordering::SeqCst));
    if procfs::threads() == Some(1 + ours()) {
        return true;
    }
    wait_for_stack();
    procfs::threads() == Some(1 + ours())
}

/// In the keeper, before it starts the thread of `notify`: nobody counts threads meanwhile. Returns whether it may; not so
/// while the host makes a change.
pub fn begin_arming() -> bool {
    Step::change(Step::Idle, Step::Arming)
}

/// In the keeper, when that thread has been started, or could not be.
pub fn end_arming(is_watched: bool) {
    WATCHED.store(is_watched, Ordering::SeqCst);
    Step::change(Step::Arming, Step::Idle);
}

/// In the keeper, before it ends that thread.
pub fn set_unwatched() {
    WATCHED.store(false, Ordering::SeqCst);
}

/// In the keeper, when it is asked. `wake` wakes the thread of `notify`, which then calls
/// [`follow_in_watcher`]; it returns whether there is one.
pub fn answer(wake: impl FnOnce() -> bool) {
    if !Step::change(Step::Made, Step::Watcher) {
        return;
    }
    if wake() {
        futex::wait_until(&STEP, FOLLOWING / 2, |step| step != Step::Watcher as u32);
    }
    if Step::change(Step::Watcher, Step::Keeper) || Step::Keeper.is_now() {
        // SAFETY: the host waits, and its thread has filled it in.
        unsafe { (*HOSTS.0.get()).take() };
        if Step::change(Step::Keeper, Step::Followed) {
            futex::wake_all(&STEP);
        }
    }
}

/// In the thread of `notify`, before it waits.
pub fn follow_in_watcher() {
    if Step::Watcher.is_now() {
        // SAFETY: as in `answer`.
        unsafe { (*HOSTS.0.get()).take() };
        if Step::change(Step::Watcher, Step::Keeper) {
            futex::wake_all(&STEP);
        }
    }
}

/// In the keeper, before it does what takes rights: takes those back that the host has again. (The thread of
/// `notify` needs none.)
pub fn catch_up() {
    if HAVE_LESS.load(Ordering::SeqCst) && Step::change(Step::Idle, Step::Changing) {
        // SAFETY: this thread has gone from `Idle`. The watcher has less still, so what is known stays.
        unsafe { (*HOSTS.0.get()).take() };
        HAVE_LESS.store(false, Ordering::SeqCst);
        // SAFETY: as above.
        unsafe { *OURS.0.get() = *HOSTS.0.get() };
        go(Step::Idle);
    }
}

/// In a forked child, which is to have a keeper of its own: forgets what is known of the parent's.
pub fn renew() {
    STEP.store(Step::Idle as u32, Ordering::SeqCst);
    IS_KNOWN.store(false, Ordering::SeqCst);
    HAVE_LESS.store(false, Ordering::SeqCst);
    WATCHED.store(false, Ordering::SeqCst);
}

/// A host that has used a right alone, which its keeper has not, can be root again when its keeper is not.
fn stands_by_without_root() -> bool {
    state::is_candidate()
        && (CALLED_WITHOUT_KEEPER.load(Ordering::SeqCst) == sys::getpid() || !may_be_root())
}

fn change_beside_waiting_keeper(
    number: c_long,
    arguments: [usize; 3],
    by_libc: impl FnOnce() -> c_int,
) -> c_int {
    let blocked = SignalsBlocked::new();
    let is_alone = || {
        wait_for_stack();
        state::phase() == Phase::Standby && procfs::threads() == Some(2)
    };
    if !guarded(false, is_alone) {
        drop(blocked);
        return by_libc();
    }
    // SAFETY: the host's own call.
    let result = unsafe { libc::syscall(number, arguments[0], arguments[1], arguments[2]) };
    record_rights();
    result as c_int
}

/// Notes the rights of a candidate's first thread, which its keeper is to take when it inherits.
fn record_rights() {
    // SAFETY: the keeper reads it only once the lock is its. Of a host that changes its rights in that moment it may
    // read half a change; it takes no more than it may.
    guarded((), || unsafe {
        (*HOSTS.0.get()).read();
        CALLED_WITHOUT_KEEPER.store(sys::getpid(), Ordering::SeqCst);
    });
}

/// capset(2), which libc makes in the calling thread alone: in an owner as any change.
///
/// Context: host thread, signal handler.
pub fn change_capabilities(arguments: [usize; 3], by_libc: impl FnOnce() -> c_int) -> c_int {
    if is_kept() {
        return change(libc::SYS_capset, arguments, by_libc);
    }
    let result = by_libc();
    if result == 0 && state::is_candidate() {
        record_rights();
        // The keeper may have inherited in between, before it could know.
        if is_kept() && Step::change(Step::Idle, Step::Changing) {
            guarded((), follow);
            go(Step::Idle);
        }
    }
    result
}

/// Gives up what the host of a successor has given up while its keeper waited for the file.
///
/// Context: keeper of a successor, when the host begins to tell it of its calls.
pub fn inherit() {
    if CALLED_WITHOUT_KEEPER.load(Ordering::SeqCst) == sys::getpid() {
        // SAFETY: see `record_rights`.
        unsafe { (*HOSTS.0.get()).take() };
    }
}
