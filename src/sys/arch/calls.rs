//! Describes system calls as data: a number, and what goes into the registers.

use std::ffi::c_long;

/// A system call that is yet to be made (see [`crate::sys::raw::make`]).
pub type Call = (c_long, [usize; 6]);

/// Returns the arguments, and zeroes after them.
#[inline(always)]
pub const fn padded<const N: usize>(arguments: [usize; N]) -> [usize; 6] {
    const { assert!(N <= 6) };
    let mut all = [0; 6];
    let mut at = 0;
    while at < N {
        all[at] = arguments[at];
        at += 1;
    }
    all
}

/// Functions that return the system call which libc makes for them on this architecture: a sandbox may know no other.
macro_rules! calls {
    ($($name:ident($($argument:ident),*) => $number:ident[$($value:expr),*];)+) => { $(
        #[doc = concat!("Returns how ", stringify!($name), "(2) is called.")]
        #[inline(always)]
        pub const fn $name($($argument: usize),*) -> $crate::sys::arch::calls::Call {
            (libc::$number, $crate::sys::arch::calls::padded([$($value),*]))
        }
    )+ };
}
pub(crate) use calls;
