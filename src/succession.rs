//! Who inherits the file: fork, setsid, daemon.
//!
//! A program that daemonizes leaves its work to a child and ends. The file must follow, but only to
//! that child: workers, helpers and terminal sessions must never get it. How real daemons do it:
//! the child of the launcher begins a session (setsid(2)); often it forks once more and leaves at
//! once, and the grandchild is the daemon. So there are two kinds of candidates:
//!
//! - a *leader*: a forked child of the owner that has called setsid;
//! - a *second*: the first child that a leader forks, if that is the first thing it does.
//!
//! A candidate has a standby keeper from the moment it becomes one, while it may still open the
//! file: it blocks in flock(2). The lock is the baton. It costs one sleeping thread, works across
//! exec (the mark tells the new image to stand by again), and cannot be lost: the kernel wakes the
//! standby when the owner ends in whatever way. It then looks whose PID is in the file.
//!
//! The owner stays the owner for as long as it lives. When it ends of its own accord and there is
//! exactly one candidate, it writes the heir's PID into the file, lets go of the lock, and ends when
//! the heir has it. Where there are several the case is not clear, and the file is removed.
//!
//! What the processes have to tell each other lies in a [`Page`] that they share since the claim.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::baton::{Baton, Found};
use crate::content::names_us_at;
use crate::mailbox::{self, phase};
use crate::mark::{self, Role};
use crate::page::{Page, REST, age, kind, nanoseconds};
use crate::pidfile::{PidFile, Sight};
use crate::settings::Follow;
use crate::settings::config::Config;
use crate::sys::futex::POLL_INTERVAL;
use crate::sys::{self, clock, futex, guard::guarded, procfs, sigset::SignalsBlocked};
use crate::{deletion, keeper, own_hands, private_table};

/// A leader that forks a second and leaves does both at once. Between setsid and fork, and between
/// fork and the end, there is no more time than this; in the life of a daemon there is.
pub const AT_ONCE: Duration = Duration::from_secs(1);
/// How long an heir may take to notice that the baton is its.
const TAKING: Duration = Duration::from_secs(2);
/// How long an owner that ends looks for an heir: its end waits for longer.
const PASSING_ON: Duration = Duration::from_secs(4);
/// How long an owner may take to notice that its heir has ended.
const TAKING_BACK: Duration = Duration::from_millis(300);

static PAGE: AtomicPtr<Page> = AtomicPtr::new(std::ptr::null_mut());
static CONFIG: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
/// This process, as far as fork(2) handlers have seen it: in a vfork child, or after a raw
/// clone(2), it is another than getpid(), and nothing may be changed.
static SELF: AtomicI32 = AtomicI32::new(0);
/// Set in a process that stands by.
static CANDIDATE: AtomicI32 = AtomicI32::new(0);
/// Set in one that did so before exec(2) already.
static RESUMED: AtomicI32 = AtomicI32::new(0);
/// When this process has begun a session, in nanoseconds since boot; 0: it has not.
static SESSION: AtomicU64 = AtomicU64::new(0);
/// How many children it has forked since.
static FORKED_SINCE: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Between the handlers around a fork, how many are under way: a signal handler may fork too.
    static FORKING: Cell<u32> = const { Cell::new(0) };
    /// The place of the child that is forked.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    /// The host's errno, while a child is forked that has a place.
    static ERRNO: Cell<c_int> = const { Cell::new(0) };
}

fn page() -> Option<&'static Page> {
    // SAFETY: null, or a mapping that is never removed.
    unsafe { PAGE.load(Ordering::SeqCst).as_ref() }
}

fn config() -> Option<&'static Config> {
    // SAFETY: null, or the configuration, which lives as long as the process.
    unsafe { CONFIG.load(Ordering::SeqCst).as_ref() }
}

/// Called before main in a process that owns the file or may inherit it.
pub fn register(config: &'static Config) {
    SELF.store(sys::getpid(), Ordering::SeqCst);
    if config.follow == Follow::Off {
        return;
    }
    let Some(page) = Page::map() else { return };
    // SAFETY: the handlers live as long as the process.
    unsafe {
        CONFIG.store(std::ptr::from_ref(config).cast_mut(), Ordering::SeqCst);
        PAGE.store(page, Ordering::SeqCst);
        libc::pthread_atfork(
            Some(before_fork),
            Some(after_fork_parent),
            Some(after_fork_child),
        );
    }
}

