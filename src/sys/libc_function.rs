//! Finds a function that has to be the C library's own, whoever else has one of that name.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::objects;

/// A function of the C library, found in its own table of symbols: neither the program nor another preload can put one of
/// its own in the place of it.
pub struct LibcFunction {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl LibcFunction {
    pub const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Returns its address; null if there is none. It is looked up at the first call.
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
        let address = objects::of_libc(self.name).cast_mut();
        self.address.store(address, Ordering::Relaxed);
        address
    }
}
