//! Makes a copy of an environment in which `LIBPIDFILE_MARK` is as it should be.
//!
//! All of this is async-signal-safe and right in a vfork child, which shares its parent's memory and stack: nothing is
//! stored, no lock is taken and nothing allocated. The copy lies on the stack, in a frame as small as possible: at most 4
//! KiB, since signal handlers and threads have stacks of 16 KiB. A larger vector is copied to a mapping if this process
//! becomes the new program itself, which ends the mapping. A vfork child's would stay in its parent: there, a vector as
//! large is handed on as it is.

use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use crate::hooks::exec_role::{Change, For, change};
use crate::settings::exec_state::VARIABLE;
use crate::sys::{self, Vector, memory};

/// Calls `call` with what the new program is to get for `vector`.
///
/// # Safety
///
/// `vector` is null or a vector, and `call` accepts it.
pub unsafe fn with_role(vector: Vector, whom: For, call: &dyn Fn(Vector) -> c_int) -> c_int {
    // SAFETY: the caller's promise.
    let (change, is_itself) = unsafe { change(vector, whom) };
    let put = match change {
        Change::Nothing => return call(vector),
        Change::Put(text) => Some(text),
        Change::Remove => None,
    };
    // SAFETY: as above; a vector that is to be changed is not null. The room is as the copy needs it.
    let result = unsafe {
        // One more, and the null pointer.
        match length(vector) + 2 {
            ..=32 => on_stack::<32>(vector, put, call),
            33..=128 => on_stack::<128>(vector, put, call),
            129..=512 => on_stack::<512>(vector, put, call),
            room if is_itself => in_mapping(room, vector, put, call),
            _ => return call(vector),
        }
    };
    let errno = match whom {
        For::Itself => sys::errno().0,
        For::Child => result,
    };
    // The one variable more may have been too much: see `exec_state` for what a new image without it relies on.
    if errno == libc::E2BIG && put.is_some() {
        return call(vector);
    }
    result
}

/// Returns the number of strings in a vector.
///
/// # Safety
///
/// `vector` is a vector.
unsafe fn length(vector: Vector) -> usize {
    let mut length = 0;
    // SAFETY: up to its null pointer a vector can be read.
    while unsafe { !(*vector.add(length)).is_null() } {
        length += 1;
    }
    length
}

/// Calls `call` with a copy on the stack.
///
/// # Safety
///
/// `vector` has at most `ROOM - 2` strings.
#[inline(never)]
unsafe fn on_stack<const ROOM: usize>(
    vector: Vector,
    put: Option<&CStr>,
    call: &dyn Fn(Vector) -> c_int,
) -> c_int {
    let mut copy = [const { std::mem::MaybeUninit::<*const c_char>::uninit() }; ROOM];
    // SAFETY: room for one more string and the null pointer, by the caller's promise.
    call(unsafe { copied(vector, put, copy.as_mut_ptr().cast()) })
}

/// Calls `call` with a copy in a mapping; with `vector` itself if there is no memory.
///
/// # Safety
///
/// `vector` has `room - 2` strings. This is no vfork child.
#[inline(never)]
unsafe fn in_mapping(
    room: usize,
    vector: Vector,
    put: Option<&CStr>,
    call: &dyn Fn(Vector) -> c_int,
) -> c_int {
    let size = room * size_of::<*const c_char>();
    let before = sys::errno();
    let Some(copy) = memory::map(size, libc::MAP_PRIVATE) else {
        sys::set_errno(before);
        return call(vector);
    };
    // SAFETY: the mapping is as large as the copy, and nobody else knows of it. Nothing refers to it after the call, which
    // returns only if it has failed.
    unsafe {
        let result = call(copied(vector, put, copy.as_ptr().cast()));
        let errno = sys::errno();
        libc::munmap(copy.as_ptr(), size);
        sys::set_errno(errno);
        result
    }
}

/// Copies `vector` without the variable, and puts that there as it should be.
///
/// # Safety
///
/// There is room for one string more than `vector` has, and the null pointer.
unsafe fn copied(vector: Vector, put: Option<&CStr>, copy: *mut *const c_char) -> Vector {
    let (mut from, mut to) = (vector, copy);
    // SAFETY: the caller's promise.
    unsafe {
        while !(*from).is_null() {
            let is_variable = CStr::from_ptr(*from)
                .to_bytes()
                .strip_prefix(VARIABLE)
                .is_some_and(|rest| rest.first() == Some(&b'='));
            if !is_variable {
                to.write(*from);
                to = to.add(1);
            }
            from = from.add(1);
        }
        if let Some(text) = put {
            to.write(text.as_ptr());
            to = to.add(1);
        }
        to.write(ptr::null());
    }
    copy
}
