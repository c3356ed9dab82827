//! A function of libc behind the one that we export in its place.

use std::ffi::{CStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

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

    /// Its address; null if there is none.
    pub fn address(&self) -> *mut c_void {
        let mut address = self.address.load(Ordering::Relaxed);
        if address.is_null() {
            // SAFETY: a C string.
            address = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
            self.address.store(address, Ordering::Relaxed);
        }
        address
    }
}
