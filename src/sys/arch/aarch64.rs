//! Holds what depends on aarch64.

use std::ffi::{CStr, c_int, c_long, c_void};

use libc::{siginfo_t, ucontext_t};

use super::calls::calls;
pub use super::copying::*;
pub use super::generic::*;

/// Bytes of stack that a thread of ours gets from libc.
pub const SMALLEST_STACK: usize = libc::PTHREAD_STACK_MIN;
/// The vDSO's name for clock_gettime(2) (vdso(7)).
pub const VDSO_CLOCK: &CStr = c"__kernel_clock_gettime";
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
            "svc #0",
            in("x8") number,
            inlateout("x0") first as isize => answer,
            in("x1") second, in("x2") third, in("x3") fourth, in("x4") fifth, in("x5") sixth,
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
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "blr {entry}",
            "brk #1",
            "2:",
            entry = in(reg) entry,
            in("x8") libc::SYS_clone,
            inlateout("x0") flags as isize => answer,
            in("x1") stack, in("x2") 0, in("x3") 0, in("x4") 0,
            out("x30") _,
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
    // SAFETY: the caller's promise. x20 is preserved by the function.
    unsafe {
        std::arch::asm!(
            "mov x20, sp",
            "mov sp, x1",
            "blr x2",
            "mov sp, x20",
            inout("x1") top => _,
            inout("x2") function => _,
            inout("x0") value => _,
            out("x20") _,
            clobber_abi("C"),
        );
    }
}

/// Says to valgrind, if the process runs under it, that this is a stack (valgrind.h, VALGRIND_STACK_REGISTER).
pub fn tell_valgrind(start: usize, end: usize) {
    const STACK_REGISTER: usize = 0x1501;
    let request = [STACK_REGISTER, start, end, 0, 0, 0];
    // SAFETY: rotates a register by 128 bits in all, and leaves another as it is. Under valgrind the answer is in x3,
    // and the request is read from the address in x4.
    unsafe {
        std::arch::asm!(
            "ror x12, x12, #3",
            "ror x12, x12, #13",
            "ror x12, x12, #51",
            "ror x12, x12, #61",
            "orr x10, x10, x10",
            in("x4") request.as_ptr(),
            inout("x3") 0_usize => _,
            inout("x12") 0_usize => _,
        );
    }
}

/// Returns whether a signal that says it was a fault was one, by what the processor has told the kernel. A fault leaves
/// its syndrome in a record of its own, and the address (arch/arm64/kernel/signal.c, setup_sigframe).
pub fn has_trapped(signal: c_int, info: &siginfo_t, context: &ucontext_t) -> bool {
    // SAFETY: what a fault brings; of another signal it is a number like any other.
    let address = unsafe { info.si_addr() } as u64;
    match signal {
        libc::SIGILL | libc::SIGFPE => address == context.uc_mcontext.pc,
        _ => has_syndrome(context) && address == context.uc_mcontext.fault_address,
    }
}

/// Walks the records behind the registers (arch/arm64/include/uapi/asm/sigcontext.h): magic number and size first.
fn has_syndrome(context: &ucontext_t) -> bool {
    const ESR_MAGIC: u32 = 0x4553_5201;
    const ROOM: usize = 4096;
    // The records are the last field of the structure, which libc keeps private.
    let machine = &raw const context.uc_mcontext;
    let before = size_of_val(&context.uc_mcontext) - ROOM;
    let records = machine.cast::<u8>().wrapping_add(before);
    let mut at = 0;
    while at + 8 <= ROOM {
        // SAFETY: within the 4096 bytes that the frame has for records, which are aligned to 16.
        let (magic, size) = unsafe {
            let record = records.add(at).cast::<u32>();
            (record.read(), record.add(1).read() as usize)
        };
        if magic == ESR_MAGIC {
            return true;
        }
        // The last one is empty; another than a multiple of 16 is none of the kernel's.
        if magic == 0 || size == 0 || !size.is_multiple_of(16) {
            return false;
        }
        at += size;
    }
    false
}

/// The body of a naked function with a list of strings as its arguments from the second one on. It calls `$vector` with
/// the first argument and with where that list begins in memory.
macro_rules! hand_on_list {
    ($vector:ident) => {
        std::arch::naked_asm!(
            ".cfi_startproc",
            "hint #34",
            "sub sp, sp, #80",
            ".cfi_def_cfa_offset 80",
            "stp x29, x30, [sp]",
            ".cfi_offset x29, -80",
            ".cfi_offset x30, -72",
            "str x1, [sp, #24]",
            "stp x2, x3, [sp, #32]",
            "stp x4, x5, [sp, #48]",
            "stp x6, x7, [sp, #64]",
            "add x1, sp, #24",
            "bl {vector}",
            "ldp x29, x30, [sp]",
            "add sp, sp, #80",
            ".cfi_def_cfa_offset 0",
            "ret",
            ".cfi_endproc",
            vector = sym $vector,
        )
    };
}
pub(crate) use hand_on_list;

calls! {
    // Newer architectures have renameat2(2) alone.
    rename(from, to) => SYS_renameat[HERE, from, HERE, to];
}
