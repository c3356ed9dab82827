//! Asks for and sets dispositions of signals past libc.

use std::ffi::c_int;

use super::raw;

/// Returns the address of the handler of a signal, SIG_DFL or SIG_IGN; `None` if the kernel does not tell.
///
/// Async-signal-safe, and without thread-local storage.
pub fn handler(signal: c_int) -> Option<usize> {
    // The handler comes first in struct kernel_sigaction of the architectures that this library is for, and none is larger.
    let mut action = [0_u64; 8];
    let (room, size) = (action.as_mut_ptr() as usize, size_of::<u64>());
    let arguments = [signal as usize, 0, room, size, 0, 0];
    // SAFETY: there is room for the action, and none is set.
    let told = unsafe { raw::call(libc::SYS_rt_sigaction, arguments) == 0 };
    told.then_some(action[0] as usize)
}

/// Lets the kernel do what it does by default. Returns whether it was allowed.
///
/// Async-signal-safe, and without thread-local storage.
pub fn set_default(signal: c_int) -> bool {
    // All zeroes is SIG_DFL in every architecture's struct kernel_sigaction, and none is larger.
    let default = [0_u64; 8];
    let (action, size) = (default.as_ptr() as usize, size_of::<u64>());
    let arguments = [signal as usize, action, 0, size, 0, 0];
    // SAFETY: `default` is valid for the whole call, and no old action is asked for.
    unsafe { raw::call(libc::SYS_rt_sigaction, arguments) == 0 }
}
