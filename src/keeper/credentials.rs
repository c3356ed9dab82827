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
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use super::threads::wait_for_stack;
use crate::ownership::state::{self, Phase, Requests};
use crate::sys::{self, entry::guarded, futex, procfs, sigset::SignalsBlocked};

/// How long the host waits for our threads to follow. One of them may hang in a file system.
const FOLLOWING: Duration = Duration::from_secs(2);

/// "Leave it as it is", as the interposed functions pass it.
const SAME: usize = u32::MAX as usize;

/// More groups than that our threads do without.
const MOST_GROUPS: usize = 1024;

/// Who may do what, of one thread.
#[derive(Clone, Copy)]
struct Rights {
    /// Real, effective and saved.
    users: [u32; 3],
    groups: [u32; 3],
    others: [u32; MOST_GROUPS],
    other_count: usize,
    capabilities: Capabilities,
}

/// struct __user_cap_data_struct of version 3, twice: capabilities 0 to 31, and 32 to 63.
#[derive(Clone, Copy)]
#[repr(C)]
struct Capabilities([[u32; 3]; 2]);

/// struct __user_cap_header_struct.
#[repr(C)]
struct Header {
    version: u32,
    pid: c_int,
}

impl Header {
    fn of_this_thread() -> Self {
        Self {
            version: 0x2008_0522,
            pid: 0,
        }
    }
}

impl Capabilities {
    const EFFECTIVE: usize = 0;
    const PERMITTED: usize = 1;
    const SETGID: u32 = 6;
    const SETUID: u32 = 7;

    fn get() -> Self {
        let (mut header, mut found) = (Header::of_this_thread(), Self([[0; 3]; 2]));
        // SAFETY: both are what the kernel reads and fills for this version.
        unsafe { libc::syscall(libc::SYS_capget, &raw mut header, &raw mut found) };
        found
    }

    fn set(self) {
        let mut header = Header::of_this_thread();
        // SAFETY: both are what the kernel reads for this version; only the calling thread changes.
        unsafe { libc::syscall(libc::SYS_capset, &raw mut header, &raw const self) };
    }

    fn is_within(&self, other: &Self) -> bool {
        let pairs = self.0.iter().flatten().zip(other.0.iter().flatten());
        pairs.into_iter().all(|(ours, theirs)| ours & !theirs == 0)
    }

    fn allows_any_user(&self) -> bool {
        let both = 1 << Self::SETUID | 1 << Self::SETGID;
        self.0[0][Self::EFFECTIVE] & both == both
    }
}

impl Rights {
    const NONE: Self = Self {
        users: [0; 3],
        groups: [0; 3],
        others: [0; MOST_GROUPS],
        other_count: 0,
        capabilities: Capabilities([[0; 3]; 2]),
    };

    /// Fills in the rights of the calling thread. Async-signal-safe.
    fn read(&mut self) {
        let [user, as_user, saved_user] = &mut self.users;
        let [group, as_group, saved_group] = &mut self.groups;
        // SAFETY: room for each answer. Where there are more groups than that, none is written.
        unsafe {
            libc::syscall(libc::SYS_getresuid, user, as_user, saved_user);
            libc::syscall(libc::SYS_getresgid, group, as_group, saved_group);
            let (most, room) = (MOST_GROUPS, self.others.as_mut_ptr());
            let count = libc::syscall(libc::SYS_getgroups, most, room);
            self.other_count = usize::try_from(count).unwrap_or(0);
        }
        self.capabilities = Capabilities::get();
    }

    /// Whether who has these can do nothing that who has the others cannot.
    fn is_within(&self, other: &Self) -> bool {
        let is_same = || {
            self.users == other.users
                && self.groups == other.groups
                && self.others[..self.other_count] == other.others[..other.other_count]
        };
        self.capabilities.is_within(&other.capabilities)
            && (other.capabilities.allows_any_user() || is_same())
    }

