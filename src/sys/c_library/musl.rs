//! Holds what depends on musl, from 1.2 on.
//!
//! It exports no second, reserved names of its functions: so its own definition is looked up where a host or a preload
//! may have another.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem::transmute;
use std::ptr;

use super::daemon::DaemonStep;
use super::own::getauxval;
use crate::sys::{Vector, environment, function::LibcFunction, objects};

/// Defines what only glibc has, which is nothing here.
macro_rules! of_glibc {
    ($($item:item)*) => {};
}
pub(crate) use of_glibc;

/// Defines what only musl has.
macro_rules! of_musl {
    ($($item:item)*) => { $($item)* };
}
pub(crate) use of_musl;

// ---- the start ----

/// Returns the host's argument vector, which musl hands to no constructor; null if it is not found.
///
/// ```text
/// stack of the main thread, upwards:  here … argc argv… null environ… null auxv… the bytes of AT_RANDOM
/// ```
///
/// Context: host thread before main. Whoever has replaced the environment by then (another preload) has it elsewhere.
pub fn arguments() -> Vector {
    let mark = 0_u8;
    let here = &raw const mark as usize;
    let environment = environment();
    let end = getauxval(libc::AT_RANDOM) as usize;
    if !(here..end).contains(&(environment as usize)) {
        return ptr::null();
    }
    // SAFETY: all between the two is the stack, which is mapped. argc is a word before the vector, and no argument is
    // at an address as low as a count.
    unsafe {
        let mut slot = environment.sub(1);
        if !(*slot).is_null() {
            return ptr::null();
        }
        let mut count = 0;
        while slot as usize > here + size_of::<*const c_char>() {
            slot = slot.sub(1);
            if *slot as usize == count {
                return slot.add(1);
            }
            count += 1;
        }
    }
    ptr::null()
}

// ---- the end ----

/// Registers a handler of exit(3). If the list cannot grow, nothing is registered.
pub fn at_exit(handler: extern "C" fn()) {
    unsafe extern "C" {
        // What atexit(3) calls, by a name that is reserved for it.
        fn __cxa_atexit(
            handler: extern "C" fn(*mut c_void),
            value: *mut c_void,
            dso: *mut c_void,
        ) -> c_int;
    }
    extern "C" fn call(handler: *mut c_void) {
        // SAFETY: the one that is handed over below.
        unsafe { transmute::<*mut c_void, extern "C" fn()>(handler)() };
    }
    // SAFETY: the handler lives as long as the process: musl never unloads a library.
    unsafe { __cxa_atexit(call, handler as *mut c_void, ptr::null_mut()) };
}

/// Registers a handler of quick_exit(3). If the list cannot grow, nothing is registered.
pub fn at_quick_exit(handler: extern "C" fn(*mut c_void)) {
    type Handler = extern "C" fn(*mut c_void);
    let register = objects::of_libc(c"at_quick_exit");
    if !register.is_null() {
        // SAFETY: libc's function of that name. It calls the handler without an argument, which the handler does not
        // look at: by the calling convention that is what a register happens to hold.
        unsafe { transmute::<*const c_void, extern "C" fn(Handler) -> c_int>(register)(handler) };
    }
}

// ---- signals ----

/// The signals by which musl runs timers, cancels threads and has all of them make a system call: SIGTIMER, SIGCANCEL
/// and SIGSYNCCALL. They are in no set that musl makes.
pub const INTERNAL_SIGNALS: &[c_int] = &[32, 33, 34];

/// The first and the last real-time signal: SIGRTMIN and SIGRTMAX (signal(7)).
pub const REALTIME_SIGNALS: (c_int, c_int) = (35, 64);

/// Whether signal(2) sets a handler with SA_RESTART and does nothing else, by all of its names (`__sysv_signal` too). It takes
/// even SIG_ERR for one.
pub const SIGNAL_IS_BARE: bool = true;

// ---- threads ----

/// Creates a key of thread-specific data, as pthread_key_create(3).
///
/// # Safety
///
/// As for pthread_key_create(3).
pub unsafe fn create_thread_key(key: *mut c_void, destructor: *const c_void) -> c_int {
    type Create = unsafe extern "C" fn(*mut c_void, *const c_void) -> c_int;
    static CREATE: LibcFunction = LibcFunction::new();
    let function = CREATE.address(c"pthread_key_create");
    if function.is_null() {
        return libc::ENOSYS;
    }
    // SAFETY: libc's function of that name and type; the caller's promise.
    unsafe { transmute::<*mut c_void, Create>(function)(key, destructor) }
}

/// Whether libc keeps the stacks of threads that have ended for others.
pub const KEEPS_STACKS: bool = false;

/// Bytes of stack that are enough for a thread that leaves it at once. musl itself asks for no more than 2 KiB, in
/// which the kernel's frame of a signal may have no room.
pub const SMALLEST_STACK: usize = 16 * 1024;

/// Returns how many bytes of stack are enough where that is too little, which it never is: musl adds the room for TLS.
pub fn enough_stack(_: *const libc::pthread_attr_t) -> usize {
    64 * 1024
}

// ---- fork(2) ----

/// A handler as pthread_atfork(3) takes it.
pub type ForkHandler = Option<unsafe extern "C" fn()>;

/// The function by which fork handlers are registered.
pub const REGISTERS_FORK_HANDLERS: &CStr = c"pthread_atfork";

/// Whether fork handlers stay for good: see [`take_back_fork_handlers`].
pub const FORK_HANDLERS_STAY: bool = true;

/// Registers fork handlers; musl knows no handle.
///
/// # Safety
///
/// `function` is the one of that name.
pub unsafe fn register_fork_handlers(
    function: *mut c_void,
    handlers: [ForkHandler; 3],
    _: *mut c_void,
) -> c_int {
    type Register = unsafe extern "C" fn(ForkHandler, ForkHandler, ForkHandler) -> c_int;
    let [prepare, parent, child] = handlers;
    // SAFETY: libc's function of that name and type.
    unsafe { transmute::<*mut c_void, Register>(function)(prepare, parent, child) }
}

/// Takes back nothing: musl cannot.
///
/// # Safety
///
/// None is needed.
pub unsafe fn take_back_fork_handlers(_: *mut c_void) {}

/// The steps of daemon(3).
pub const DAEMON: &[DaemonStep] = &[
    DaemonStep::ChangeDirectory { fails: true },
    DaemonStep::RedirectStreams { checks: false },
    DaemonStep::Fork,
    DaemonStep::BeginSession,
    DaemonStep::Fork,
];
