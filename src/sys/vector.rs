//! Reads null-terminated vectors of C strings: arguments and environments.
//!
//! Async-signal-safe: reads memory, and nothing else.

use std::ffi::{CStr, c_char};

use super::Vector;

/// Returns whether a string begins with bytes none of which is zero. Reads it no further than that.
///
/// # Safety
///
/// `string` is a C string.
pub unsafe fn begins_with(string: *const c_char, beginning: &[u8]) -> bool {
    let mut bytes = beginning.iter().enumerate();
    // SAFETY: the zero at the end of the string is equal to no byte of the beginning, so nothing behind it is read.
    bytes.all(|(at, byte)| unsafe { *string.add(at).cast::<u8>() } == *byte)
}

/// Iterates over the strings of a null-terminated vector.
///
/// # Safety
///
/// `vector` is null, or it and its strings live for `'a`.
pub unsafe fn strings<'a>(vector: Vector) -> impl Iterator<Item = &'a CStr> {
    // SAFETY: this function's contract.
    let pointers = unsafe { pointers(vector) };
    // SAFETY: each string lives long enough, by this function's contract.
    pointers.map(|string| unsafe { CStr::from_ptr(string) })
}

/// Iterates over the pointers of a null-terminated vector, up to the null.
///
/// # Safety
///
/// `vector` is null, or can be read as long as the iterator is used.
pub unsafe fn pointers(mut vector: Vector) -> impl Iterator<Item = *const c_char> {
    std::iter::from_fn(move || {
        if vector.is_null() {
            return None;
        }
        // SAFETY: the vector can be read up to its null pointer, by this function's contract.
        unsafe {
            let string = *vector;
            if string.is_null() {
                return None;
            }
            vector = vector.add(1);
            Some(string)
        }
    })
}