// ---- around a fork ----

unsafe extern "C" fn before_fork() {
    guarded((), || {
        let takes_part = mailbox::is_owner() || CANDIDATE.load(Ordering::SeqCst) == sys::getpid();
        PLACE.set(None);
        if !takes_part {
            return;
        }
        if FORKING.replace(FORKING.get() + 1) == 0 {
            crate::heap_lock();
        }
        if mailbox::is_owner() || may_leave_to_next_child() {
            PLACE.set(page().and_then(Page::expect_child));
        }
    });
    // Nobody tells the handlers that a fork has failed. But libc sets errno before it calls them.
    if PLACE.get().is_some() {
        ERRNO.set(sys::errno());
        sys::set_errno(0);
    }
}

/// Right after a fork: its errno, or 0. Puts back the host's where there was no failure.
fn errno_of_fork() -> c_int {
    if PLACE.get().is_none() {
        return 0;
    }
    let errno = sys::errno();
    if errno == 0 {
        sys::set_errno(ERRNO.get());
    }
    errno
}

unsafe extern "C" fn after_fork_parent() {
    let errno = errno_of_fork();
    guarded((), || {
        let place = PLACE.take();
        let forks = FORKING.get();
        if forks > 0 {
            FORKING.set(forks - 1);
            if forks == 1 {
                crate::heap_unlock();
            }
            match (page(), place) {
                (Some(page), Some(place)) if errno != 0 => page.expect_no_child(place),
                _ => _ = FORKED_SINCE.fetch_add(1, Ordering::SeqCst),
            }
        }
    });
}

/// Whether the child that is forked now would be a second.
fn may_leave_to_next_child() -> bool {
    let session = SESSION.load(Ordering::SeqCst);
    session != 0 && FORKED_SINCE.load(Ordering::SeqCst) == 0 && age(session) <= AT_ONCE
}

/// In the child, which has one thread now. Nothing is allocated and no lock is taken, unless this
/// child becomes a candidate.
unsafe extern "C" fn after_fork_child() {
    errno_of_fork();
    guarded((), || {
        if FORKING.replace(0) == 0 {
            SELF.store(sys::getpid(), Ordering::SeqCst);
            return;
        }
        crate::heap_unlock();
        let parent = SELF.swap(sys::getpid(), Ordering::SeqCst);
        let parent_owned = mailbox::owner() == parent;
        let is_second = may_leave_to_next_child();
        SESSION.store(0, Ordering::SeqCst);
        FORKED_SINCE.store(0, Ordering::SeqCst);
        CANDIDATE.store(0, Ordering::SeqCst);
        let (Some(page), Some(config)) = (page(), config()) else {
            return;
        };
        if let Some(place) = PLACE.take() {
            page.hold(place);
        }
        if is_second {
            become_candidate(page, config, kind::SECOND);
        } else if parent_owned && config.follow == Follow::Fork {
            become_candidate(page, config, kind::FORKED);
        }
    });
}

/// This process has called setsid(2).
pub fn session_begun() {
    // SAFETY: takes nothing.
    let parent = unsafe { libc::getppid() };
    let (Some(page), Some(config)) = (page(), config()) else {
        return;
    };
    if SELF.load(Ordering::SeqCst) != sys::getpid() {
        return;
    }
    SESSION.store(nanoseconds(), Ordering::SeqCst);
    FORKED_SINCE.store(0, Ordering::SeqCst);
    // A second candidate would make the case unclear, so there is no need for it to stand by: the
    // backends of a database must not each pay for a thread.
    if parent == mailbox::owner() && CANDIDATE.load(Ordering::SeqCst) == 0 {
        if page.living(kind::LEADER, parent).next().is_some() {
            page.add(kind::OTHER_LEADER);
        } else {
            become_candidate(page, config, kind::LEADER);
        }
    }
    page.decide();
}

