//! System calls by the instruction itself: no function that a program could have replaced stands between us and the
//! kernel, and no thread register has to be libc's.

use std::ffi::c_long;

/// Makes the system call `number` with at most six arguments; the rest are zeroes. Returns what the kernel returns: -4095 to
/// -1 are negative errno values.
///
/// Async-signal-safe: touches no memory but what the call itself does, and no thread-local storage.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[inline(always)]
pub unsafe fn call<const N: usize>(number: c_long, arguments: [usize; N]) -> isize {
    const { assert!(N <= 6) };
    let mut all = [0; 6];
    for (slot, argument) in all.iter_mut().zip(arguments) {
        *slot = argument;
    }
    // SAFETY: the arguments are right by this function's contract.
    unsafe { call_with(number, all) }
}

/// Makes a system call.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn call_with(number: c_long, arguments: [usize; 6]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer;
    // SAFETY: the registers are those of the kernel's calling convention (syscall(2)), which changes rcx and r11 besides
    // the answer. What the call does to memory is right by this function's contract.
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

/// Makes a system call.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
unsafe fn call_with(number: c_long, arguments: [usize; 6]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer;
    // SAFETY: the registers are those of the kernel's calling convention (syscall(2)), which changes the answer only. What
    // the call does to memory is right by this function's contract.
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
