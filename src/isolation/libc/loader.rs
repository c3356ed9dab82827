//! Answers what std and the unwinder ask the loader.

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::sys::objects;

/// Answers dlsym(3), by which std asks for the smallest stack of a thread that libc allows.
unsafe extern "C" fn dlsym(_: *mut c_void, name: *const c_char) -> *mut c_void {
    // SAFETY: dlsym(3) takes a C string.
    objects::next(unsafe { CStr::from_ptr(name) }).cast_mut()
}

type Callback = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;

/// Answers dl_iterate_phdr(3), by which the unwinder finds the tables of a frame where libc has no faster way. It
/// unwinds a panic of ours from our frames to our frames: it need not know any other object.
unsafe extern "C" fn dl_iterate_phdr(callback: Callback, data: *mut c_void) -> c_int {
    unsafe extern "C" {
        /// The start of this library in memory, by a name that the linker gives it.
        static __ehdr_start: libc::Elf64_Ehdr;
    }
    // SAFETY: the linker's symbol; the library stays mapped. All zeroes is a valid dl_phdr_info. The callback
    // is the caller's.
    unsafe {
        let header = &raw const __ehdr_start;
        let mut info: libc::dl_phdr_info = std::mem::zeroed();
        info.dlpi_addr = header as u64;
        info.dlpi_name = c"".as_ptr();
        info.dlpi_phdr = header.cast::<u8>().add((*header).e_phoff as usize).cast();
        info.dlpi_phnum = (*header).e_phnum;
        info.dlpi_adds = 1;
        callback(&mut info, size_of::<libc::dl_phdr_info>(), data)
    }
}

crate::isolation::wrap::wrap!(dlsym, dl_iterate_phdr);

// LLVM's unwinder, with which the portable library is linked, has messages for its developers. Nobody gets them.

extern "C" fn dladdr(_: *const c_void, _: *mut c_void) -> c_int {
    0
}

extern "C" fn fprintf(_: *mut c_void, _: *const c_char) -> c_int {
    0
}

extern "C" fn fwrite(_: *const c_void, _: usize, count: usize, _: *mut c_void) -> usize {
    count
}

extern "C" fn fflush(_: *mut c_void) -> c_int {
    0
}

unsafe extern "C" fn snprintf(to: *mut c_char, size: usize, _: *const c_char) -> c_int {
    if size > 0 {
        // SAFETY: the caller has room for `size` bytes.
        unsafe { *to = 0 };
    }
    0
}

#[expect(non_upper_case_globals, reason = "the name that C has for it")]
static stderr: usize = 0;

crate::isolation::wrap::wrap!(dladdr, fprintf, fwrite, fflush, snprintf, stderr);