fn become_candidate(page: &'static Page, config: &'static Config, kind: u32) {
    let _blocked = SignalsBlocked::new();
    if config.watch == crate::settings::Watch::Off {
        return;
    }
    page.is_deciding();
    let stands_by = keeper::stand_by(config).is_ok();
    // Also one for which there is no file any more: its second must learn of the deletion, too.
    CANDIDATE.store(sys::getpid(), Ordering::SeqCst);
    if stands_by {
        mark::rewrite_with_copies(Role::Await);
        page.add(kind);
    }
    page.decide();
}

/// After exec(2): this process was a candidate before.
pub fn resume(config: &'static Config) {
    RESUMED.store(sys::getpid(), Ordering::SeqCst);
    if keeper::stand_by(config).is_ok() {
        CANDIDATE.store(sys::getpid(), Ordering::SeqCst);
    }
}

// ---- the baton ----

/// How many children this process has forked since it has begun a session, if it has.
fn forked_as_leader() -> Option<u32> {
    let is_leader = SESSION.load(Ordering::SeqCst) != 0;
    is_leader.then(|| FORKED_SINCE.load(Ordering::SeqCst))
}

/// The keeper of an owner that ends of its own accord: passes the file on, if there is an heir.
pub fn pass_on(file: &PidFile) -> Option<libc::pid_t> {
    let page = page()?;
    let end = clock::now() + PASSING_ON;
    // Children that mean no good could have us wait for ever.
    while clock::now() < end {
        // All of this may take a while. Whoever would be the heir is told.
        let deleted = file.look_patiently() == Sight::Deleted && !own_hands::has_removed();
        if deleted {
            page.deleted.store(1, Ordering::SeqCst);
        }
        if let Some(heir) = page.heir(forked_as_leader()) {
            if deleted {
                return None;
            }
            if page.may_move_on(heir) {
                futex::pause(POLL_INTERVAL);
                continue;
            }
            let pid = heir.pid.load(Ordering::SeqCst);
            if !stands_by(pid) {
                page.forget(pid);
                continue;
            }
            page.taken.store(0, Ordering::SeqCst);
            // Either the heir's end sees this, or we see that it has withdrawn.
            page.offered.store(pid, Ordering::SeqCst);
            if heir.pid.load(Ordering::SeqCst) != pid {
                continue;
            }
            let wait = || {
                futex::wait_shared(&page.taken, 0, POLL_INTERVAL);
                page.taken.load(Ordering::SeqCst) == pid as u32
            };
            if file.hand_over(pid, TAKING, wait) {
                wait_for_the_one_between(pid, end);
                return Some(pid);
            }
            heir.pid.store(0, Ordering::SeqCst);
        } else if !page.wait_for_decision() {
            return None;
        }
    }
    None
}

/// Waits, until `end` at most, for the leader that has forked this heir of ours, and has begun to end too:
/// only then the heir has the parent that it will keep. systemd asks for it when the launcher is gone, and
/// would not learn how a child of somebody else's ends (systemd.service(5), PIDFile=).
fn wait_for_the_one_between(heir: libc::pid_t, end: Duration) {
    let end = end.min(clock::now() + AT_ONCE);
    let is_between = |leader: &libc::pid_t| procfs::parent(*leader) == Some(sys::getpid());
    while clock::now() < end
        && let Some(leader) = procfs::parent(heir).filter(is_between)
        && !procfs::is_asleep(leader)
    {
        futex::pause(POLL_INTERVAL);
    }
}

/// Whether a candidate has a keeper. One that has called exec has it again when it begins; but it may
/// have become a program that has no such library. That one soon sleeps, alone.
fn stands_by(pid: libc::pid_t) -> bool {
    let start = clock::now();
    let mut awake = start;
    while procfs::is_running(pid) {
        if keeper::is_in(pid) {
            return true;
        }
        let now = clock::now();
        if !procfs::is_asleep_alone(pid) {
            awake = now;
        }
        if now - awake > REST || now - start > TAKING {
            return false;
        }
        futex::pause(POLL_INTERVAL);
    }
    false
}

