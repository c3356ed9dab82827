//! Replaces execl, execlp and execle: exec(3) with a list of arguments instead of a vector.
//!
//! Rust cannot define a function with a variable number of arguments. But by the calling conventions such a list nearly
//! is a vector. Its first strings are in registers, and the others lie one after the other on the caller's stack. So
//! each function stores the registers right below those, and hands on where they begin.

use std::ffi::{c_char, c_int};

use super::exec::{execv, execve, execvp};
use crate::sys::Vector;
use crate::sys::arch::hand_on_list;

unsafe extern "C-unwind" fn execl_vector(path: *const c_char, argv: Vector) -> c_int {
    // SAFETY: the caller of execl(3) promises what that of execv(3) does.
    unsafe { execv(path, argv) }
}

unsafe extern "C-unwind" fn execlp_vector(file: *const c_char, argv: Vector) -> c_int {
    // SAFETY: the caller of execlp(3) promises what that of execvp(3) does.
    unsafe { execvp(file, argv) }
}

/// Finds the environment, which follows the null pointer that ends the arguments, and calls execve(2).
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
            hand_on_list!($vector);
        }
    )+ };
}

variadic! {
    /// Replaces execl(3).
    execl by execl_vector;
    /// Replaces execlp(3).
    execlp by execlp_vector;
    /// Replaces execle(3).
    execle by execle_vector;
}