    /// Gives the calling thread these rights, as far as it may take them.
    fn take(&self) {
        let mut own = Capabilities::get();
        for half in &mut own.0 {
            half[Capabilities::EFFECTIVE] = half[Capabilities::PERMITTED];
        }
        let mut wanted = self.capabilities;
        for (half, own) in wanted.0.iter_mut().zip(own.0) {
            let [effective, permitted, inheritable] = half;
            *permitted &= own[Capabilities::PERMITTED];
            *effective &= *permitted;
            *inheritable &= *permitted | own[2];
        }
        // A change of users makes the memory of the whole process private (prctl(2), PR_SET_DUMPABLE). The
        // host may have said since its own change that it is not.
        // SAFETY: system calls about the calling thread, and two about what they undo.
        unsafe {
            let dumpable = libc::prctl(libc::PR_GET_DUMPABLE);
            own.set();
            libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0);
            libc::syscall(libc::SYS_setgroups, self.other_count, self.others.as_ptr());
            let [real, effective, saved] = self.groups;
            libc::syscall(libc::SYS_setresgid, real, effective, saved);
            let [real, effective, saved] = self.users;
            libc::syscall(libc::SYS_setresuid, real, effective, saved);
            wanted.set();
            libc::prctl(libc::PR_SET_KEEPCAPS, 0, 0, 0, 0);
            if dumpable == 1 && libc::prctl(libc::PR_GET_DUMPABLE) != 1 {
                libc::prctl(libc::PR_SET_DUMPABLE, 1);
            }
        }
    }
}

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
static DIVERGED: AtomicI32 = AtomicI32::new(0);

/// How far it is.
static STEP: AtomicU32 = AtomicU32::new(Step::Idle as u32);

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Step {
    Idle,
    /// A thread of the host's makes a change, or the keeper takes rights back.
    Changing,
    /// The keeper starts the thread of `notify`, or ends it.
    Arming,
    /// Our threads have rights to take.
    Made,
    /// The thread of `notify` has to take them, and then the keeper.
    Watcher,
    Keeper,
    /// All have.
    Followed,
}

impl Step {
    fn is_now(self) -> bool {
        STEP.load(Ordering::SeqCst) == self as u32
    }

    /// Goes from one step to another, if it is still that one.
    fn change(from: Self, to: Self) -> bool {
        let (from, to, order) = (from as u32, to as u32, Ordering::SeqCst);
        STEP.compare_exchange(from, to, order, order).is_ok()
    }
}

/// To a step that nobody waits for.
fn go(step: Step) {
    STEP.store(step as u32, Ordering::SeqCst);
}

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
    state::is_candidate() && (DIVERGED.load(Ordering::SeqCst) == sys::getpid() || !may_be_root())
}

fn may_be_root() -> bool {
    let [mut real, mut effective, mut saved] = [0_u32; 3];
    // SAFETY: room for the answers.
    unsafe {
        libc::syscall(
            libc::SYS_getresuid,
            &raw mut real,
            &raw mut effective,
            &raw mut saved,
        );
    }
    [real, effective, saved].contains(&0)
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
    diverge();
    result as c_int
}

/// Notes the rights of a candidate's first thread, which its keeper is to take when it inherits.
fn diverge() {
    // SAFETY: the keeper reads it only once the lock is its. Of a host that changes its rights in that moment it may
    // read half a change; it takes no more than it may.
    guarded((), || unsafe {
        (*HOSTS.0.get()).read();
        DIVERGED.store(sys::getpid(), Ordering::SeqCst);
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
        diverge();
        // The keeper may have inherited in between, before it could know.
        if is_kept() && Step::change(Step::Idle, Step::Changing) {
            guarded((), follow);
            go(Step::Idle);
        }
    }
    result
}

/// In the keeper of an heir whose host has given up rights while the keeper waited for the lock: gives them up too. Called
/// when the host begins to tell the keeper of its calls.
pub fn inherit() {
    if DIVERGED.load(Ordering::SeqCst) == sys::getpid() {
        // SAFETY: see `diverge`.
        unsafe { (*HOSTS.0.get()).take() };
    }
}
