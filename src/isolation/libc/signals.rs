//! Blocks and takes signals. Sets are the kernel's 64 bits, with which libc's begin.

use std::ffi::c_int;

use super::system_calls;
use crate::sys::sigset::INTERNAL;
use crate::sys::{Errno, errno, raw};

const SET: usize = size_of::<u64>();

system_calls! {
    sigpending(set) => SYS_rt_sigpending[set, SET];
    sigtimedwait(set, info, limit) => SYS_rt_sigtimedwait[set, info, limit, SET];
}

/// Does what sigprocmask(2) does. Never touches the signals that libc keeps for itself, as libc does not. With one of
/// them blocked, a setuid(2) of the host would wait for that thread for ever.
unsafe extern "C-unwind" fn sigprocmask(how: usize, set: *const u64, old: *mut u64) -> isize {
    // SAFETY: null, or the caller's set.
    let wanted = unsafe { set.as_ref() }.map(|set| *set & !INTERNAL);
    let set = wanted.as_ref().map_or(0, |set| &raw const *set as usize);
    // SAFETY: null or a set of ours; null or the caller's room for one.
    unsafe { super::call(libc::SYS_rt_sigprocmask, [how, set, old as usize, SET]) }
}

unsafe extern "C-unwind" fn pthread_sigmask(how: usize, set: *const u64, old: *mut u64) -> c_int {
    let before = errno();
    // SAFETY: the caller's promise.
    if unsafe { sigprocmask(how, set, old) } == 0 {
        return 0;
    }
    let Errno(why) = errno();
    crate::sys::set_errno(before);
    why
}

extern "C-unwind" fn raise(signal: usize) -> isize {
    // SAFETY: these take numbers only.
    unsafe {
        let process = raw::call(libc::SYS_getpid, []) as usize;
        let thread = raw::call(libc::SYS_gettid, []) as usize;
        super::call(libc::SYS_tgkill, [process, thread, signal])
    }
}

crate::isolation::wrap::wrap!(sigprocmask, pthread_sigmask, raise);
