//! Holds what depends on little-endian powerpc64. It builds and does the main job in an emulator; the tests have not run there.

use std::ffi::{CStr, c_int, c_long, c_void};

use libc::{siginfo_t, ucontext_t};

pub use super::copying::*;
pub use super::older::*;

/// Bytes of stack that a thread of ours gets from libc.
pub const SMALLEST_STACK: usize = libc::PTHREAD_STACK_MIN;
/// The vDSO's name for clock_gettime(2) (vdso(7)).
pub const VDSO_CLOCK: &CStr = c"__kernel_clock_gettime";
/// Bytes below the end of the address space that are never a process's.
pub const NEVER_MAPPED: usize = 0;

/// Makes a system call. Returns what the kernel returns, an error as a negative number.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[inline(always)]
pub unsafe fn system_call(number: c_long, arguments: [usize; 6]) -> isize {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let answer;
    // SAFETY: the registers are those of the kernel's calling convention (Documentation/arch/powerpc/syscall64-abi.rst), which
    // changes those that a function may change but lr. What the call does to memory is right by this function's contract.
    unsafe {
        std::arch::asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            inlateout("r0") number => _,
            inlateout("r3") first as isize => answer,
            inlateout("r4") second => _, inlateout("r5") third => _, inlateout("r6") fourth => _,
            inlateout("r7") fifth => _, inlateout("r8") sixth => _,
            lateout("r9") _, lateout("r10") _, lateout("r11") _, lateout("r12") _,
            lateout("cr0") _, lateout("cr1") _, lateout("cr5") _, lateout("cr6") _, lateout("cr7") _,
            lateout("ctr") _, lateout("xer") _,
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
    // SAFETY: the parent goes on with its own stack and registers. The child has the new stack, on which it makes a frame, and
    // only calls `entry`, which does not return. r14 is one that the kernel hands on to it.
    unsafe {
        std::arch::asm!(
            "sc",
            "bns+ 3f",
            "neg 3, 3",
            "3:",
            "cmpdi 3, 0",
            "bne 2f",
            "li 0, 0",
            "stdu 0, -32(1)",
            "mr 12, 14",
            "mtctr 12",
            "bctrl",
            "trap",
            "2:",
            in("r14") entry,
            inout("r0") libc::SYS_clone => _,
            inout("r3") flags as isize => answer,
            inout("r4") stack => _, inout("r5") 0 => _, inout("r6") 0 => _, inout("r7") 0 => _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
            out("cr0") _, out("cr1") _, out("cr5") _, out("cr6") _, out("cr7") _,
            out("ctr") _, out("xer") _, out("lr") _,
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
    // SAFETY: the caller's promise. r14 is preserved by the function; r2 is kept where the frame has room for it.
    unsafe {
        std::arch::asm!(
            "mr 14, 1",
            "stdu 14, -32(4)",
            "std 2, 24(4)",
            "mr 1, 4",
            "mr 12, 5",
            "mtctr 12",
            "bctrl",
            "ld 2, 24(1)",
            "mr 1, 14",
            inout("r4") top => _,
            inout("r5") function => _,
            inout("r3") value => _,
            out("r14") _,
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
/// argument and with where that list begins in memory. The caller's frame has room for the strings in registers, right
/// below those on its stack. r12 is the address of this function, from which r2 is had.
macro_rules! hand_on_list {
    ($vector:ident) => {
        std::arch::naked_asm!(
            ".cfi_startproc",
            "2:",
            "mflr 0",
            "std 0, 16(1)",
            "std 4, 40(1)",
            "std 5, 48(1)",
            "std 6, 56(1)",
            "std 7, 64(1)",
            "std 8, 72(1)",
            "std 9, 80(1)",
            "std 10, 88(1)",
            "addi 4, 1, 40",
            "stdu 1, -48(1)",
            ".cfi_def_cfa_offset 48",
            ".cfi_offset lr, 16",
            "std 2, 40(1)",
            "addis 2, 12, .TOC.-2b@ha",
            "addi 2, 2, .TOC.-2b@l",
            "bl {vector}",
            "nop",
            "ld 2, 40(1)",
            "addi 1, 1, 48",
            ".cfi_def_cfa_offset 0",
            "ld 0, 16(1)",
            "mtlr 0",
            "blr",
            ".cfi_endproc",
            vector = sym $vector,
        )
    };
}
pub(crate) use hand_on_list;
