//! Holds what depends on the processor. Each architecture has a file with the same names in it, and nothing else in
//! this library asks which one it is.

// The stand-ins for libc's functions are no part of unit tests.
#![cfg_attr(test, allow(dead_code))]

mod calls;

#[cfg(not(target_arch = "x86_64"))]
mod copying;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
mod generic;
#[cfg(any(target_arch = "x86_64", target_arch = "powerpc64"))]
mod older;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "powerpc64")]
mod powerpc64;
#[cfg(target_arch = "riscv64")]
mod riscv64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64::*;
#[cfg(target_arch = "powerpc64")]
pub use powerpc64::*;
#[cfg(target_arch = "riscv64")]
pub use riscv64::*;
#[cfg(target_arch = "x86_64")]
pub use x86_64::*;

pub use calls::{Call, padded};
