//! The handlers around fork(2), and what makes a forked child a candidate.
//!
//! Between a fork and the moment when all fork handlers of the host have run, its allocator may be locked.
//! So the handlers here allocate nothing, take no lock and touch no thread-local storage, which the loader
//! may have to make first. What a child needs of all that comes later: in setsid(2), or in a handler that is
//! always the last one, since whoever registers another has it moved behind that.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

use crate::endings::signals;
use crate::handover::lineage::{self, Birth};
use crate::handover::receive;
use crate::isolation;
use crate::keeper;
use crate::ownership::shared::{self, Kind, page};
use crate::ownership::state;
use crate::settings::config::Config;
use crate::settings::exec_state::{self, Role};
use crate::settings::{Follow, Watch};
use crate::sys::c_library::{self, ForkHandler, of_glibc, of_musl};
use crate::sys::next_symbol::NextFunction;
use crate::sys::{self, Errno, entry::guarded, sigset::SignalsBlocked};

static CONFIG: AtomicPtr<Config> = AtomicPtr::new(std::ptr::null_mut());
/// This process, as far as fork(2) handlers have seen it: in a vfork child, or after a raw
/// clone(2), it is another than getpid(), and nothing may be changed.
static SELF: AtomicI32 = AtomicI32::new(0);
/// As which kind of candidate the last handler shall make this process stand by; 0: none.
static PENDING: AtomicU32 = AtomicU32::new(0);

/// A fork under way, between the handlers. pthread_self(3) names the thread on both sides of it.
struct Fork {
    thread: AtomicUsize,
    /// Forks of one thread can be nested: a signal handler may fork too.
    order: AtomicU32,
    /// What the child will be, as a [`Birth`].
    birth: AtomicU32,
    /// Its place in the shared state, from 1; 0: it has none.
    place: AtomicUsize,
    /// The host's errno, while a child is forked that has a place.
    errno: AtomicI32,
}

static FORKS: [Fork; 32] = [const { Fork::new() }; 32];
static ORDER: AtomicU32 = AtomicU32::new(0);

impl Fork {
    const fn new() -> Self {
        Self {
            thread: AtomicUsize::new(0),
            order: AtomicU32::new(0),
            birth: AtomicU32::new(0),
            place: AtomicUsize::new(0),
            errno: AtomicI32::new(0),
        }
    }

    /// Begins a fork of the calling thread; `None` if too many are under way.
    fn begin() -> Option<&'static Self> {
        let (ours, order) = (thread(), Ordering::SeqCst);
        let free = |fork: &&Self| fork.thread.compare_exchange(0, ours, order, order).is_ok();
        let fork = FORKS.iter().find(free)?;
        fork.order.store(ORDER.fetch_add(1, order), order);
        Some(fork)
    }

    /// Returns the fork of the calling thread that was begun last.
    fn under_way() -> Option<&'static Self> {
        let ours = thread();
        let its = FORKS
            .iter()
            .filter(|fork| fork.thread.load(Ordering::SeqCst) == ours);
        its.max_by_key(|fork| fork.order.load(Ordering::SeqCst))
    }

    fn end(&self) {
        self.place.store(0, Ordering::SeqCst);
        self.thread.store(0, Ordering::SeqCst);
    }
}

fn thread() -> usize {
    // SAFETY: pthread_self(3) takes nothing and always succeeds; it reads the thread register.
    unsafe { libc::pthread_self() as usize }
}

fn config() -> Option<&'static Config> {
    // SAFETY: null, or the configuration, which lives as long as the process.
    unsafe { CONFIG.load(Ordering::SeqCst).as_ref() }
}

/// Called before main in a process that owns the file or may inherit it.
pub fn register(config: &'static Config) {
    SELF.store(sys::getpid(), Ordering::SeqCst);
    if config.follow == Follow::Off || config.watch == Watch::Off || !shared::make_page() {
        return;
    }
    CONFIG.store(std::ptr::from_ref(config).cast_mut(), Ordering::SeqCst);
    let ours = (&raw const HANDLE).cast_mut().cast();
    let handlers: [ForkHandler; 3] = [
        Some(before_fork),
        Some(after_fork_parent),
        Some(after_fork_child),
    ];
    register_next(handlers, ours);
    IS_REGISTERED.store(true, Ordering::SeqCst);
    move_behind_all();
}

