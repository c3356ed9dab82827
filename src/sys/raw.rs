//! System calls by the instruction itself: no name that a program could have taken stands between us and
//! the kernel.

use std::ffi::c_long;

/// Makes the system call `number` and returns the kernel's answer: -4095 to -1 are negative errno values.
///
/// Async-signal-safe: touches no memory but what the call itself does, and no thread-local storage.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub unsafe fn call(number: c_long, arguments: [usize; 6]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer;
    // SAFETY: the kernel's calling convention (syscall(2)); rcx and r11 are named as clobbered. What the
    // call does to memory is the caller's promise.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => answer,
            in("rdi") first, in("rsi") second, in("rdx") third,
            in("r10") fourth, in("r8") fifth, in("r9") sixth,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    answer
}

/// Makes the system call `number` and returns the kernel's answer: -4095 to -1 are negative errno values.
///
/// Async-signal-safe: touches no memory but what the call itself does, and no thread-local storage.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub unsafe fn call(number: c_long, arguments: [usize; 6]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer;
    // SAFETY: the kernel's calling convention (syscall(2)). What the call does to memory is the caller's
    // promise.
    unsafe {
        std::arch::asm!(
            "svc #0",
            in("x8") number,
            inlateout("x0") first as isize => answer,
            in("x1") second, in("x2") third, in("x3") fourth, in("x4") fifth, in("x5") sixth,
            options(nostack)
        );
    }
    answer
}
