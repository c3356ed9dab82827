//! Has handlers run around fork(2), and keeps one of them the last of all.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::hooks::candidate::{SELF, set_config};
use crate::hooks::fork_handlers::{
    after_fork_bystander, after_fork_child, after_fork_parent, before_fork, count_last,
    in_child_at_last,
};
use crate::ownership::shared;
use crate::settings::config::Config;
use crate::settings::{Follow, Watch};
use crate::sys;
use crate::sys::c_library::{self, ForkHandler, of_glibc, of_musl};
use crate::sys::function::NextFunction;

/// Names this library to libc.
static HANDLE: u8 = 0;
/// Names the last handler to libc.
static LAST_HANDLE: u8 = 1;
static IS_REGISTERED: AtomicBool = AtomicBool::new(false);

/// Has the handlers called around each fork of this process, which owns the file or may inherit it. If the settings let nobody
/// inherit, a child only gets the signals' own default actions back.
///
/// Context: host thread before main.
pub fn register(config: &'static Config) {
    SELF.store(sys::getpid(), Ordering::SeqCst);
    let ours = (&raw const HANDLE).cast_mut().cast();
    if config.follow == Follow::Off || config.watch == Watch::Off || !shared::share_state() {
        register_next([None, None, Some(after_fork_bystander)], ours);
        return;
    }
    set_config(config);
    let handlers: [ForkHandler; 3] = [
        Some(before_fork),
        Some(after_fork_parent),
        Some(after_fork_child),
    ];
    register_next(handlers, ours);
    IS_REGISTERED.store(true, Ordering::SeqCst);
    move_behind_all();
}

/// Registers handlers with the next definition of libc's function, which is libc's own.
fn register_next(handlers: [ForkHandler; 3], handle: *mut c_void) -> c_int {
    static NEXT: NextFunction = NextFunction::new();
    let next = NEXT.address(c_library::REGISTERS_FORK_HANDLERS);
    if next.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: `next` is the function that the name stands for.
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
        count_last();
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
    /// Replaces the function that pthread_atfork(3) calls.
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
    /// Replaces pthread_atfork(3).
    #[unsafe(no_mangle)]
    pub extern "C" fn pthread_atfork(
        prepare: ForkHandler,
        parent: ForkHandler,
        child: ForkHandler,
    ) -> c_int {
        register_hosts([prepare, parent, child], std::ptr::null_mut())
    }
}
