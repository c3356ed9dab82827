//! Replaces what std would otherwise take from the host on our behalf.
//!
//! The linker sends our own calls of some libc functions to functions of ours (`--wrap`, see
//! build.rs and [`super::heap`]); the host's calls of them are not concerned.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

/// Makes functions of a module those that `--wrap` calls for. The symbols are hidden: nothing more
/// is exported.
macro_rules! wrap {
    ($($name:ident),+) => {
        core::arch::global_asm!(
            $(
                concat!(".globl __wrap_", stringify!($name)),
                concat!(".hidden __wrap_", stringify!($name)),
                concat!(".set __wrap_", stringify!($name), ", {", stringify!($name), "}"),
            )+
            $($name = sym $name),+
        );
    };
}
pub(crate) use wrap;

/// Bytes of stack for the thread that notify starts: PTHREAD_STACK_MIN, to which std adds what the host's static TLS
/// needs (see [`super::stacks`]).
const NOTIFY_STACK: &CStr = c"16384";

/// Returns what std asks the environment for: the size of stacks, and whether to print backtraces, which we never do. What
/// a Rust host sets for itself is not meant for us.
unsafe extern "C" fn getenv(name: *const c_char) -> *const c_char {
    // SAFETY: getenv(3) takes a C string.
    if unsafe { CStr::from_ptr(name) } == c"RUST_MIN_STACK" {
        NOTIFY_STACK.as_ptr()
    } else {
        ptr::null()
    }
}

/// Registers no destructor of thread locals, as std asks for: libc's list of them comes from the host's malloc. Those of our
/// threads need not run.
extern "C" fn __cxa_thread_atexit_impl(_: *mut c_void, _: *mut c_void, _: *mut c_void) -> c_int {
    0
}

wrap!(getenv, __cxa_thread_atexit_impl);
