//! Holds what depends on x86-64.

use std::ffi::{CStr, c_int, c_long, c_void};

use libc::{siginfo_t, ucontext_t};

pub use super::older::*;

/// Bytes of stack that a thread of ours gets from libc.
pub const SMALLEST_STACK: usize = libc::PTHREAD_STACK_MIN;
/// The vDSO's name for clock_gettime(2) (vdso(7)).
pub const VDSO_CLOCK: &CStr = c"__vdso_clock_gettime";
/// Bytes below the end of the address space that are never a process's (arch/x86/include/asm/page_64_types.h).
pub const NEVER_MAPPED: usize = 4096;

/// Makes a system call. Returns what the kernel returns.
///
/// # Safety
///
/// The arguments meet what the manual page of the call asks for.
#[inline(always)]
pub unsafe fn system_call(number: c_long, arguments: [usize; 6]) -> isize {
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
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "call {entry}",
            "ud2",
            "2:",
            entry = in(reg) entry,
            inlateout("rax") libc::SYS_clone as isize => answer,
            in("rdi") flags, in("rsi") stack, in("rdx") 0, in("r10") 0, in("r8") 0,
            // Not late: the child reads `entry` after the system call.
            out("rcx") _, out("r11") _,
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
    // SAFETY: the caller's promise. r12 is preserved by the function; calls and returns stay paired, as a shadow
    // stack demands.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, rcx",
            "call rdx",
            "mov rsp, r12",
            inout("rcx") top => _,
            inout("rdx") function => _,
            inout("rdi") value => _,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}

/// Says to valgrind, if the process runs under it, that this is a stack. valgrind takes what is below the stack pointer
/// for undefined, and would otherwise take the switch for a very large frame. To the processor it is nothing
/// (valgrind.h, VALGRIND_STACK_REGISTER).
pub fn tell_valgrind(start: usize, end: usize) {
    const STACK_REGISTER: usize = 0x1501;
    let request = [STACK_REGISTER, start, end, 0, 0, 0];
    // SAFETY: rotates a register by 128 bits in all, and exchanges another with itself. Under valgrind the answer is
    // in rdx, and the request is read from the address in rax.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") 0_usize => _,
            inout("rdi") 0_usize => _,
        );
    }
}

/// Returns whether a signal that says it was a fault was one, by what the processor has told the kernel (arch/x86/kernel/traps.c,
/// arch/x86/mm/fault.c).
pub fn has_trapped(signal: c_int, info: &siginfo_t, context: &ucontext_t) -> bool {
    const PAGE_FAULT: i64 = 14;
    let register = |which: c_int| context.uc_mcontext.gregs.get(which as usize).copied();
    // SAFETY: what a fault brings; of another signal it is a number like any other.
    let address = Some(unsafe { info.si_addr() } as i64);
    match (signal, register(libc::REG_TRAPNO)) {
        (libc::SIGILL | libc::SIGFPE, _) => address == register(libc::REG_RIP),
        (_, Some(0)) => false,
        (_, Some(PAGE_FAULT)) => address == register(libc::REG_CR2),
        _ => true,
    }
}

/// The body of a naked function with a list of strings as its arguments from the second one on. It calls `$vector` with
/// the first argument and with where that list begins in memory. The return address lies between the strings in
/// registers and those on the stack, so it makes room and comes back.
macro_rules! hand_on_list {
    ($vector:ident) => {
        std::arch::naked_asm!(
            ".cfi_startproc",
            "endbr64",
            "pop r10",
            "push r9",
            "push r8",
            "push rcx",
            "push rdx",
            "push rsi",
            "mov rsi, rsp",
            "push r10",
            // What the stack holds above the return address, for who unwinds it.
            ".cfi_def_cfa_offset 48",
            ".cfi_offset rip, -48",
            "call {vector}",
            "pop r10",
            "add rsp, 40",
            "push r10",
            ".cfi_def_cfa_offset 8",
            ".cfi_offset rip, -8",
            "ret",
            ".cfi_endproc",
            vector = sym $vector,
        )
    };
}
pub(crate) use hand_on_list;

/// Copies memory, from the first byte on. memcpy(3) is made of it, so no loop may become a call of that.
///
/// # Safety
///
/// As of memcpy(3); `to` may lie below `from` in the same memory.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, size: usize) {
    // SAFETY: the caller's promise; the direction flag is clear, as the ABI demands.
    unsafe {
        std::arch::asm!("rep movsb", inout("rcx") size => _, inout("rdi") to => _, inout("rsi") from => _,
            options(nostack, preserves_flags));
    }
}

/// Sets memory. memset(3) is made of it, so no loop may become a call of that.
///
/// # Safety
///
/// As of memset(3).
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, size: usize) {
    // SAFETY: the caller's promise; the direction flag is clear, as the ABI demands.
    unsafe {
        std::arch::asm!("rep stosb", inout("rcx") size => _, inout("rdi") to => _, in("al") byte,
            options(nostack, preserves_flags));
    }
}
