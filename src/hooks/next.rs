//! Finds what the host's calls go on to: the next definition of each name, in the order of LD_PRELOAD.
//!
//! That is libc's function, or that of another preload behind this one (fakechroot and the like), and whatever it
//! answers is the host's. Nothing else of the library calls these: what we do ourselves goes to the kernel
//! (`sys`), never through a name.
//!
//! Async-signal-safe as far as the function itself is: see [`NextFunction::address`].

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::mem::transmute;

use libc::{SIG_ERR, sighandler_t};

use crate::sys::c_library::of_glibc;
use crate::sys::function::{NextFunction, name};
use crate::sys::{self, Errno, Vector};

macro_rules! next {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, or $missing:expr;)+) => { $(
        /// Calls the next definition of this function.
        ///
        /// # Safety
        ///
        /// As in its manual page.
        pub unsafe extern "C-unwind" fn $name($($argument: $type),*) -> $result {
            static NEXT: NextFunction = NextFunction::new();
            let next = NEXT.address(name!($name));
            if next.is_null() {
                return missing($missing);
            }
            // SAFETY: a function of that name has that type; the caller's promise.
            unsafe {
                transmute::<*mut std::ffi::c_void, unsafe extern "C-unwind" fn($($type),*) -> $result>(next)($($argument),*)
            }
        }
    )+ };
}

next! {
    daemon(keep_directory: c_int, keep_streams: c_int) -> c_int, or -1;
    flock(fd: c_int, operation: c_int) -> c_int, or -1;
    prctl(option: c_int, second: c_ulong, third: c_ulong, fourth: c_ulong, fifth: c_ulong) -> c_int, or -1;
    remove(path: *const c_char) -> c_int, or -1;
    rename(path: *const c_char, to: *const c_char) -> c_int, or -1;
    renameat(from: c_int, path: *const c_char, to_from: c_int, to: *const c_char) -> c_int, or -1;
    setsid() -> libc::pid_t, or -1;
    unlink(path: *const c_char) -> c_int, or -1;
    unlinkat(from: c_int, path: *const c_char, flags: c_int) -> c_int, or -1;

    execve(path: *const c_char, argv: Vector, envp: Vector) -> c_int, or -1;
    execv(path: *const c_char, argv: Vector) -> c_int, or -1;
    execvp(file: *const c_char, argv: Vector) -> c_int, or -1;
    execvpe(file: *const c_char, argv: Vector, envp: Vector) -> c_int, or -1;
    fexecve(fd: c_int, argv: Vector, envp: Vector) -> c_int, or -1;
    posix_spawn(pid: *mut libc::pid_t, path: *const c_char, actions: *const c_void, attributes: *const c_void,
        argv: Vector, envp: Vector) -> c_int, or libc::ENOSYS;
    posix_spawnp(pid: *mut libc::pid_t, file: *const c_char, actions: *const c_void, attributes: *const c_void,
        argv: Vector, envp: Vector) -> c_int, or libc::ENOSYS;

    sigaction(signal: c_int, action: *const libc::sigaction, old: *mut libc::sigaction) -> c_int, or -1;
    siginterrupt(signal: c_int, interrupts: c_int) -> c_int, or -1;
    bsd_signal(signal: c_int, handler: sighandler_t) -> sighandler_t, or SIG_ERR;
    signal(signal: c_int, handler: sighandler_t) -> sighandler_t, or SIG_ERR;
    sigset(signal: c_int, disposition: sighandler_t) -> sighandler_t, or SIG_ERR;
    __sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t, or SIG_ERR;
}

of_glibc! {
    next! {
        execveat(directory: c_int, path: *const c_char, argv: Vector, envp: Vector, flags: c_int) -> c_int, or -1;
        ssignal(signal: c_int, handler: sighandler_t) -> sighandler_t, or SIG_ERR;
        sysv_signal(signal: c_int, handler: sighandler_t) -> sighandler_t, or SIG_ERR;
    }
}

/// Answers for a function that there is not: no libc is without one, but a program may load us into anything.
#[cold]
fn missing<T>(answer: T) -> T {
    sys::set_errno(Errno(libc::ENOSYS));
    answer
}

const EXIT_NAME: &CStr = c"_exit";
// In a page that the loader writes to anyway: each start looks it up.
#[unsafe(link_section = ".data")]
static EXIT: NextFunction = NextFunction::new();

/// Ends the process by the next definition of _exit(2). libc's _Exit(3) is the same function.
#[inline(always)]
pub fn exit(status: c_int) -> ! {
    let next = EXIT.address_here(EXIT_NAME);
    if !next.is_null() {
        // SAFETY: a function of that name has that type. One that returns has failed to end the process.
        unsafe { transmute::<*mut std::ffi::c_void, extern "C-unwind" fn(c_int)>(next)(status) };
    }
    sys::exit_group(status)
}

/// Looks up what every forked child of this process is going to call, once for all of them.
pub fn prepare() {
    EXIT.address(EXIT_NAME);
}
