//! Copies and sets memory, for all processors but x86-64, which has an instruction for it.

/// Copies memory, from the first byte on. memcpy(3) is made of it, so no loop may become a call of that.
///
/// # Safety
///
/// As of memcpy(3); `to` may lie below `from` in the same memory.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, size: usize) {
    for at in 0..size {
        // SAFETY: the caller's promise.
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
}

/// Sets memory. memset(3) is made of it, so no loop may become a call of that.
///
/// # Safety
///
/// As of memset(3).
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, size: usize) {
    for at in 0..size {
        // SAFETY: the caller's promise.
        unsafe { to.add(at).write_volatile(byte) };
    }
}
