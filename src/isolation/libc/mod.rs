//! Makes the functions of libc that we, std and the crates call, over the kernel's system calls.
//!
//! A program may define any name that libc has, and so may another preload: the loader would bind our reference to *that*
//! function. It may do something else than libc's (a shell's own `putenv`). It may not work yet (a preload whose
//! constructor has yet to run). It may keep tables by descriptor number, while our threads have a descriptor table of
//! their own. So the linker sends our calls of these names here (`--wrap`, see build.rs). The symbols are hidden; what the
//! host calls is not concerned.
//!
//! What has to be libc's own is looked up in its table of symbols. What is left to the loader has a name that
//! is reserved to the implementation: tests/transparency/imports.rs holds the list of them.
//!
//! Each function does what its manual page says, sets errno, and is no cancellation point.

mod by_architecture;
mod files;
mod loader;
mod memory;
mod processes;
mod signals;
mod sockets;
mod strings;
mod threads;
mod time;

crate::sys::c_library::of_musl! {
    mod musl;
}

use std::ffi::c_long;

use crate::sys::{Errno, raw, set_errno};

/// Makes a system call; answers -1 and sets errno where the kernel refuses.
///
/// # Safety
///
/// As for [`raw::call`].
#[inline(always)]
unsafe fn call<const N: usize>(number: c_long, arguments: [usize; N]) -> isize {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    // SAFETY: the caller's promise.
    answer(unsafe { raw::call(number, all) })
}

fn answer(by_kernel: isize) -> isize {
    if (-4095..0).contains(&by_kernel) {
        return refuse(-by_kernel as i32);
    }
    by_kernel
}

#[cold]
#[inline(never)]
fn refuse(errno: i32) -> isize {
    set_errno(Errno(errno));
    -1
}

/// Functions that do nothing but make a system call. Arguments are register-sized: the kernel takes of
/// each what its type has.
macro_rules! system_calls {
    ($($name:ident($($argument:ident),*) => $number:ident[$($value:expr),*];)+) => {
        $(
            unsafe extern "C-unwind" fn $name($($argument: usize),*) -> isize {
                // SAFETY: the contract of the function is the system call's.
                unsafe { super::call(libc::$number, [$($value),*]) }
            }
        )+
        crate::isolation::wrap::wrap!($($name),+);
    };
}
use system_calls;

/// Functions that go on to libc's own.
macro_rules! of_libc {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty, or $missing:expr;)+) => { $(
        unsafe extern "C-unwind" fn $name($($argument: $type),*) -> $result {
            // In a page that the loader writes to anyway: each start calls some of them.
            #[unsafe(link_section = ".data")]
            static OF_LIBC: crate::sys::function::LibcFunction = crate::sys::function::LibcFunction::new();
            let function = OF_LIBC.address(crate::sys::function::name!($name));
            if function.is_null() {
                return $missing;
            }
            // SAFETY: libc's function of that name has that type; the caller's promise. One that is cancelled in it
            // leaves a frame with nothing to clean up.
            unsafe {
                std::mem::transmute::<*mut std::ffi::c_void, unsafe extern "C-unwind" fn($($type),*) -> $result>(function)($($argument),*)
            }
        }
    )+ };
}
use of_libc;

/// Does what syscall(2) does, which takes the number of the call and up to six arguments.
unsafe extern "C-unwind" fn syscall(
    number: c_long,
    first: usize,
    second: usize,
    third: usize,
    fourth: usize,
    fifth: usize,
    sixth: usize,
) -> isize {
    // SAFETY: the caller's promise. What it has not passed is undefined, and not read by the kernel.
    unsafe { call(number, [first, second, third, fourth, fifth, sixth]) }
}
crate::isolation::wrap::wrap!(syscall);

/// "This directory", as openat(2) and its relatives take it.
const HERE: usize = libc::AT_FDCWD as usize;

const NO_FOLLOW: usize = libc::AT_SYMLINK_NOFOLLOW as usize;
