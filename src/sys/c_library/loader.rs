//! Finds the loader's list of objects, and which of them is the C library.

use std::ffi::{CStr, c_void};

/// The beginning of an r_debug (link.h).
#[repr(C)]
struct Debug {
    version: i32,
    first: *const c_void,
    /// What a debugger watches, and whether the list is complete.
    on_change: usize,
    state: i32,
    /// Where the loader itself is mapped.
    loader_base: usize,
}

/// Returns the first entry of the list; null if there is none.
#[cfg(target_env = "gnu")]
pub fn first() -> *const c_void {
    unsafe extern "C" {
        /// By a name that is reserved to the implementation.
        static _r_debug: Debug;
    }
    // SAFETY: the loader's, which has filled it in before any constructor runs.
    unsafe { _r_debug.first }
}

/// Returns whether an object is the C library, or the part of it that has the threads before glibc 2.34.
#[cfg(target_env = "gnu")]
pub fn is_libc(_: usize, soname: Option<&CStr>) -> bool {
    soname == Some(c"libc.so.6") || soname == Some(c"libpthread.so.0")
}

#[cfg(target_env = "musl")]
fn debug() -> &'static Debug {
    unsafe extern "C" {
        /// By a name that is reserved to the implementation.
        static _dl_debug_addr: &'static Debug;
    }
    // SAFETY: the loader's pointer to what it has filled in before any constructor runs.
    unsafe { _dl_debug_addr }
}

/// Returns the first entry of the list; null if there is none.
#[cfg(target_env = "musl")]
pub fn first() -> *const c_void {
    debug().first
}

/// Returns whether an object is the C library: musl's is its loader too. Its name differs from system to system.
#[cfg(target_env = "musl")]
pub fn is_libc(base: usize, _: Option<&CStr>) -> bool {
    base == debug().loader_base
}