/// A process ends. If it is a candidate it is not one any more; whether the owner is just passing the
/// file on to it, so that it has to wait until it has it.
///
/// Async-signal-safe.
pub fn withdraw() -> bool {
    let pid = sys::getpid();
    let Some(page) = page().filter(|_| CANDIDATE.load(Ordering::SeqCst) == pid) else {
        return false;
    };
    page.forget(pid);
    page.offered.load(Ordering::SeqCst) == pid || has_called_exec() && is_named()
}

/// Whether this process was a candidate before exec(2): then it shares no page with the owner.
fn has_called_exec() -> bool {
    RESUMED.load(Ordering::SeqCst) == sys::getpid()
}

/// Whether the owner has begun to pass the file on to this process.
fn is_named() -> bool {
    config().is_some_and(|config| names_us_at(&config.path))
}

/// Whether this process stands by for the file.
pub fn is_candidate() -> bool {
    let candidate = CANDIDATE.load(Ordering::SeqCst);
    candidate != 0 && candidate == sys::getpid()
}

/// The host has removed or renamed the file itself, or not; and whether it has.
pub fn set_removed_by_host(it_has: bool) {
    if let Some(page) = page() {
        page.by_host.store(u32::from(it_has), Ordering::SeqCst);
    }
}

pub fn is_removed_by_host() -> bool {
    page().is_some_and(|page| page.by_host.load(Ordering::SeqCst) != 0)
}

/// The keeper of an heir that has the lock.
pub fn taken() {
    mark::rewrite(Role::Owner);
    if let Some(page) = page() {
        page.forget(sys::getpid());
        page.taken.store(sys::getpid() as u32, Ordering::SeqCst);
        futex::wake_all_shared(&page.taken);
    }
}

/// The owner has found the file deleted when it was about to pass it on.
fn owner_has_found_it_deleted() -> bool {
    page().is_some_and(|page| page.deleted.load(Ordering::SeqCst) != 0)
}

/// The same for a candidate that came too late to open the file: its owner may be at its end.
fn owner_finds_it_deleted() -> bool {
    let start = clock::now();
    while procfs::is_running(mailbox::owner()) && clock::now() - start < AT_ONCE {
        if owner_has_found_it_deleted() {
            return true;
        }
        futex::pause(POLL_INTERVAL);
    }
    owner_has_found_it_deleted()
}

/// The keeper of a candidate: opens the file and waits for its lock. Answers the file if it is
/// ours then, or nothing if it will never be.
pub fn wait_for_baton(config: &Config) -> Option<PidFile> {
    private_table::enter().ok()?;
    let Some(baton) = Baton::open(&config.path) else {
        mailbox::enter(phase::GONE);
        if owner_finds_it_deleted() {
            deletion::terminate(config);
        }
        return None;
    };
    mailbox::enter(phase::STANDBY);
    let mut pause = 10 * POLL_INTERVAL;
    let mut stale = None;
    loop {
        match baton.wait().ok()? {
            Found::Ours => return Some(baton.take()),
            // It was let go for somebody else, or for an instant: by exec(2), or by one who tried.
            Found::Others => {
                baton.let_go();
                futex::pause(pause);
                pause = (pause * 2).min(Duration::from_secs(1));
            }
            // An owner that is passing it on finds that its heir has ended, and takes it back; but
            // if the owner was killed, nobody else will take the file away.
            Found::Stale => {
                let since = *stale.get_or_insert(clock::now());
                if clock::now().saturating_sub(since) > TAKING_BACK {
                    baton.take().remove_stale();
                    return None;
                }
                baton.let_go();
                futex::pause(5 * POLL_INTERVAL);
            }
            Found::Removed => {
                // By the owner, or by one who has taken over the file of an owner that was killed:
                // then this process goes on without a file. Or this host has put one of its own in
                // its place. That it was deleted only the owner knows, as long as it names the owner.
                let mut file = baton.take();
                if file.look_patiently() == Sight::Replaced && file.adopt().is_ok() {
                    return Some(file);
                }
                let sight = file.look_patiently();
                let has_named_us =
                    file.names_us() && sight == Sight::Deleted && !own_hands::has_removed();
                if has_named_us || owner_has_found_it_deleted() {
                    deletion::terminate(config);
                }
                return None;
            }
        }
    }
}
