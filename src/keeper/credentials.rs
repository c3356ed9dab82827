//! The host that changes its user or group.
//!
//! The kernel has credentials per thread, so libc has every thread of the process make the same
//! system call, and aborts the process when one of them gets another answer (nptl/setxid). Our
//! threads are among them, and may well get another: a host that keeps some capabilities
//! (PR_SET_KEEPCAPS, capset(2)) keeps them in its own thread only. Without us it would have one
//! thread, and libc would just make the call.
//!
//! So that is what happens here as long as the host has no threads of its own: the calling thread
//! makes the call, and then ours make it too, as far as they may. Nobody keeps more rights than the
//! host has by these functions. A host with threads gets libc's way.

use std::ffi::{c_int, c_long};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use super::threads::waits_beside_one_thread;
use crate::ownership::state::{self, Phase, Requests};
use crate::sys::{self, entry::guarded, futex, procfs, sigset::SignalsBlocked};

/// How long the host waits for our threads to follow.
const FOLLOWING: Duration = Duration::from_secs(2);

/// "Leave it as it is", as the interposed functions pass it.
const SAME: usize = u32::MAX as usize;

/// The call that our threads are to make.
static NUMBER: AtomicI64 = AtomicI64::new(0);
static ARGUMENTS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];

/// The process whose first thread has made a call without its keeper.
static DIVERGED: AtomicI32 = AtomicI32::new(0);

/// How far it is.
static STEP: AtomicU32 = AtomicU32::new(Step::Idle as u32);

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Step {
    Idle,
    /// The keeper is asked whether the host has threads.
    Asked,
    Alone,
    NotAlone,
    /// The host has made the call.
    Made,
    /// The thread of `notify` has it still to make, and then the keeper.
    Watcher,
    Keeper,
}

impl Step {
    fn now() -> Self {
        Self::of(STEP.load(Ordering::SeqCst))
    }

    fn of(value: u32) -> Self {
        let all = [
            Self::Idle,
            Self::Asked,
            Self::Alone,
            Self::NotAlone,
            Self::Made,
            Self::Watcher,
            Self::Keeper,
        ];
        all.get(value as usize).copied().unwrap_or(Self::Idle)
    }

    /// Goes from one step to another, if it is still that one.
    fn change(from: Self, to: Self) -> bool {
        let (from, to, order) = (from as u32, to as u32, Ordering::SeqCst);
        STEP.compare_exchange(from, to, order, order).is_ok()
    }
}

/// Makes the system call `number` in the host's thread and in ours, or does what libc does.
pub fn change(number: c_long, arguments: [usize; 3], by_libc: impl FnOnce() -> c_int) -> c_int {
    // libc itself refuses to leave everything as it is.
    if arguments == [SAME; 3] || !is_asked() {
        return by_libc();
    }
    let is_kept = is_kept();
    // No handler of the host's may come between the question and the call.
    let blocked = SignalsBlocked::new();
    let is_alone = if is_kept {
        host_is_alone
    } else {
        waits_beside_one_thread
    };
    if !guarded(false, is_alone) {
        drop(blocked);
        return by_libc();
    }
    // SAFETY: the host's own call.
    let result = unsafe { libc::syscall(number, arguments[0], arguments[1], arguments[2]) };
    guarded((), || {
        if !is_kept {
            DIVERGED.store(sys::getpid(), Ordering::SeqCst);
            return;
        }
        if result == 0 {
            NUMBER.store(number, Ordering::SeqCst);
            for (slot, argument) in ARGUMENTS.iter().zip(arguments) {
                slot.store(argument, Ordering::SeqCst);
            }
            ask(Step::Made);
        }
        go(Step::Idle);
    });
    result as c_int
}

/// Whether a change is any business of ours.
pub fn is_asked() -> bool {
    is_kept() || stands_by_without_root()
}

fn is_kept() -> bool {
    state::is_owner() && state::phase() == Phase::Kept
}

/// A candidate's keeper hears nothing while it waits for the lock. As long as it is root it can make
/// every call that the host makes, by libc; after that it can make none, but the host may have kept
/// the right to. A host that has used that right alone can be root again when its keeper is not.
fn stands_by_without_root() -> bool {
    let has_diverged = || DIVERGED.load(Ordering::SeqCst) == sys::getpid();
    // SAFETY: geteuid(2) takes nothing.
    state::is_candidate() && (has_diverged() || unsafe { libc::geteuid() } != 0)
}

