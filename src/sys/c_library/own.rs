//! Calls functions of libc's own, whoever else has one: those that any libc has by the same name and type.

use std::ffi::{c_int, c_ulong, c_void};
use std::mem::transmute;

use libc::sigaction as Action;

use crate::sys::function::LibcFunction;

/// Calls getauxval(3).
#[cfg_attr(test, expect(dead_code))]
pub fn getauxval(kind: c_ulong) -> c_ulong {
    // In a page that the loader writes to anyway: each start looks it up.
    #[unsafe(link_section = ".data")]
    static GETAUXVAL: LibcFunction = LibcFunction::new();
    let function = GETAUXVAL.address(c"getauxval");
    if function.is_null() {
        // In doubt the library does nothing, as in secure-execution mode.
        return c_ulong::from(kind == libc::AT_SECURE);
    }
    // SAFETY: libc's function of that name and type, which takes any number.
    unsafe { transmute::<*mut c_void, extern "C" fn(c_ulong) -> c_ulong>(function)(kind) }
}

/// Calls libc's own sigaction(2), whoever else has one.
///
/// # Safety
///
/// As for sigaction(2).
pub unsafe fn sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int {
    type Sigaction = unsafe extern "C" fn(c_int, *const Action, *mut Action) -> c_int;
    static SIGACTION: LibcFunction = LibcFunction::new();
    let function = SIGACTION.address(c"sigaction");
    if function.is_null() {
        return -1;
    }
    // SAFETY: libc's function of that name and type; the caller's promise.
    unsafe { transmute::<*mut c_void, Sigaction>(function)(signal, action, old) }
}
