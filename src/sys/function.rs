//! Finds functions past the ones that the program, another preload or this library export by the same name.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::objects;

/// The definition of a function behind the one that we export in its place: libc's, or that of another preload, in the
/// order of LD_PRELOAD.
pub type NextFunction = Function<false>;
/// A function of the C library, found in its own table of symbols. Neither the program nor another preload can put one
/// of its own in its place.
pub type LibcFunction = Function<true>;

/// Where a function is, once it was looked up: the C library's own, or the next one behind ours.
///
/// Its name is with the caller. So the loader has nothing to write here, and no process has to copy the page for it.
pub struct Function<const IS_LIBCS: bool> {
    address: AtomicPtr<c_void>,
}

impl<const IS_LIBCS: bool> Function<IS_LIBCS> {
    /// Makes one that was not looked up yet.
    pub const fn new() -> Self {
        Self {
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Returns the address as [`Function::address`] does, by code that is part of the caller: no other page of ours is touched.
    #[inline(always)]
    pub fn address_here(&self, name: &CStr) -> *mut c_void {
        let address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            self.address(name)
        } else {
            address
        }
    }

    /// Returns the address of the function of this name, which is the same in each call; null if there is none. The first
    /// call looks it up.
    ///
    /// Async-signal-safe, and right in a vfork child: see [`objects`].
    #[inline(never)]
    pub fn address(&self, name: &CStr) -> *mut c_void {
        let mut address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            let found = if IS_LIBCS {
                objects::of_libc(name)
            } else {
                objects::next(name)
            };
            address = found.cast_mut();
            self.address.store(address, Ordering::Relaxed);
        }
        address
    }
}

/// The name of a function as a C string.
macro_rules! name {
    ($name:ident) => {{
        // SAFETY: the literal ends in a zero byte, and has no other.
        const NAME: &std::ffi::CStr = unsafe {
            std::ffi::CStr::from_bytes_with_nul_unchecked(
                concat!(stringify!($name), "\0").as_bytes(),
            )
        };
        NAME
    }};
}

pub(crate) use name;
