//! Finds the definition of a function behind the one that we export in its place: libc's, or that of another preload.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::objects;

/// A function of that name behind ours, in the order of LD_PRELOAD.
pub struct NextFunction {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl NextFunction {
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
        let address = objects::next(self.name).cast_mut();
        self.address.store(address, Ordering::Relaxed);
        address
    }
}
