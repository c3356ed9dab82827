//! execl, execlp and execle: exec(3) with a list of arguments instead of a vector.
//!
//! Rust cannot define a function with a variable number of arguments. But by the calling conventions such a list nearly
//! is a vector: its first strings are in registers, and the others lie one after the other on the caller's stack. So each
//! function stores the registers right below those, and hands on where they begin.

use std::arch::naked_asm;
use std::ffi::{c_char, c_int};

use super::exec::{execv, execve, execvp};
use crate::sys::Vector;

unsafe extern "C-unwind" fn execl_vector(path: *const c_char, argv: Vector) -> c_int {
    // SAFETY: the caller of execl(3) promises what that of execv(3) does.
    unsafe { execv(path, argv) }
}

unsafe extern "C-unwind" fn execlp_vector(file: *const c_char, argv: Vector) -> c_int {
    // SAFETY: the caller of execlp(3) promises what that of execvp(3) does.
    unsafe { execvp(file, argv) }
}

/// After the null pointer that ends the arguments the list goes on with the environment.
unsafe extern "C-unwind" fn execle_vector(path: *const c_char, argv: Vector) -> c_int {
    // SAFETY: the caller of execle(3) promises both. The list is read up to there only.
    unsafe {
        let mut end = argv;
        while !(*end).is_null() {
            end = end.add(1);
        }
        execve(path, argv, *end.add(1).cast())
    }
}

macro_rules! variadic {
    ($(#[$doc:meta] $name:ident by $vector:ident;)+) => { $(
        #[$doc]
        ///
        /// # Safety
        ///
        /// As in the manual page. Declared without the list, which no Rust code hands over.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name() -> c_int {
            // The list begins with the second argument. The return address lies between the strings in registers and
            // those on the stack, so it makes room and comes back.
            #[cfg(target_arch = "x86_64")]
            naked_asm!(
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
            );
            #[cfg(target_arch = "aarch64")]
            naked_asm!(
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
            );
        }
    )+ };
}

variadic! {
    /// execl(3).
    execl by execl_vector;
    /// execlp(3).
    execlp by execlp_vector;
    /// execle(3).
    execle by execle_vector;
}
