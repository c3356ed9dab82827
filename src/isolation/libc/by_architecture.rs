//! Makes the calls for which architectures have different system calls.

use std::ffi::{c_int, c_long};

use super::answer;
use crate::sys::{arch, raw};

/// Functions that do nothing but make the system call of this architecture.
macro_rules! calls {
    ($($name:ident($($argument:ident),*);)+) => { $(
        unsafe extern "C-unwind" fn $name($($argument: usize),*) -> isize {
            // SAFETY: the contract of the function is the system call's.
            answer(unsafe { raw::make(arch::$name($($argument),*)) })
        }
    )+ };
}

calls! {
    dup2(fd, to);
    link(path, to);
    pause();
    readlink(path, to, size);
    rmdir(path);
}

unsafe extern "C-unwind" fn poll(fds: usize, count: usize, milliseconds: c_int) -> isize {
    if let Some(number) = arch::POLL {
        // SAFETY: the caller's promise.
        return unsafe { super::call(number, [fds, count, milliseconds as usize]) };
    }
    let time = libc::timespec {
        tv_sec: c_long::from(milliseconds / 1000),
        tv_nsec: c_long::from(milliseconds % 1000) * 1_000_000,
    };
    let limit = if milliseconds < 0 {
        0
    } else {
        &raw const time as usize
    };
    // SAFETY: the caller's promise; the time lives as long as the call.
    unsafe { super::call(libc::SYS_ppoll, [fds, count, limit, 0, size_of::<u64>()]) }
}

crate::isolation::wrap::wrap!(dup2, link, pause, poll, readlink, rmdir);
