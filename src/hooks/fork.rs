//! The handlers around fork(2), and what makes a forked child a candidate.

use std::cell::Cell;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::handover::{choose, receive};
use crate::isolation;
use crate::keeper;
use crate::ownership::shared::{self, Page, kind, page};
use crate::ownership::state;
use crate::settings::Follow;
use crate::settings::config::Config;
use crate::settings::exec_state::{self, Role};
use crate::sys::{self, Errno, entry::guarded, sigset::SignalsBlocked};

static CONFIG: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
/// This process, as far as fork(2) handlers have seen it: in a vfork child, or after a raw
/// clone(2), it is another than getpid(), and nothing may be changed.
static SELF: AtomicI32 = AtomicI32::new(0);

thread_local! {
    /// Between the handlers around a fork, how many are under way: a signal handler may fork too.
    static FORKING: Cell<u32> = const { Cell::new(0) };
    /// The place of the child that is forked.
    static PLACE: Cell<Option<usize>> = const { Cell::new(None) };
    /// The host's errno, while a child is forked that has a place.
    static ERRNO: Cell<Errno> = const { Cell::new(Errno(0)) };
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
    if !shared::make_page() {
        return;
    }
    // SAFETY: the handlers live as long as the process.
    unsafe {
        CONFIG.store(std::ptr::from_ref(config).cast_mut(), Ordering::SeqCst);
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
        let takes_part = state::is_owner() || state::is_candidate();
        PLACE.set(None);
        if !takes_part {
            return;
        }
        if FORKING.replace(FORKING.get() + 1) == 0 {
            isolation::lock_heap();
        }
        if state::is_owner() || choose::may_leave_to_next_child() {
            PLACE.set(page().and_then(Page::expect_child));
        }
    });
    // Nobody tells the handlers that a fork has failed. But libc sets errno before it calls them.
    if PLACE.get().is_some() {
        ERRNO.set(sys::errno());
        sys::set_errno(Errno(0));
    }
}

/// Right after a fork: its errno, or 0. Puts back the host's where there was no failure.
fn errno_of_fork() -> Errno {
    if PLACE.get().is_none() {
        return Errno(0);
    }
    let errno = sys::errno();
    if errno == Errno(0) {
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
                isolation::unlock_heap();
            }
            match (page(), place) {
                (Some(page), Some(place)) if errno != Errno(0) => page.expect_no_child(place),
                _ => choose::count_child(),
            }
        }
    });
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
        isolation::unlock_heap();
        let parent = SELF.swap(sys::getpid(), Ordering::SeqCst);
        let parent_owned = state::owner() == parent;
        let is_second = choose::may_leave_to_next_child();
        choose::forget_session();
        state::set_candidate(false);
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
    let (Some(page), Some(config)) = (page(), config()) else {
        return;
    };
    // SAFETY: getppid(2) takes nothing.
    let parent = unsafe { libc::getppid() };
    if SELF.load(Ordering::SeqCst) != sys::getpid() {
        return;
    }
    choose::begin_session();
    // A second candidate would make the case unclear, so there is no need for it to stand by: the
    // backends of a database must not each pay for a thread.
    if parent == state::owner() && !state::is_candidate() {
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
    state::set_candidate(true);
    if stands_by {
        exec_state::take(Role::Standby);
        page.add(kind);
    }
    page.decide();
}

/// After exec(2): this process was a candidate before.
pub fn resume(config: &'static Config) {
    receive::note_exec();
    if keeper::stand_by(config).is_ok() {
        state::set_candidate(true);
    }
}
