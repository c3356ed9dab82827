//! Replaces exec(3) and posix_spawn(3): tells the new program what this process is to the file.
//!
//! Each function goes on to the next definition of its name, or of the sibling that takes a vector. The one difference is
//! `LIBPIDFILE_MARK` in a copy of that vector, see [`exec_state`](crate::settings::exec_state). The vector itself and its
//! strings stay as they are.
//!
//! Within glibc `execv` and the others do not go through the exported `execve`, so each needs its own.

use std::ffi::{c_char, c_int, c_void};

use crate::hooks::exec_role::For;
use crate::hooks::exec_vector::with_role;
use crate::hooks::next;
use crate::sys::c_library::of_glibc;
use crate::sys::{Vector, environment};

/// Replaces execve(2).
///
/// # Safety
///
/// As for execve(2).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execve(path: *const c_char, argv: Vector, envp: Vector) -> c_int {
    // SAFETY: the caller's promise; the vector is one too.
    let call = |envp| unsafe { next::execve(path, argv, envp) };
    // SAFETY: the caller's promise.
    unsafe { with_role(envp, For::Itself, &call) }
}

/// Replaces execv(3).
///
/// # Safety
///
/// As for execv(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execv(path: *const c_char, argv: Vector) -> c_int {
    let envp = environment();
    // SAFETY: the caller's promise; the vector is one too.
    let call = |changed| unsafe {
        if changed == envp {
            next::execv(path, argv)
        } else {
            next::execve(path, argv, changed)
        }
    };
    // SAFETY: the environment is a vector; the caller's promise.
    unsafe { with_role(envp, For::Itself, &call) }
}

/// Replaces execvp(3).
///
/// # Safety
///
/// As for execvp(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execvp(file: *const c_char, argv: Vector) -> c_int {
    let envp = environment();
    // SAFETY: the caller's promise; the vector is one too.
    let call = |changed| unsafe {
        if changed == envp {
            next::execvp(file, argv)
        } else {
            next::execvpe(file, argv, changed)
        }
    };
    // SAFETY: the environment is a vector; the caller's promise.
    unsafe { with_role(envp, For::Itself, &call) }
}

/// Replaces execvpe(3).
///
/// # Safety
///
/// As for execvpe(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn execvpe(file: *const c_char, argv: Vector, envp: Vector) -> c_int {
    // SAFETY: the caller's promise; the vector is one too.
    let call = |envp| unsafe { next::execvpe(file, argv, envp) };
    // SAFETY: the caller's promise.
    unsafe { with_role(envp, For::Itself, &call) }
}

/// Replaces fexecve(3).
///
/// # Safety
///
/// As for fexecve(3).
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn fexecve(fd: c_int, argv: Vector, envp: Vector) -> c_int {
    // SAFETY: the caller's promise; the vector is one too.
    let call = |envp| unsafe { next::fexecve(fd, argv, envp) };
    // SAFETY: the caller's promise.
    unsafe { with_role(envp, For::Itself, &call) }
}

of_glibc! {
    /// Replaces execveat(2).
    ///
    /// # Safety
    ///
    /// As for execveat(2).
    #[unsafe(no_mangle)]
    pub unsafe extern "C-unwind" fn execveat(
        directory: c_int,
        path: *const c_char,
        argv: Vector,
        envp: Vector,
        flags: c_int,
    ) -> c_int {
        // SAFETY: the caller's promise; the vector is one too.
        let call = |envp| unsafe { next::execveat(directory, path, argv, envp, flags) };
        // SAFETY: the caller's promise.
        unsafe { with_role(envp, For::Itself, &call) }
    }
}

macro_rules! spawn {
    ($(#[$doc:meta] $name:ident;)+) => { $(
        #[$doc]
        ///
        /// # Safety
        ///
        /// As in the manual page.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $name(
            pid: *mut libc::pid_t,
            file: *const c_char,
            actions: *const c_void,
            attributes: *const c_void,
            argv: Vector,
            envp: Vector,
        ) -> c_int {
            // SAFETY: the caller's promise; the vector is one too.
            let call = |envp| {
                // SAFETY: the caller's promise; the vector is one too.
                unsafe { next::$name(pid, file, actions, attributes, argv, envp) }
            };
            // SAFETY: the caller's promise.
            unsafe { with_role(envp, For::Child, &call) }
        }
    )+ };
}

spawn! {
    /// Replaces posix_spawn(3).
    posix_spawn;
    /// Replaces posix_spawnp(3).
    posix_spawnp;
}