/// Asks the keeper. Another thread that is asking is an answer too.
fn host_is_alone() -> bool {
    if !Step::change(Step::Idle, Step::Asked) {
        return false;
    }
    ask(Step::Asked);
    let alone = Step::now() == Step::Alone;
    if !alone {
        go(Step::Idle);
    }
    alone
}

/// Takes a step that the keeper answers, and waits for the answer, with a bound.
fn ask(question: Step) {
    go(question);
    state::post(Requests::CREDENTIALS);
    futex::wait_until(&STEP, FOLLOWING, |step| {
        matches!(Step::of(step), Step::Idle | Step::Alone | Step::NotAlone)
    });
}

fn go(step: Step) {
    STEP.store(step as u32, Ordering::SeqCst);
    futex::wake_all(&STEP);
}

/// In the keeper, when it is asked. `is_alone` counts; `rouse` makes the thread of `notify` see an
/// event, and tells whether there is such a thread.
pub fn answer(is_alone: impl FnOnce() -> bool, rouse: impl FnOnce() -> bool) {
    match Step::now() {
        Step::Asked => {
            let answer = if is_alone() {
                Step::Alone
            } else {
                Step::NotAlone
            };
            // Unless the host has given up waiting.
            Step::change(Step::Asked, answer);
            futex::wake_all(&STEP);
        }
        Step::Made => {
            go(Step::Watcher);
            if rouse() {
                // It answers in `follow`. Where it does not, it goes by what the host makes later.
                futex::wait_until(&STEP, FOLLOWING / 2, |step| Step::of(step) != Step::Watcher);
            }
            go(Step::Keeper);
            make_it();
            go(Step::Idle);
        }
        _ => {}
    }
}

/// In the thread of `notify`, on every event.
pub fn follow() {
    if Step::now() == Step::Watcher {
        make_it();
        go(Step::Keeper);
    }
}

/// As far as this thread may: it can have fewer rights than the host's has kept.
fn make_it() {
    let [first, second, third] = [0, 1, 2].map(|which| ARGUMENTS[which].load(Ordering::SeqCst));
    // SAFETY: the host's own call, with arguments that it waits with.
    unsafe {
        libc::syscall(
            NUMBER.load(Ordering::SeqCst) as c_long,
            first,
            second,
            third,
        )
    };
}

/// In the keeper of an heir that has made calls alone while the keeper waited for the lock: gives up
/// what the host has given up. Called when the host begins to tell the keeper of its calls.
pub fn catch_up() {
    if DIVERGED.load(Ordering::SeqCst) != sys::getpid() {
        return;
    }
    let numbers = |name: &str| -> Vec<u32> {
        let line = procfs::record("/proc/self/status", b'\n', name.as_bytes());
        let line = String::from_utf8(line.unwrap_or_default()).unwrap_or_default();
        let words = line.split_ascii_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let (users, groups) = (numbers("Uid:"), numbers("Gid:"));
    let ([user, as_user, saved_user, _], [group, as_group, saved_group, _]) =
        (&users[..], &groups[..])
    else {
        return;
    };
    // None, if there are very many.
    let others = numbers("Groups:");
    // A change of users makes the memory of the whole process private (prctl(2), PR_SET_DUMPABLE). The
    // host may have said since its own that it is not.
    // SAFETY: system calls about the calling thread, and one about what it has just undone.
    unsafe {
        let dumpable = libc::prctl(libc::PR_GET_DUMPABLE);
        // To be root again, if that is left, for what follows.
        libc::syscall(libc::SYS_setresuid, SAME, 0, SAME);
        libc::syscall(libc::SYS_setgroups, others.len(), others.as_ptr());
        libc::syscall(libc::SYS_setresgid, *group, *as_group, *saved_group);
        libc::syscall(libc::SYS_setresuid, *user, *as_user, *saved_user);
        if dumpable == 1 {
            libc::prctl(libc::PR_SET_DUMPABLE, 1);
        }
    }
}
