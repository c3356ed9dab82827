//! Holds what depends on riscv64. It builds and does the main job in an emulator; the tests have not run there.

use std::ffi::{CStr, c_int, c_long, c_void};

use libc::{siginfo_t, ucontext_t};

use super::calls::calls;
pub use super::copying::*;
pub use super::generic::*;

/// Bytes of stack that a thread of ours gets from libc.
pub const SMALLEST_STACK: usize = libc::PTHREAD_STACK_MIN;
/// The vDSO's name for clock_gettime(2) (vdso(7)).
pub const VDSO_CLOCK: &CStr = c"__vdso_clock_gettime";
/// Bytes below the end of the address space that are never a process's.
pub const NEVER_MAPPED: usize = 0;

/// Makes a system call. Returns what the kernel returns.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[inline(always)]
pub unsafe fn system_call(number: c_long, arguments: [usize; 6]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer;
    // SAFETY: the registers are those of the kernel's calling convention (syscall(2)), which changes the answer only. What
    // the call does to memory is right by this function's contract.
    unsafe {
        std::arch::asm!(
            "ecall",
            in("a7") number,
            inlateout("a0") first as isize => answer,
            in("a1") second, in("a2") third, in("a3") fourth, in("a4") fifth, in("a5") sixth,
            options(nostack)
        );
    }
    answer
}

/// Starts a process by clone(2) that shares this one's memory, and runs `entry` on the stack that ends at `stack`.
/// Returns its PID, or a negative errno.
///
/// # Safety
///
/// `flags` contain `CLONE_VM`. `stack` is the upper end, 16-byte aligned, of memory that nobody else uses until
/// that process has ended.
pub unsafe fn clone_on(flags: usize, stack: *mut u8, entry: extern "C" fn() -> !) -> isize {
    let answer;
    // SAFETY: the parent goes on with its own stack and registers. The child has the new stack and only calls
    // `entry`, which does not return.
    unsafe {
        std::arch::asm!(
            "ecall",
            "bnez a0, 2f",
            "mv s0, zero",
            "jalr {entry}",
            "unimp",
            "2:",
            entry = in(reg) entry,
            in("a7") libc::SYS_clone,
            inlateout("a0") flags as isize => answer,
            in("a1") stack, in("a2") 0, in("a3") 0, in("a4") 0,
            out("ra") _,
        );
    }
    answer
}

/// Calls `function` with its stack below `top`, and returns when it has returned.
///
/// # Safety
///
/// `top` is the aligned end of memory that no other thread uses as its stack, and large enough. The function
/// does not unwind.
pub unsafe fn call_on(top: *mut c_void, function: extern "C" fn(*mut c_void), value: *mut c_void) {
    // SAFETY: the caller's promise. s2 is preserved by the function.
    unsafe {
        std::arch::asm!(
            "mv s2, sp",
            "mv sp, a1",
            "jalr a2",
            "mv sp, s2",
            inout("a1") top => _,
            inout("a2") function => _,
            inout("a0") value => _,
            out("s2") _,
            clobber_abi("C"),
        );
    }
}

/// Says nothing to valgrind about this stack.
pub fn tell_valgrind(_start: usize, _end: usize) {}

/// Returns true: a signal that says it was a fault is taken for one. What the processor has told the kernel is not looked at.
pub fn has_trapped(_signal: c_int, _info: &siginfo_t, _context: &ucontext_t) -> bool {
    true
}

/// The body of a naked function with a list of strings as its arguments from the second one on: calls `$vector` with the first
/// argument and with where that list begins in memory.
macro_rules! hand_on_list {
    ($vector:ident) => {
        std::arch::naked_asm!(
            ".cfi_startproc",
            "addi sp, sp, -80",
            ".cfi_def_cfa_offset 80",
            "sd ra, 8(sp)",
            ".cfi_offset ra, -72",
            "sd a1, 24(sp)",
            "sd a2, 32(sp)",
            "sd a3, 40(sp)",
            "sd a4, 48(sp)",
            "sd a5, 56(sp)",
            "sd a6, 64(sp)",
            "sd a7, 72(sp)",
            "addi a1, sp, 24",
            "call {vector}",
            "ld ra, 8(sp)",
            "addi sp, sp, 80",
            ".cfi_def_cfa_offset 0",
            "ret",
            ".cfi_endproc",
            vector = sym $vector,
        )
    };
}
pub(crate) use hand_on_list;

calls! {
    // There is no older one.
    rename(from, to) => SYS_renameat2[HERE, from, HERE, to, 0];
}
