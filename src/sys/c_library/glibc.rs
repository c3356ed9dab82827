//! Holds what depends on glibc, from 2.17 on.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::transmute;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::daemon::DaemonStep;
use crate::sys::{Vector, function::LibcFunction, objects};

/// Defines what only glibc has.
macro_rules! of_glibc {
    ($($item:item)*) => { $($item)* };
}
pub(crate) use of_glibc;

/// Defines what only musl has, which is nothing here.
macro_rules! of_musl {
    ($($item:item)*) => {};
}
pub(crate) use of_musl;

// ---- the start ----

/// The host's argument vector. A constructor of the `ctor` crate takes no arguments, and reading /proc/self/cmdline
/// would cost every process three system calls.
static ARGV: AtomicPtr<*const c_char> = AtomicPtr::new(std::ptr::null_mut());

#[used]
#[unsafe(link_section = ".init_array.00099")]
static BEFORE: extern "C" fn(c_int, *mut *const c_char) = remember_arguments;

/// Keeps the arguments of main, which glibc hands to every constructor.
extern "C" fn remember_arguments(_: c_int, argv: *mut *const c_char) {
    ARGV.store(argv, Ordering::Relaxed);
}

/// Returns the host's argument vector.
///
/// Context: host thread before main.
pub fn arguments() -> Vector {
    ARGV.load(Ordering::Relaxed)
}

// ---- the end ----

/// Registers a handler of exit(3). If the list cannot grow, nothing is registered.
pub fn at_exit(handler: extern "C" fn()) {
    // SAFETY: the handler lives as long as the process, because the library is never unloaded (-z nodelete).
    unsafe { libc::atexit(handler) };
}

/// Registers a handler of quick_exit(3). If the list cannot grow, nothing is registered.
pub fn at_quick_exit(handler: extern "C" fn(*mut c_void)) {
    type Register = unsafe extern "C" fn(extern "C" fn(*mut c_void), *mut c_void) -> c_int;
    // What at_quick_exit(3) calls; that one lives in each program's own part of libc.
    static REGISTER: LibcFunction = LibcFunction::new();
    let function = REGISTER.address(c"__cxa_at_quick_exit");
    if !function.is_null() {
        // SAFETY: libc's function of that name and type. The handler lives as long as the process, because the library is
        // never unloaded (-z nodelete).
        unsafe { transmute::<*mut c_void, Register>(function)(handler, std::ptr::null_mut()) };
    }
}

// ---- signals ----

/// The signals by which glibc cancels threads and makes them change their user: SIGCANCEL and SIGSETXID. They are in no
/// set that glibc makes (nptl(7)).
pub const INTERNAL_SIGNALS: &[c_int] = &[32, 33];

/// The first and the last real-time signal: SIGRTMIN and SIGRTMAX (signal(7)).
pub const REALTIME_SIGNALS: (c_int, c_int) = (34, 64);

/// Whether signal(2), by all of its names, sets a handler with SA_RESTART and does nothing else. glibc's blocks the signal
/// in its handler and heeds siginterrupt(3). Its System V variant is another function.
pub const SIGNAL_IS_BARE: bool = false;

// ---- threads ----

/// Creates a key of thread-specific data, as pthread_key_create(3). It is called by a name that is reserved to libc, since
/// one reference is needed: before 2.34 threads are in libpthread, which the linker names only for that.
///
/// # Safety
///
/// As for pthread_key_create(3).
#[cfg_attr(test, expect(dead_code))]
pub unsafe fn create_thread_key(key: *mut c_void, destructor: *const c_void) -> c_int {
    unsafe extern "C" {
        fn __pthread_key_create(key: *mut c_void, destructor: *const c_void) -> c_int;
    }
    // SAFETY: the caller's promise.
    unsafe { __pthread_key_create(key, destructor) }
}

/// Whether libc keeps the stacks of threads that have ended for others.
pub const KEEPS_STACKS: bool = true;

/// Bytes of stack that are enough for a thread that leaves it at once.
pub const SMALLEST_STACK: usize = libc::PTHREAD_STACK_MIN;

/// Returns how many bytes of stack are enough where that is too little: the host has much static TLS.
pub fn enough_stack(attributes: *const libc::pthread_attr_t) -> usize {
    // A name that is reserved to libc, wherever it has it: before 2.34 in libpthread.
    let minimum = objects::next(c"__pthread_get_minstack");
    if minimum.is_null() {
        return 64 * 1024;
    }
    // SAFETY: glibc's function of this name has had this type since it was made for others' use (nptl/nptl-stack.c).
    unsafe {
        let minimum: extern "C" fn(*const libc::pthread_attr_t) -> usize = transmute(minimum);
        minimum(attributes)
    }
}

// ---- fork(2) ----

/// A handler as pthread_atfork(3) takes it.
pub type ForkHandler = Option<unsafe extern "C" fn()>;

/// The function by which fork handlers are registered. pthread_atfork(3) calls it.
pub const REGISTERS_FORK_HANDLERS: &CStr = c"__register_atfork";

/// Whether fork handlers stay for good: see [`take_back_fork_handlers`].
pub const FORK_HANDLERS_STAY: bool = false;

/// Registers fork handlers with a handle.
///
/// # Safety
///
/// `function` is the one of that name.
pub unsafe fn register_fork_handlers(
    function: *mut c_void,
    handlers: [ForkHandler; 3],
    handle: *mut c_void,
) -> c_int {
    type Register =
        unsafe extern "C" fn(ForkHandler, ForkHandler, ForkHandler, *mut c_void) -> c_int;
    let [prepare, parent, child] = handlers;
    // SAFETY: libc's function of that name and type (sysdeps/nptl/fork.h, __register_atfork).
    unsafe {
        let register: Register = transmute(function);
        register(prepare, parent, child, handle)
    }
}

/// Takes back the fork handlers that were registered with a handle.
///
/// # Safety
///
/// Nothing else was registered with it.
pub unsafe fn take_back_fork_handlers(handle: *mut c_void) {
    unsafe extern "C" {
        /// Runs the destructors of an object, as dlclose(3) has it do.
        fn __cxa_finalize(handle: *mut c_void);
    }
    // SAFETY: the caller's promise.
    unsafe { __cxa_finalize(handle) };
}

/// The steps of daemon(3).
pub const DAEMON: &[DaemonStep] = &[
    DaemonStep::Fork,
    DaemonStep::BeginSession,
    DaemonStep::ChangeDirectory { fails: false },
    DaemonStep::RedirectStreams { checks: true },
];
