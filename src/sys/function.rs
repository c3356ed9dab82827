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

/// A function, by its name: the C library's own, or the next one behind ours.
pub struct Function<const IS_LIBCS: bool> {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl<const IS_LIBCS: bool> Function<IS_LIBCS> {
    /// Names the function. Looks nothing up yet.
    pub const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Returns the address of the function; null if there is none. The first call looks it up.
    ///
    /// Async-signal-safe, and right in a vfork child: see [`objects`].
    #[inline]
    pub fn address(&self) -> *mut c_void {
        let address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            return self.look_up();
        }
        address
    }

    #[cold]
    #[inline(never)]
    fn look_up(&self) -> *mut c_void {
        let found = if IS_LIBCS {
            objects::of_libc(self.name)
        } else {
            objects::next(self.name)
        };
        let address = found.cast_mut();
        self.address.store(address, Ordering::Relaxed);
        address
    }
}