// ---- the handlers ----

/// Stands for this library, and the other one for its last handler alone.
static HANDLE: u8 = 0;
static LAST_HANDLE: u8 = 1;
static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
/// Where fork handlers stay for good: how many times the last one was registered, and has been called in this child.
static LAST_REGISTERED: AtomicU32 = AtomicU32::new(0);
static LAST_CALLED: AtomicU32 = AtomicU32::new(0);

fn register_next(handlers: [ForkHandler; 3], handle: *mut c_void) -> c_int {
    static NEXT: NextFunction = NextFunction::new(c_library::REGISTERS_FORK_HANDLERS);
    let next = NEXT.address();
    if next.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the function of that name.
    unsafe { c_library::register_fork_handlers(next, handlers, handle) }
}

/// Makes [`in_child_at_last`] the last of all handlers in a child: they run in the order in which they were
/// registered.
fn move_behind_all() {
    let handle = (&raw const LAST_HANDLE).cast_mut().cast();
    // SAFETY: nothing else was ever registered with this handle. The handler lives as long as the process.
    unsafe { c_library::take_back_fork_handlers(handle) };
    let refused = register_next([None, None, Some(in_child_at_last)], handle);
    if c_library::FORK_HANDLERS_STAY && refused == 0 {
        LAST_REGISTERED.fetch_add(1, Ordering::SeqCst);
    }
}

/// Registers the host's handlers, and ours behind them.
fn register_hosts(handlers: [ForkHandler; 3], handle: *mut c_void) -> c_int {
    let result = register_next(handlers, handle);
    if result == 0 && IS_REGISTERED.load(Ordering::SeqCst) {
        move_behind_all();
    }
    result
}

of_glibc! {
    /// What pthread_atfork(3) calls.
    #[unsafe(no_mangle)]
    pub extern "C" fn __register_atfork(
        prepare: ForkHandler,
        parent: ForkHandler,
        child: ForkHandler,
        dso: *mut c_void,
    ) -> c_int {
        register_hosts([prepare, parent, child], dso)
    }
}

of_musl! {
    /// pthread_atfork(3).
    #[unsafe(no_mangle)]
    pub extern "C" fn pthread_atfork(
        prepare: ForkHandler,
        parent: ForkHandler,
        child: ForkHandler,
    ) -> c_int {
        register_hosts([prepare, parent, child], std::ptr::null_mut())
    }
}

unsafe extern "C" fn before_fork() {
    guarded((), || {
        let birth = lineage::next_birth(SELF.load(Ordering::SeqCst));
        if birth == Birth::Bystander {
            return;
        }
        let Some(fork) = Fork::begin() else { return };
        let place = page().and_then(shared::Page::expect_child);
        fork.birth.store(birth as u32, Ordering::SeqCst);
        fork.place
            .store(place.map_or(0, |place| place + 1), Ordering::SeqCst);
        fork.errno.store(sys::errno().0, Ordering::SeqCst);
    });
    // Nobody tells the handlers that a fork has failed. But libc sets errno before it calls them.
    if Fork::under_way().is_some() {
        sys::set_errno(Errno(0));
    }
}

/// Right after a fork: its errno, or 0. Puts back the host's where there was no failure.
fn errno_of(fork: &Fork) -> Errno {
    let errno = sys::errno();
    if errno == Errno(0) {
        sys::set_errno(Errno(fork.errno.load(Ordering::SeqCst)));
    }
    errno
}

unsafe extern "C" fn after_fork_parent() {
    let Some(fork) = Fork::under_way() else {
        return;
    };
    let errno = errno_of(fork);
    guarded((), || {
        let place = fork.place.load(Ordering::SeqCst).checked_sub(1);
        fork.end();
        if errno == Errno(0) {
            lineage::count_child();
        }
        match (page(), place) {
            (Some(page), Some(place)) if errno == Errno(0) => page.child_is_forked(place),
            (Some(page), Some(place)) => page.expect_no_child(place),
            _ => {}
        }
    });
}

