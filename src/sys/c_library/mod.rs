//! Holds what differs between the C libraries that a program may run with: a file for each, with the same names in it.
//!
//! A library for one of them does not load beside the other, so it is known when this is compiled. No other file of
//! `src/` asks for it. What is the same in both is in `own.rs`. (Stand-ins for names that only musl has are in `isolation/libc/musl.rs`.)

pub mod daemon;
pub mod loader;
mod own;

#[cfg(not(test))]
pub use own::getauxval;
pub use own::sigaction;

#[cfg(target_env = "gnu")]
mod glibc;
#[cfg(target_env = "gnu")]
pub(crate) use glibc::*;

#[cfg(target_env = "musl")]
mod musl;
#[cfg(target_env = "musl")]
pub(crate) use musl::*;

#[cfg(not(any(target_env = "gnu", target_env = "musl")))]
compile_error!("libpidfile knows glibc and musl");
