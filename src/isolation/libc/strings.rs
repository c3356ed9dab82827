//! Copies and compares memory and strings. The compiler calls these functions too, wherever it likes.
//!
//! Loops that the compiler could recognise would become calls of themselves. So bytes are copied and set
//! by one instruction where there is one, and read one by one elsewhere; what we copy is short.

use std::ffi::{c_char, c_int, c_void};

use super::of_libc;
use crate::sys::arch;

of_libc! {
    __xpg_strerror_r(errno: c_int, text: *mut c_char, size: usize) -> c_int, or libc::ENOSYS;
}

unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { arch::copy(to, from, size) };
    to
}

unsafe extern "C" fn memset(to: *mut u8, byte: c_int, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { arch::fill(to, byte as u8, size) };
    to
}

unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, size: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= size {
        // SAFETY: the caller's promise; going up, no byte is overwritten before it is read.
        return unsafe { memcpy(to, from, size) };
    }
    for at in (0..size).rev() {
        // SAFETY: the caller's promise; going down, no byte is overwritten before it is read.
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
    to
}

unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, size: usize) -> c_int {
    for at in 0..size {
        // SAFETY: the caller's promise.
        let (one, other) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if one != other {
            return c_int::from(one) - c_int::from(other);
        }
    }
    0
}

unsafe extern "C" fn bcmp(one: *const c_void, other: *const c_void, size: usize) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { memcmp(one.cast(), other.cast(), size) }
}

unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller's promise: there is a zero byte.
    while unsafe { string.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

unsafe extern "C" fn strcmp(one: *const u8, other: *const u8) -> c_int {
    let mut at = 0;
    loop {
        // SAFETY: the caller's promise: both end in a zero byte.
        let (one, other) = unsafe { (one.add(at).read_volatile(), other.add(at).read_volatile()) };
        if one != other || one == 0 {
            return c_int::from(one) - c_int::from(other);
        }
        at += 1;
    }
}

/// The unwinder for arm64 calls it.
unsafe extern "C" fn strchr(string: *const u8, byte: c_int) -> *const u8 {
    let mut at = string;
    // SAFETY: the caller's promise: there is a zero byte.
    unsafe {
        loop {
            match at.read_volatile() {
                found if found == byte as u8 => return at,
                0 => return std::ptr::null(),
                _ => at = at.add(1),
            }
        }
    }
}

crate::isolation::wrap::wrap!(
    memcpy,
    memmove,
    memset,
    memcmp,
    bcmp,
    strlen,
    strcmp,
    strchr,
    __xpg_strerror_r
);
