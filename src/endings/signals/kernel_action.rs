//! rt_sigaction(2) past libc, for the signal that libc lets nobody touch.

use std::ffi::{c_int, c_ulong};
use std::ptr;

/// The kernel's own form of an action (include/linux/signal_types.h).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct KernelAction {
    pub handler: usize,
    pub flags: c_ulong,
    restorer: usize,
    mask: u64,
}

impl KernelAction {
    pub const DEFAULT: Self = Self {
        handler: libc::SIG_DFL,
        flags: 0,
        restorer: 0,
        mask: 0,
    };

    /// What the kernel has for a signal.
    pub fn of(signal: c_int) -> Option<Self> {
        let mut action = Self::DEFAULT;
        (rt_sigaction(signal, ptr::null(), &mut action) == 0).then_some(action)
    }

    /// The same with another handler.
    pub fn with(self, handler: usize) -> Self {
        Self { handler, ..self }
    }

    pub fn install(&self, signal: c_int) {
        rt_sigaction(signal, self, ptr::null_mut());
    }
}

fn rt_sigaction(signal: c_int, new: *const KernelAction, old: *mut KernelAction) -> i64 {
    // SAFETY: the kernel's structure, and the size of the mask in it. What is installed is the
    // default, or a handler with all else as libc has installed it before.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, new, old, size_of::<u64>()) }
}
