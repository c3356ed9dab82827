//! Maps memory of its own.
//!
//! A static that is large, and zero at first, lies in the section `.bss.large`. So all that is small lies together: a forked
//! child writes to some of it, and each page that it writes to is copied. Shown by
//! `transparency/children::child_of_an_owner_writes_to_few_pages`.

use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

/// Maps `size` bytes that are zero, for reading and writing. `sharing` is `MAP_PRIVATE` or `MAP_SHARED`, with other flags
/// of mmap(2). Returns nothing if there is no memory.
///
/// Async-signal-safe.
pub fn map(size: usize, sharing: c_int) -> Option<NonNull<c_void>> {
    let (access, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        sharing | libc::MAP_ANONYMOUS,
    );
    // SAFETY: a new anonymous mapping, where the kernel has room: no other memory changes, and nothing else knows of it yet.
    let memory = unsafe { libc::mmap64(ptr::null_mut(), size, access, flags, -1, 0) };
    NonNull::new(memory).filter(|_| memory != libc::MAP_FAILED)
}
