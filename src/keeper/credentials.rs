//! Makes our threads follow a host that gives up rights: none of them ever has more than the host.
//!
//! The kernel has credentials per thread. So libc has every thread of the process make the same system call, and aborts
//! the process when one of them gets another answer (nptl/setxid). Our threads are among them, and may well get
//! another: a host that keeps some capabilities (PR_SET_KEEPCAPS, capset(2)) keeps them in its own thread only. Without
//! us it would have one thread, and libc would just make the call.
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
//! The keeper of a candidate waits for the lock of the file, and hears nothing. As long as the keeper is root it can make
//! every call that the host makes, by libc. After that it can make none, although the host may have kept the right to.
//! Such a host is left to make it alone. What a candidate gives up by capset(2) its keeper gives up when it inherits.
//!
//! What changes one thread only, by its definition, is not seen: a raw system call, and setfsuid(2).
//!
//! Daemons that keep capabilities while they change their user need it: ntpd, chronyd, named. Shown by
//! `handover/rights::owner_giving_up_rights_no_thread_keeps_more` and
//! `handover/rights::unprivileged_daemon_has_no_privileged_thread`.

pub mod following;
mod known;
mod rights;
mod step;

use std::ffi::{c_int, c_long};
use std::sync::atomic::Ordering;
use std::time::Duration;

use known::{CALLED_WITHOUT_KEEPER, FOLLOWING, HAVE_LESS, HOSTS, IS_KNOWN, OURS, WATCHED};
use rights::may_be_root;
use step::{HOST_WAITS, STEP, Step, go};

use super::threads::wait_for_stack;
use crate::ownership::state::{self, Phase, Requests};
use crate::sys::{self, entry::guarded, futex, procfs, sigset::SignalsBlocked};

/// "Leave it as it is", as the interposed functions pass it.
const SAME: usize = u32::MAX as usize;

/// Makes the system call `number` in the host's thread, and has ours give up what it has given up; or does what
/// libc does.
///
/// Context: host thread, signal handler.
pub fn change(number: c_long, arguments: [usize; 3], by_libc: &dyn Fn() -> c_int) -> c_int {
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
    let begun = guarded(None, begin);
    let alone = begun.filter(|_| guarded(false, host_is_alone));
    let Some(was) = alone else {
        if begun.is_some() {
            guarded((), || {
                if HAVE_LESS.load(Ordering::SeqCst) {
                    follow(FOLLOWING);
                }
                IS_KNOWN.store(false, Ordering::SeqCst);
            });
            end();
        }
        drop(blocked);
        return by_libc();
    };
    guarded((), || {
        if !IS_KNOWN.swap(true, Ordering::SeqCst) {
            // SAFETY: this thread has gone from `Idle`. Ours began with the rights that the host has here.
            unsafe { (*OURS.0.get()).read() };
        } else if was == Step::Followed {
            // SAFETY: as above. They have followed after the host had given up waiting.
            unsafe { *OURS.0.get() = *HOSTS.0.get() };
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
        if ours.is_within(hosts) {
            HAVE_LESS.store(!hosts.is_within(ours), Ordering::SeqCst);
            end();
        } else {
            // What hung a moment ago is not waited for again.
            let timeout = if was == Step::Made {
                Duration::ZERO
            } else {
                FOLLOWING
            };
            if follow(timeout) {
                end();
            }
        }
    });
    result as c_int
}

/// Begins a change, and returns the step that it was after; `None` if another thread makes one. Where the keeper hangs in a
/// file system while it begins to watch, or with an earlier change to follow, it does not wait for it.
fn begin() -> Option<Step> {
    futex::poll_until(FOLLOWING, || !Step::Arming.is_now());
    let steps = [Step::Idle, Step::Followed, Step::Made, Step::Arming];
    let mut steps = steps.into_iter();
    let was = steps.find(|step| Step::change(*step, Step::Changing));
    if was == Some(Step::Arming) {
        // It has started the thread of `notify` before it can hang.
        WATCHED.store(true, Ordering::SeqCst);
    }
    was
}

/// Ends a change.
fn end() {
    go(Step::Idle);
    HOST_WAITS.store(false, Ordering::SeqCst);
}

/// Has our threads take the host's rights, and waits for that, with a timeout. Returns whether they have. If not they do so
/// once the file system answers.
fn follow(timeout: Duration) -> bool {
    HOST_WAITS.store(true, Ordering::SeqCst);
    go(Step::Made);
    state::post(Requests::CREDENTIALS);
    let followed = Step::Followed as u32;
    let have = futex::wait_until(&STEP, timeout, |step| step == followed);
    if have {
        // SAFETY: ours wait for the next step.
        unsafe { *OURS.0.get() = *HOSTS.0.get() };
        HAVE_LESS.store(false, Ordering::SeqCst);
    } else {
        HOST_WAITS.store(false, Ordering::SeqCst);
    }
    have
}

/// Returns whether the keeper has to know of a change.
pub fn is_asked() -> bool {
    is_kept() || stands_by_without_root()
}

/// Returns whether this process has a keeper that has the file, or tries to get it on a file system that does not answer.
/// libc would wait for such a keeper without a timeout.
fn is_kept() -> bool {
    matches!(state::phase(), Phase::Kept | Phase::Starting) && state::is_owner()
}

/// Returns whether there are no more threads than the calling one and ours.
fn host_is_alone() -> bool {
    let ours = || 1 + usize::from(WATCHED.load(Ordering::SeqCst));
    if procfs::threads() == Some(1 + ours()) {
        return true;
    }
    wait_for_stack();
    procfs::threads() == Some(1 + ours())
}

/// Returns whether the keeper of this candidate may have fewer rights than the host. That is so where the host has
/// changed its rights alone: it can be root again when its keeper is not.
fn stands_by_without_root() -> bool {
    state::is_candidate()
        && (CALLED_WITHOUT_KEEPER.load(Ordering::SeqCst) == sys::getpid() || !may_be_root())
}

/// Makes the system call in the only thread of a candidate's host, beside the keeper that waits.
fn change_beside_waiting_keeper(
    number: c_long,
    arguments: [usize; 3],
    by_libc: &dyn Fn() -> c_int,
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

/// Records the rights of a candidate's first thread, which its keeper is to take when it inherits.
fn record_rights() {
    // SAFETY: the keeper reads it only once the lock is its. Of a host that changes its rights in that moment it may
    // read half a change; it takes no more than it may.
    guarded((), || unsafe {
        (*HOSTS.0.get()).read();
        CALLED_WITHOUT_KEEPER.store(sys::getpid(), Ordering::SeqCst);
    });
}

/// Makes the system call capset(2), which libc makes in the calling thread alone; in an owner as any change.
///
/// Context: host thread, signal handler.
pub fn change_capabilities(arguments: [usize; 3], by_libc: &dyn Fn() -> c_int) -> c_int {
    if is_kept() {
        return change(libc::SYS_capset, arguments, by_libc);
    }
    let result = by_libc();
    if result == 0 && state::is_candidate() {
        record_rights();
        // The keeper may have inherited in between, before it could know.
        if is_kept() && Step::change(Step::Idle, Step::Changing) {
            guarded((), || _ = follow(FOLLOWING));
            end();
        }
    }
    result
}