/// In the child, which has one thread now.
unsafe extern "C" fn after_fork_child() {
    let fork = Fork::under_way();
    if let Some(fork) = fork {
        errno_of(fork);
    }
    guarded((), || {
        let process = sys::getpid();
        let parent = SELF.swap(process, Ordering::SeqCst);
        // A child has no file to remove: the kernel ends it by itself, in whatever sandbox it will be. One that may
        // inherit gets them again.
        signals::unhook();
        let (birth, place) = fork.map_or((Birth::Bystander, 0), |fork| {
            let birth = Birth::of(fork.birth.load(Ordering::SeqCst));
            (birth, fork.place.load(Ordering::SeqCst))
        });
        // Those of other threads too: they are not here.
        FORKS.iter().for_each(Fork::end);
        lineage::be_born(birth, parent);
        state::set_candidate(false);
        PENDING.store(0, Ordering::SeqCst);
        if c_library::FORK_HANDLERS_STAY {
            LAST_CALLED.store(0, Ordering::SeqCst);
        }
        let (Some(page), Some(config)) = (page(), config()) else {
            return;
        };
        if birth == Birth::Bystander {
            return;
        }
        isolation::renew_heap();
        if let Some(place) = place.checked_sub(1) {
            page.hold(place);
        }
        let kind = if config.follow == Follow::Fork {
            Some(Kind::AnyChild)
        } else {
            (birth == Birth::OfLeader).then_some(Kind::Second)
        };
        if let Some(kind) = kind {
            page.is_deciding();
            PENDING.store(kind as u32, Ordering::SeqCst);
        }
    });
}

/// In the child, when all other handlers have run.
unsafe extern "C" fn in_child_at_last() {
    if c_library::FORK_HANDLERS_STAY {
        let called = LAST_CALLED.fetch_add(1, Ordering::SeqCst) + 1;
        if called < LAST_REGISTERED.load(Ordering::SeqCst) {
            return;
        }
    }
    guarded((), || {
        let kind = Kind::of(PENDING.swap(0, Ordering::SeqCst));
        if let (Some(kind), Some(page), Some(config)) = (kind, page(), config()) {
            become_candidate(page, config, kind);
        }
    });
}

// ---- a candidate ----

/// Set in a forked child that has confined itself.
static IS_CONFINED: AtomicBool = AtomicBool::new(false);

/// Returns whether this process is a forked child that takes no part. If such a one filters its system calls (seccomp(2))
/// before it begins a session, it is a worker.
pub fn may_be_worker() -> bool {
    state::owner() != 0 && !state::may_be_owner() && !state::is_candidate()
}

/// Records that this process has confined itself: it makes no call more than without the library. Makes none itself.
pub fn is_confined() {
    IS_CONFINED.store(true, Ordering::SeqCst);
}

/// This process has called setsid(2).
pub fn session_begun() {
    if IS_CONFINED.load(Ordering::SeqCst) {
        return;
    }
    let (Some(page), Some(config)) = (page(), config()) else {
        return;
    };
    if SELF.load(Ordering::SeqCst) != sys::getpid() {
        return;
    }
    let kind = lineage::begin_session();
    if let Some(kind) = kind.filter(|_| !state::is_candidate()) {
        // Where there are more than two the case is unclear: the backends of a database must not each pay for
        // a thread.
        if page.leaders() >= 2 {
            page.add(Kind::ExtraLeader, 0);
        } else {
            become_candidate(page, config, kind);
        }
    }
    page.decide();
}

fn become_candidate(page: &'static shared::Page, config: &'static Config, kind: Kind) {
    let _blocked = SignalsBlocked::new();
    page.is_deciding();
    signals::hook(config.signal);
    let stands_by = keeper::stand_by(config).is_ok();
    // Also one for which there is no file any more: its second must learn of the deletion, too.
    state::set_candidate(true);
    if stands_by {
        exec_state::take(Role::Standby);
        page.add(kind, receive::address());
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
